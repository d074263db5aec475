package org.loft4j.data.jinja;

import org.jspecify.annotations.Nullable;

/** A function, method or macro. */
@FunctionalInterface
interface Callable {
    @Nullable
    Object call(Arguments arguments);
}
