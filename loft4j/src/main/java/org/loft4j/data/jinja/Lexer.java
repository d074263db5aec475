package org.loft4j.data.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Cuts a template into tokens; whitespace around tags is dropped here. */
final class Lexer {
    private static final Pattern START = Pattern.compile("\\{([%{#])([-+]?)");
    private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*raw\\s*(-?)%\\}", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern END_RAW =
            Pattern.compile("\\{%([-+]?)\\s*endraw\\s*([-+]?)%\\}", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern END_COMMENT = Pattern.compile("([-+]?)#\\}");
    private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{Mn}\\p{Nd}_]*");
    private static final Pattern NUMBER =
            Pattern.compile("\\d+(?:_\\d+)*(\\.\\d+(?:_\\d+)*)?([eE][-+]?\\d+(?:_\\d+)*)?");
    private static final Pattern STRING =
            Pattern.compile("'[^'\\\\]*+(?:\\\\.[^'\\\\]*+)*+'|\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+\"", Pattern.DOTALL);
    private static final Pattern OPERATOR = Pattern.compile("//|\\*\\*|==|!=|>=|<=|[-+/*%~\\[\\](){}<>=.:|,;]");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    private int counted;
    private boolean lineStarting = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String source) {
        String unix = source.replace("\r\n", "\n").replace('\r', '\n');
        Lexer lexer = new Lexer(unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix);
        lexer.run();
        return lexer.tokens;
    }

    private void run() {
        while (at < source.length()) {
            Matcher start = START.matcher(source);
            if (!start.find(at)) {
                text(source.substring(at));
                at = source.length();
                break;
            }
            String before = source.substring(at, start.start());
            boolean variable = start.group(1).equals("{");
            text(trimmed(before, start.group(2), variable));
            at = start.start();
            Matcher raw = RAW.matcher(source).region(at, source.length());
            if (raw.lookingAt()) {
                raw(raw);
            } else if (start.group(1).equals("#")) {
                at = start.end();
                comment(start.start());
            } else {
                add(variable ? Token.Kind.EXPRESSION_START : Token.Kind.TAG_START, start.group());
                at = start.end();
                code(variable);
            }
        }
        add(Token.Kind.END, "");
    }

    /** Drops whitespace before a tag that asks for it, and the indentation of a tag that begins its line. */
    private String trimmed(String text, String sign, boolean variable) {
        if (sign.equals("-")) {
            return Strings.strip(text, false, true);
        }
        int from = text.lastIndexOf('\n') + 1;
        boolean begins = from > 0 || lineStarting;
        boolean indents = begins
                && from < text.length()
                && Strings.strip(text.substring(from), true, false).isEmpty();
        return !variable && sign.isEmpty() && indents ? text.substring(0, from) : text;
    }

    private void comment(int start) {
        Matcher end = END_COMMENT.matcher(source);
        if (!end.find(at)) {
            throw new TemplateException("a comment has no end '#}'", lineOf(start));
        }
        at = end.end();
        afterTag(end.group(1));
    }

    private void raw(Matcher begin) {
        int start = at;
        at = begin.end();
        if (begin.group(1).equals("-")) {
            skipSpace();
        }
        lineStarting = source.charAt(at - 1) == '\n';
        Matcher end = END_RAW.matcher(source);
        if (!end.find(at)) {
            throw new TemplateException("raw has no endraw", lineOf(start));
        }
        text(trimmed(source.substring(at, end.start()), end.group(1), false));
        at = end.end();
        afterTag(end.group(2));
    }

    /** A tag that ends its line takes the line's end with it. */
    private void afterTag(String sign) {
        lineStarting = false;
        if (sign.equals("-")) {
            int before = at;
            skipSpace();
            lineStarting = at > before && source.charAt(at - 1) == '\n';
        } else if (sign.isEmpty() && at < source.length() && source.charAt(at) == '\n') {
            at++;
            lineStarting = true;
        }
    }

    private void code(boolean variable) {
        Deque<String> open = new ArrayDeque<>();
        String end = variable ? "}}" : "%}";
        while (true) {
            skipSpace();
            if (at >= source.length()) {
                throw new TemplateException("'" + (variable ? "{{" : "{%") + "' has no end", lineOf(at));
            }
            if (open.isEmpty()) {
                int sign = source.charAt(at) == '-' || !variable && source.charAt(at) == '+' ? 1 : 0;
                if (source.startsWith(end, at + sign)) {
                    String mark = source.substring(at, at + sign);
                    add(variable ? Token.Kind.EXPRESSION_END : Token.Kind.TAG_END, end);
                    at += sign + end.length();
                    // a line's end behind an expression stays
                    afterTag(variable && mark.isEmpty() ? "+" : mark);
                    return;
                }
            }
            token(open);
        }
    }

    private void token(Deque<String> open) {
        if (take(NAME, Token.Kind.NAME)) {
            return;
        }
        Matcher number = NUMBER.matcher(source).region(at, source.length());
        if (number.lookingAt()) {
            boolean real = number.group(1) != null || number.group(2) != null;
            add(real ? Token.Kind.FLOAT : Token.Kind.INTEGER, number.group().replace("_", ""));
            at = number.end();
            return;
        }
        Matcher string = STRING.matcher(source).region(at, source.length());
        if (string.lookingAt()) {
            add(
                    Token.Kind.STRING,
                    Strings.unescape(string.group().substring(1, string.group().length() - 1)));
            at = string.end();
            return;
        }
        Matcher operator = OPERATOR.matcher(source).region(at, source.length());
        if (!operator.lookingAt()) {
            throw new TemplateException(
                    "unexpected character '" + Character.toString(source.codePointAt(at)) + "'", lineOf(at));
        }
        balance(open, operator.group());
        add(Token.Kind.OPERATOR, operator.group());
        at = operator.end();
    }

    private boolean take(Pattern pattern, Token.Kind kind) {
        Matcher matcher = pattern.matcher(source).region(at, source.length());
        if (!matcher.lookingAt()) {
            return false;
        }
        add(kind, matcher.group());
        at = matcher.end();
        return true;
    }

    private void balance(Deque<String> open, String operator) {
        switch (operator) {
            case "(" -> open.push(")");
            case "[" -> open.push("]");
            case "{" -> open.push("}");
            case ")", "]", "}" -> {
                if (open.isEmpty() || !open.pop().equals(operator)) {
                    throw new TemplateException("unexpected '" + operator + "'", lineOf(at));
                }
            }
            default -> {}
        }
    }

    private void skipSpace() {
        while (at < source.length() && Strings.isSpace(source.charAt(at))) {
            at++;
        }
    }

    private void text(String text) {
        if (!text.isEmpty()) {
            add(Token.Kind.TEXT, text);
        }
    }

    private void add(Token.Kind kind, String text) {
        tokens.add(new Token(kind, text, lineOf(at)));
    }

    private int lineOf(int position) {
        while (counted < Math.min(position, source.length())) {
            if (source.charAt(counted++) == '\n') {
                line++;
            }
        }
        return line;
    }
}
