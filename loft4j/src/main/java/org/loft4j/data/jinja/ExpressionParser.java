package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Makes expressions of tokens, by the precedence of Jinja's own parser: operators, and what stands behind a value. */
final class ExpressionParser {
    private static final int DEEPEST = 150;
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<String> NO_ARGUMENT = Set.of("else", "or", "and", "is", "if", "in", "not", "recursive");

    private final TokenStream tokens;
    private final PrimaryParser primaries;
    private int depth;

    ExpressionParser(TokenStream tokens) {
        this.tokens = tokens;
        this.primaries = new PrimaryParser(tokens, this);
    }

    /**
     * One expression, or several with commas between them.
     *
     * @param withCondition whether an {@code if} belongs to the expression rather than to the tag
     */
    Expression tuple(boolean withCondition) {
        List<Expression> parts = new ArrayList<>();
        parts.add(withCondition ? expression() : or());
        boolean several = false;
        while (tokens.take(",")) {
            several = true;
            if (ends()) {
                break;
            }
            parts.add(withCondition ? expression() : or());
        }
        return several ? PrimaryParser.collect(parts, Tuple::new) : parts.get(0);
    }

    private boolean ends() {
        Token.Kind kind = tokens.peek().kind();
        return kind == Token.Kind.EXPRESSION_END
                || kind == Token.Kind.TAG_END
                || tokens.peek().is(")");
    }

    Expression expression() {
        return conditional(or());
    }

    private Expression conditional(Expression first) {
        Expression value = first;
        while (tokens.takeName("if")) {
            Expression then = value;
            Expression condition = or();
            Expression otherwise = tokens.takeName("else")
                    ? expression()
                    : frame -> new Undefined("the inline if-expression evaluated to false and has no else");
            value = frame -> (Values.truth(condition.evaluate(frame)) ? then : otherwise).evaluate(frame);
        }
        return value;
    }

    private Expression or() {
        if (++depth > DEEPEST) {
            throw tokens.fault("expressions are nested more than " + DEEPEST + " levels deep");
        }
        Expression value = and();
        while (tokens.takeName("or")) {
            Expression left = value;
            Expression right = and();
            value = frame -> {
                Object first = left.evaluate(frame);
                return Values.truth(first) ? first : right.evaluate(frame);
            };
        }
        depth--;
        return value;
    }

    private Expression and() {
        Expression value = not();
        while (tokens.takeName("and")) {
            Expression left = value;
            Expression right = not();
            value = frame -> {
                Object first = left.evaluate(frame);
                return Values.truth(first) ? right.evaluate(frame) : first;
            };
        }
        return value;
    }

    private Expression not() {
        boolean negated = false;
        boolean any = false;
        while (tokens.takeName("not")) {
            negated = !negated;
            any = true;
        }
        Expression value = comparison();
        boolean wanted = !negated;
        return any ? frame -> Values.truth(value.evaluate(frame)) == wanted : value;
    }

    private Expression comparison() {
        Expression first = sum();
        List<String> operators = new ArrayList<>();
        List<Expression> operands = new ArrayList<>();
        while (true) {
            Token token = tokens.peek();
            if (token.kind() == Token.Kind.OPERATOR && COMPARISONS.contains(token.text())) {
                operators.add(tokens.next().text());
            } else if (tokens.takeName("in")) {
                operators.add("in");
            } else if (token.isName("not") && tokens.peek(1).isName("in")) {
                tokens.next();
                tokens.next();
                operators.add("not in");
            } else {
                break;
            }
            operands.add(sum());
        }
        if (operators.isEmpty()) {
            return first;
        }
        return frame -> {
            Object left = first.evaluate(frame);
            for (int i = 0; i < operators.size(); i++) {
                Object right = operands.get(i).evaluate(frame);
                if (!Operators.compare(operators.get(i), left, right, frame.rendering)) {
                    return false;
                }
                left = right;
            }
            return true;
        };
    }

    private Expression sum() {
        Expression value = concatenation();
        while (tokens.peek().is("+") || tokens.peek().is("-")) {
            String operator = tokens.next().text();
            value = Operators.binary(operator, value, concatenation());
        }
        return value;
    }

    private Expression concatenation() {
        Expression value = product();
        while (tokens.take("~")) {
            value = Operators.binary("~", value, product());
        }
        return value;
    }

    private Expression product() {
        Expression value = power();
        while (Set.of("*", "/", "//", "%").contains(tokens.peek().text())
                && tokens.peek().kind() == Token.Kind.OPERATOR) {
            String operator = tokens.next().text();
            value = Operators.binary(operator, value, power());
        }
        return value;
    }

    private Expression power() {
        Expression value = unary(true);
        while (tokens.take("**")) {
            value = Operators.binary("**", value, unary(true));
        }
        return value;
    }

    private Expression unary(boolean withFilters) {
        if (++depth > DEEPEST) {
            throw tokens.fault("expressions are nested more than " + DEEPEST + " levels deep");
        }
        Expression value;
        if (tokens.take("-")) {
            Expression operand = unary(false);
            value = frame -> Operators.negate(operand.evaluate(frame));
        } else if (tokens.take("+")) {
            Expression operand = unary(false);
            value = frame -> Operators.number(operand.evaluate(frame));
        } else {
            value = primaries.primary();
        }
        value = postfix(value);
        depth--;
        return withFilters ? filtersAndTests(value) : value;
    }

