package org.loft4j.data.jinja;

/** A parsed statement or a piece of text. */
@FunctionalInterface
interface Statement {
    /** What the loop around a statement does next. */
    enum Flow {
        NEXT,
        BREAK,
        CONTINUE
    }

    Flow run(Frame frame);
}
