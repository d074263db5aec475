package org.loft4j.data.jinja;

import java.util.List;

/** Tokens one after the other. */
final class TokenStream {
    private final List<Token> tokens;
    private int at;

    TokenStream(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(at);
    }

    Token peek(int ahead) {
        return tokens.get(Math.min(at + ahead, tokens.size() - 1));
    }

    Token next() {
        Token token = tokens.get(at);
        at = Math.min(at + 1, tokens.size() - 1);
        return token;
    }

    boolean take(String operator) {
        boolean found = peek().is(operator);
        if (found) {
            next();
        }
        return found;
    }

    boolean takeName(String name) {
        boolean found = peek().isName(name);
        if (found) {
            next();
        }
        return found;
    }

    Token expect(Token.Kind kind) {
        if (peek().kind() != kind) {
            throw fault("expected " + new Token(kind, kind.name().toLowerCase(java.util.Locale.ROOT), 0).describe()
                    + ", found " + peek().describe());
        }
        return next();
    }

    void expect(String operator) {
        if (!take(operator)) {
            throw fault("expected '" + operator + "', found " + peek().describe());
        }
    }

    void expectName(String name) {
        if (!takeName(name)) {
            throw fault("expected '" + name + "', found " + peek().describe());
        }
    }

    TemplateException fault(String message) {
        return new TemplateException(message, peek().line());
    }
}
