package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Makes of tokens what an expression begins with: a name, a literal, or what stands in brackets. */
final class PrimaryParser {
    private final TokenStream tokens;
    private final ExpressionParser expressions;

    /** @param expressions makes what stands in brackets, of the same tokens */
    PrimaryParser(TokenStream tokens, ExpressionParser expressions) {
        this.tokens = tokens;
        this.expressions = expressions;
    }

    Expression primary() {
        Token token = tokens.next();
        return switch (token.kind()) {
            case NAME -> name(token.text());
            case STRING -> string(token.text());
            case INTEGER -> constant(token.integer());
            case FLOAT -> constant(Double.parseDouble(token.text()));
            case OPERATOR ->
                switch (token.text()) {
                    case "(" -> bracket();
                    case "[" -> collect(items(), values -> values);
                    case "{" -> dictionary();
                    default -> throw new TemplateException("unexpected " + token.describe(), token.line());
                };
            default -> throw new TemplateException("unexpected " + token.describe(), token.line());
        };
    }

    private static Expression name(String name) {
        return switch (name) {
            case "true", "True" -> constant(true);
            case "false", "False" -> constant(false);
            case "none", "None" -> constant(null);
            default -> frame -> frame.get(name);
        };
    }

    private static Expression constant(@Nullable Object value) {
        return frame -> value;
    }

    private Expression string(String first) {
        StringBuilder text = new StringBuilder(first);
        while (tokens.peek().kind() == Token.Kind.STRING) {
            text.append(tokens.next().text());
        }
        return constant(text.toString());
    }

    private Expression bracket() {
        if (tokens.take(")")) {
            return constant(new Tuple(List.of()));
        }
        Expression value = expressions.tuple(true);
        tokens.expect(")");
        return value;
    }

    private List<Expression> items() {
        List<Expression> items = new ArrayList<>();
        while (!tokens.take("]")) {
            items.add(expressions.expression());
            if (!tokens.peek().is("]")) {
                tokens.expect(",");
            }
        }
        return items;
    }

    private Expression dictionary() {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.take("}")) {
            keys.add(expressions.expression());
            tokens.expect(":");
            values.add(expressions.expression());
            if (!tokens.peek().is("}")) {
                tokens.expect(",");
            }
        }
        return frame -> {
            Map<@Nullable Object, @Nullable Object> made = new LinkedHashMap<>();
            for (int i = 0; i < keys.size(); i++) {
                made.put(Values.key(keys.get(i).evaluate(frame)), values.get(i).evaluate(frame));
            }
            frame.rendering.make(Cost.made(made));
            return made;
        };
    }

    /** What becomes of the values of several expressions. */
    @FunctionalInterface
    interface Collected {
        Object of(List<@Nullable Object> values);
    }

    /** Several expressions as one, a list or a tuple of their values. */
    static Expression collect(List<Expression> items, Collected made) {
        return frame -> {
            List<@Nullable Object> values = new ArrayList<>();
            for (Expression item : items) {
                values.add(item.evaluate(frame));
            }
            frame.rendering.make(24 + 2L * values.size());
            return made.of(values);
        };
    }
}
