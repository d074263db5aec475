package org.loft4j.data.jinja;

import java.util.List;

/**
 * What a template made.
 *
 * @param text all of it
 * @param generated the parts between {@code {% generation %}} and {@code {% endgeneration %}}, in order; none if one of them is in a
 *     macro, or in a block that is set, filtered or called: where such a text will stand is not known when it is made
 */
public record Rendered(String text, List<Span> generated) {
    public Rendered {
        generated = List.copyOf(generated);
    }

    /** Characters {@code [start, end)}. */
    public record Span(int start, int end) {}
}
