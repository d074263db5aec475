package org.loft4j.data.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The variables that a statement sees, and where its text goes. A loop's body, a macro and a block each open a frame of their own. */
final class Frame {
    final Rendering rendering;
    final StringBuilder output;
    private final @Nullable Frame parent;
    private final boolean apart;
    private final Map<String, @Nullable Object> variables = new HashMap<>();

    Frame(Rendering rendering, StringBuilder output, @Nullable Frame parent) {
        this.rendering = rendering;
        this.output = output;
        this.parent = parent;
        this.apart = parent != null && (parent.apart || output != parent.output);
    }

    /** A frame whose assignments end with it. */
    Frame inner() {
        return new Frame(rendering, output, this);
    }

    /** The same, with its text kept apart. */
    Frame captured() {
        return new Frame(rendering, new StringBuilder(), this);
    }

    void set(String name, @Nullable Object value) {
        variables.put(name, value);
    }

    @Nullable
    Object get(String name) {
        for (Frame frame = this; frame != null; frame = frame.parent) {
            if (frame.variables.containsKey(name)) {
                return frame.variables.get(name);
            }
        }
        return Undefined.name(name);
    }

    /** Notes that what was written from {@code start} on was generated; where a text that is kept apart will stand nobody knows. */
    void generated(int start) {
        rendering.generated(apart ? null : new Rendered.Span(start, output.length()));
    }

    void write(String text) {
        rendering.make(text.length());
        output.append(text);
    }
}