    private Expression filtersAndTests(Expression start) {
        Expression value = start;
        while (true) {
            Expression operand = value;
            if (tokens.take("|")) {
                Filtering filter = filtering();
                value = frame -> filter.apply(frame, operand.evaluate(frame));
            } else if (tokens.takeName("is")) {
                value = test(operand);
            } else if (tokens.peek().is("(")) {
                value = call(operand);
            } else {
                return value;
            }
        }
    }

    /** Filters behind a value: each with its bar. */
    List<Filtering> filters() {
        List<Filtering> filters = new ArrayList<>();
        while (tokens.take("|")) {
            filters.add(filtering());
        }
        return filters;
    }

    /** A filter, without its bar. */
    Filtering filtering() {
        Token name = tokens.expect(Token.Kind.NAME);
        Filters.Filter filter = Filters.find(name.text());
        if (filter == null) {
            throw new TemplateException("there is no filter '" + name.text() + "'", name.line());
        }
        Calling call = tokens.peek().is("(") ? call(frame -> null) : new Calling(frame -> null, List.of(), Map.of());
        return (frame, value) -> {
            frame.rendering.step();
            return filter.apply(value, Calling.arguments(frame, call.values(), call.named()));
        };
    }

    private Expression test(Expression operand) {
        boolean negated = tokens.takeName("not");
        Token name = tokens.expect(Token.Kind.NAME);
        StringBuilder full = new StringBuilder(name.text());
        while (tokens.take(".")) {
            full.append('.').append(tokens.expect(Token.Kind.NAME).text());
        }
        ValueTests.ValueTest test = ValueTests.find(full.toString());
        if (test == null) {
            throw new TemplateException("there is no test '" + full + "'", name.line());
        }
        List<Expression> arguments = List.of();
        Token next = tokens.peek();
        boolean literal = switch (next.kind()) {
            case NAME -> !NO_ARGUMENT.contains(next.text());
            case STRING, INTEGER, FLOAT -> true;
            default -> next.is("[") || next.is("{");
        };
        if (next.isName("is")) {
            throw tokens.fault("tests cannot be chained with 'is'");
        } else if (next.is("(")) {
            arguments = call(frame -> null).values();
        } else if (literal) {
            arguments = List.of(postfix(primaries.primary()));
        }
        List<Expression> given = arguments;
        return frame -> test.holds(operand.evaluate(frame), Calling.arguments(frame, given, Map.of())) != negated;
    }

    /** An expression that must be a call. */
    Calling calling() {
        if (unary(false) instanceof Calling call) {
            return call;
        }
        throw tokens.fault("expected a call");
    }

    private Expression postfix(Expression start) {
        Expression value = start;
        while (true) {
            Expression object = value;
            if (tokens.take(".")) {
                Token name = tokens.next();
                if (name.kind() == Token.Kind.INTEGER) {
                    long index = name.integer();
                    value = frame -> {
                        Object from = object.evaluate(frame);
                        frame.rendering.work(from instanceof String ? Cost.length(from) : 1);
                        return Attributes.item(from, index);
                    };
                } else if (name.kind() == Token.Kind.NAME) {
                    value = frame -> Attributes.attribute(object.evaluate(frame), name.text());
                } else {
                    throw new TemplateException("expected a name behind '.', found " + name.describe(), name.line());
                }
            } else if (tokens.take("[")) {
                value = subscript(object);
            } else if (tokens.peek().is("(")) {
                value = call(object);
            } else {
                return value;
            }
        }
    }

    private Expression subscript(Expression object) {
        @Nullable Expression[] parts = new @Nullable Expression[3];
        int colons = 0;
        while (!tokens.take("]")) {
            if (tokens.take(":")) {
                if (++colons > 2) {
                    throw tokens.fault("a slice has at most two ':'");
                }
            } else {
                parts[colons] = expression();
                if (!tokens.peek().is(":") && !tokens.peek().is("]")) {
                    throw tokens.fault("expected ']', found " + tokens.peek().describe());
                }
            }
        }
        Expression first = parts[0];
        if (colons == 0) {
            if (first == null) {
                throw tokens.fault("expected an index, found ']'");
            }
            return frame -> {
                Object from = object.evaluate(frame);
                // a character is counted from the beginning
                frame.rendering.work(from instanceof String ? Cost.length(from) : 1);
                return Attributes.item(from, first.evaluate(frame));
            };
        }
        boolean stepped = parts[2] != null;
        return frame -> {
            Object from = object.evaluate(frame);
            long length = Cost.length(from);
            // with a step each character is counted from the beginning
            frame.rendering.work(from instanceof String && stepped ? length * length : length);
            Object made =
                    Attributes.slice(from, bound(parts[0], frame), bound(parts[1], frame), bound(parts[2], frame));
            frame.rendering.make(Cost.made(made));
            return made;
        };
    }

    private static @Nullable Long bound(@Nullable Expression expression, Frame frame) {
        Object value = expression == null ? null : expression.evaluate(frame);
        return value == null ? null : Values.integer(value);
    }

    private Calling call(Expression function) {
        List<Expression> values = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        tokens.expect("(");
        while (!tokens.take(")")) {
            if (tokens.peek().kind() == Token.Kind.NAME && tokens.peek(1).is("=")) {
                String name = tokens.next().text();
                tokens.next();
                named.put(name, expression());
            } else {
                values.add(expression());
            }
            if (!tokens.peek().is(")")) {
                tokens.expect(",");
            }
        }
        return new Calling(function, values, named);
    }
}
