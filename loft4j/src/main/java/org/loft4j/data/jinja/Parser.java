package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Makes statements of tokens. */
final class Parser {
    private static final int DEEPEST = 100;

    private final TokenStream tokens;
    private final ExpressionParser expressions;
    private int depth;

    Parser(List<Token> tokens) {
        this.tokens = new TokenStream(tokens);
        this.expressions = new ExpressionParser(this.tokens);
    }

    Statement template() {
        Statement body = block(Set.of());
        if (tokens.peek().kind() != Token.Kind.END) {
            throw tokens.fault("unexpected tag '" + tokens.peek().text() + "'");
        }
        return body;
    }

    /** Statements up to one of the tags given, whose name is then the next token. */
    private Statement block(Set<String> ends) {
        if (++depth > DEEPEST) {
            throw tokens.fault("statements are nested more than " + DEEPEST + " levels deep");
        }
        List<Statement> statements = new ArrayList<>();
        while (true) {
            Token token = tokens.peek();
            if (token.kind() == Token.Kind.TEXT) {
                String text = tokens.next().text();
                statements.add(frame -> {
                    frame.write(text);
                    return Statement.Flow.NEXT;
                });
            } else if (token.kind() == Token.Kind.EXPRESSION_START) {
                tokens.next();
                Expression expression = expressions.tuple(true);
                tokens.expect(Token.Kind.EXPRESSION_END);
                statements.add(Statements.at(token.line(), frame -> {
                    frame.write(Values.text(expression.evaluate(frame)));
                    return Statement.Flow.NEXT;
                }));
            } else if (token.kind() == Token.Kind.TAG_START) {
                tokens.next();
                Token name = tokens.peek();
                if (name.kind() == Token.Kind.NAME && ends.contains(name.text())) {
                    break;
                }
                tokens.expect(Token.Kind.NAME);
                statements.add(Statements.at(token.line(), tag(name)));
            } else {
                if (!ends.isEmpty()) {
                    throw tokens.fault("expected "
                            + String.join(" or ", ends.stream().sorted().toList()) + ", found " + token.describe());
                }
                break;
            }
        }
        depth--;
        return Statements.sequence(statements);
    }

    private Statement tag(Token name) {
        return switch (name.text()) {
            case "if" -> branch();
            case "for" -> loop();
            case "set" -> set();
            case "macro" -> macro();
            case "call" -> call();
            case "filter" -> filter();
            case "with" -> with();
            case "generation" -> generation();
            case "break" -> leaf(frame -> Statement.Flow.BREAK);
            case "continue" -> leaf(frame -> Statement.Flow.CONTINUE);
            case "include", "import", "from", "extends", "block", "do", "autoescape" ->
                throw tokens.fault("the tag '" + name.text() + "' is not for chat templates");
            default -> throw tokens.fault("unknown tag '" + name.text() + "'");
        };
    }

    private Statement leaf(Statement statement) {
        tokens.expect(Token.Kind.TAG_END);
        return statement;
    }

    /** A body up to its end tag, which is read. */
    private Statement body(String end) {
        tokens.expect(Token.Kind.TAG_END);
        return rest(end);
    }

    private Statement rest(String end) {
        Statement body = block(Set.of(end));
        tokens.next();
        tokens.expect(Token.Kind.TAG_END);
        return body;
    }

    private Statement branch() {
        Expression condition = expressions.tuple(false);
        tokens.expect(Token.Kind.TAG_END);
        Statement then = block(Set.of("elif", "else", "endif"));
        Token next = tokens.next();
        Statement otherwise = Statements.NOTHING;
        if (next.text().equals("elif")) {
            otherwise = Statements.at(next.line(), branch());
        } else if (next.text().equals("else")) {
            otherwise = body("endif");
        } else {
            tokens.expect(Token.Kind.TAG_END);
        }
        return Statements.branch(condition, then, otherwise);
    }

