package org.loft4j.cli.report;

/** Command lines to paste: how loft was called, and arguments as a shell takes them. */
public final class Pasted {
    private static final boolean WINDOWS = System.getProperty("os.name", "").startsWith("Windows");

    private Pasted() {}

    /** How the command line was called. */
    public static String command() {
        return quoted(System.getProperty("loft.command", WINDOWS ? "loft" : "./loft"));
    }

    /** An argument, such as a path: in quotes where it holds blanks or whatever else a shell takes for its own. */
    public static String quoted(Object argument) {
        String text = argument.toString();
        if (text.matches(WINDOWS ? "[\\w@%+=:,./\\\\~-]+" : "[\\w@%+=:,./-][\\w@%+=:,./~-]*")) {
            return text;
        }
        return '"' + (WINDOWS ? text : text.replaceAll("[\\\\\"$`]", "\\\\$0")) + '"';
    }
}
