package org.loft4j.data.jinja;

import org.jspecify.annotations.Nullable;

/** A parsed expression. */
@FunctionalInterface
interface Expression {
    @Nullable
    Object evaluate(Frame frame);
}
