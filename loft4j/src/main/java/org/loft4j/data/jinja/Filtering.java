package org.loft4j.data.jinja;

import org.jspecify.annotations.Nullable;

/** A filter with its arguments. */
@FunctionalInterface
interface Filtering {
    @Nullable
    Object apply(Frame frame, @Nullable Object value);
}
