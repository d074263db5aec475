package org.loft4j.data.jinja;

import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One rendering of a template: where it is, what it may still spend. */
final class Rendering {
    private static final long MOST_STEPS = 2_000_000;
    private static final long MOST_CHARACTERS = 32L << 20;
    private static final long MOST_WORK = 1_000_000_000;
    private static final long WORK_BETWEEN_CLOCKS = 1 << 20;
    private static final int DEEPEST = 100;
    private static final long LONGEST_NANOS = 10_000_000_000L;

    final ZonedDateTime now;
    int line;

    private final List<Rendered.Span> generated = new ArrayList<>();
    private boolean misplaced;

    private final long started = System.nanoTime();
    private long steps;
    private long characters;
    private long work;
    private long clock;
    private int depth;

    Rendering(ZonedDateTime now) {
        this.now = now;
    }

    /** @param span a part that was marked as generated; null where its place is not known */
    void generated(Rendered.@Nullable Span span) {
        if (span == null) {
            misplaced = true;
        } else {
            generated.add(span);
        }
    }

    /** The parts that were marked, in order; none where the place of one is not known, for the others would be half of them. */
    List<Rendered.Span> generated() {
        return misplaced ? List.of() : generated;
    }

    /** Counts one statement, iteration or call. */
    void step() {
        work(256);
        if (++steps > MOST_STEPS) {
            throw endless();
        }
    }

    /** Counts characters and elements that are about to be looked at. */
    void work(long count) {
        work += count;
        clock += count;
        if (count < 0 || work > MOST_WORK) {
            throw endless();
        }
        if (clock > WORK_BETWEEN_CLOCKS) {
            clock = 0;
            if (System.nanoTime() - started > LONGEST_NANOS) {
                throw endless();
            }
        }
    }

    private static TemplateException endless() {
        return new TemplateException("the template does not come to an end: it was stopped");
    }

    /** Counts characters and elements that are about to be made. */
    void make(long count) {
        characters += count;
        if (count < 0 || characters > MOST_CHARACTERS) {
            throw new TemplateException("the template makes too much text: it was stopped");
        }
    }

    void enter() {
        step();
        if (++depth > DEEPEST) {
            throw new TemplateException("macros call each other more than " + DEEPEST + " levels deep");
        }
    }

    void leave() {
        depth--;
    }
}