    private Statement loop() {
        List<String> targets = targets();
        tokens.expectName("in");
        Expression items = expressions.tuple(false);
        Expression only = null;
        if (tokens.takeName("if")) {
            only = expressions.expression();
        }
        if (tokens.peek().isName("recursive")) {
            throw tokens.fault("recursive loops are not for chat templates");
        }
        tokens.expect(Token.Kind.TAG_END);
        Statement body = block(Set.of("else", "endfor"));
        Statement none = Statements.NOTHING;
        if (tokens.next().text().equals("else")) {
            none = body("endfor");
        } else {
            tokens.expect(Token.Kind.TAG_END);
        }
        return new ForLoop(targets, items, only, body, none);
    }

    private List<String> targets() {
        List<String> names = new ArrayList<>();
        boolean bracket = tokens.take("(");
        do {
            names.add(tokens.expect(Token.Kind.NAME).text());
        } while (tokens.take(",")
                && tokens.peek().kind() == Token.Kind.NAME
                && !tokens.peek().isName("in"));
        if (bracket) {
            tokens.expect(")");
        }
        return names;
    }

    private Statement set() {
        List<String> targets = targets();
        @Nullable String attribute = null;
        if (targets.size() == 1 && tokens.take(".")) {
            attribute = tokens.expect(Token.Kind.NAME).text();
        }
        if (tokens.take("=")) {
            Expression value = expressions.tuple(true);
            tokens.expect(Token.Kind.TAG_END);
            return Statements.assign(targets, attribute, value);
        }
        List<Filtering> filters = expressions.filters();
        Statement body = body("endset");
        return Statements.assign(
                targets, attribute, frame -> filtered(filters, frame, Statements.capture(body, frame)));
    }

    private static @Nullable Object filtered(List<Filtering> filters, Frame frame, String text) {
        Object value = text;
        for (Filtering filter : filters) {
            value = filter.apply(frame, value);
        }
        return value;
    }

    private Statement filter() {
        List<Filtering> filters = new ArrayList<>();
        filters.add(expressions.filtering());
        filters.addAll(expressions.filters());
        Statement body = body("endfilter");
        return frame -> {
            frame.write(Values.text(filtered(filters, frame, Statements.capture(body, frame))));
            return Statement.Flow.NEXT;
        };
    }

    private Statement with() {
        Map<String, Expression> values = new LinkedHashMap<>();
        while (tokens.peek().kind() == Token.Kind.NAME) {
            String name = tokens.next().text();
            tokens.expect("=");
            values.put(name, expressions.expression());
            tokens.take(",");
        }
        Statement body = body("endwith");
        return frame -> {
            Frame inner = frame.inner();
            values.forEach((name, value) -> inner.set(name, value.evaluate(frame)));
            return body.run(inner);
        };
    }

    private Statement generation() {
        Statement body = body("endgeneration");
        return frame -> {
            int start = frame.output.length();
            Statement.Flow flow = body.run(frame);
            frame.generated(start);
            return flow;
        };
    }

    private Statement macro() {
        String name = tokens.expect(Token.Kind.NAME).text();
        Map<String, @Nullable Expression> parameters = parameters();
        Statement body = body("endmacro");
        return frame -> {
            frame.set(name, new Macro(name, parameters, body, frame));
            return Statement.Flow.NEXT;
        };
    }

    private Statement call() {
        Map<String, @Nullable Expression> parameters = tokens.peek().is("(") ? parameters() : Map.of();
        Calling called = expressions.calling();
        Statement body = body("endcall");
        return frame -> {
            Macro caller = new Macro("caller", parameters, body, frame);
            frame.write(Values.text(called.call(frame, Map.of("caller", caller))));
            return Statement.Flow.NEXT;
        };
    }

    private Map<String, @Nullable Expression> parameters() {
        Map<String, @Nullable Expression> parameters = new LinkedHashMap<>();
        tokens.expect("(");
        while (!tokens.take(")")) {
            String name = tokens.expect(Token.Kind.NAME).text();
            parameters.put(name, tokens.take("=") ? expressions.expression() : null);
            if (!tokens.peek().is(")")) {
                tokens.expect(",");
            }
        }
        return parameters;
    }
}
