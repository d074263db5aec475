package org.loft4j.cli;

import java.util.logging.ConsoleHandler;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Shows the library's log on stderr, one line a message. */
final class LogLines extends Formatter {
    private static final Logger LIBRARY = Logger.getLogger("org.loft4j");

    /** Shows warnings. */
    static void bind() {
        LogManager.getLogManager().reset();
        Handler handler = new ConsoleHandler();
        handler.setFormatter(new LogLines());
        handler.setLevel(Level.ALL);
        Logger.getLogger("").addHandler(handler);
        Logger.getLogger("").setLevel(Level.WARNING);
    }

    /** Shows what the library has to say beside warnings as well. */
    static void verbose() {
        LIBRARY.setLevel(Level.FINE);
    }

    @Override
    public String format(LogRecord record) {
        Throwable thrown = record.getThrown();
        return "loft: " + record.getLevel().getName().toLowerCase(java.util.Locale.ROOT) + ": " + formatMessage(record)
                + (thrown == null ? "" : " (" + thrown + ")") + System.lineSeparator();
    }
}
