package org.loft4j.infer;

import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.loft4j.infer.Continuation.Stop;
import org.loft4j.nn.PromptSampler;

/** One continuation as it grows, token by token. */
final class WrittenRow {
    private static final int FIRST_ROOM = 256;

    private final int number;
    private final Sampler sampler;
    private final TokenRules rules;
    private final int begun;
    private final int limit;
    private final Stop last;
    // with room for more: a model without a last position may be asked for as many tokens as there are numbers
    private long[] ids;
    private int size;
    private @Nullable Stop stop;

    /**
     * @param number of the prompt in the call
     * @param prompt what stands before the first token
     * @param limit how many may be written at most
     * @param last why no more than that
     */
    WrittenRow(int number, Sampler sampler, TokenRules rules, long[] prompt, int limit, Stop last) {
        this.number = number;
        this.sampler = sampler;
        this.rules = rules;
        this.begun = prompt.length;
        this.limit = limit;
        this.ids = Arrays.copyOf(prompt, begun + Math.min(limit, FIRST_ROOM));
        this.last = last;
    }

    boolean isOpen() {
        return stop == null;
    }

    /** The new id, which is read next unless it is the last. */
    long take(float[] logits, PromptSampler.Listener listener) {
        OptionalLong forced = rules.forced(size, limit);
        rules.hide(logits, ids, begun + size, size);
        boolean cut = rules.cuts(size, limit) && sampler.next(logits) != forced.orElseThrow();
        long id = forced.isPresent() ? sampler.take(forced.getAsLong()) : sampler.next(logits);
        if (begun + size == ids.length) {
            ids = Arrays.copyOf(ids, begun + (int) Math.min(limit, 2L * size));
        }
        ids[begun + size++] = id;
        boolean more = listener.onToken(number, id);
        if (rules.ends().contains(id) && !cut) {
            stop = Stop.STOP_ID;
        } else if (!more) {
            stop = Stop.LISTENER;
        } else if (size == limit) {
            stop = last;
        }
        return id;
    }

    /** Once it has ended. */
    Continuation continuation() {
        return new Continuation(Arrays.copyOfRange(ids, begun, begun + size), Objects.requireNonNull(stop));
    }
}
