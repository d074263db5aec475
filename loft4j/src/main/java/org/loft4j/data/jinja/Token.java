package org.loft4j.data.jinja;

/**
 * A token of a template.
 *
 * @param text as it stands there; of a string its value
 * @param line counted from 1
 */
record Token(Kind kind, String text, int line) {
    enum Kind {
        TEXT,
        EXPRESSION_START,
        EXPRESSION_END,
        TAG_START,
        TAG_END,
        NAME,
        STRING,
        INTEGER,
        FLOAT,
        OPERATOR,
        END
    }

    boolean is(String operator) {
        return kind == Kind.OPERATOR && text.equals(operator);
    }

    boolean isName(String name) {
        return kind == Kind.NAME && text.equals(name);
    }

    /** The number of an {@link Kind#INTEGER}. */
    long integer() {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new TemplateException("the number " + text + " is too large", line, e);
        }
    }

    String describe() {
        return switch (kind) {
            case END -> "the end of the template";
            case EXPRESSION_END -> "'}}'";
            case TAG_END -> "'%}'";
            case TEXT -> "text";
            default -> "'" + text + "'";
        };
    }
}
