package org.loft4j.cli;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.logging.ConsoleHandler;
import java.util.logging.Filter;
import java.util.logging.Formatter;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Shows the library's log on stderr, one line a message. Public, as is what lies within, for Java's log makes it by name. */
public final class LogLines extends Formatter {
    /** Shows warnings. To set up Java's log takes a good part of what a help page takes: it asks for its settings when it is used. */
    static void bind() {
        System.setProperty("java.util.logging.config.class", Settings.class.getName());
    }

    /** Shows what the library has to say beside warnings as well. */
    static void verbose() {
        Library.LOGGER.setLevel(Level.FINE);
    }

    @Override
    public String format(LogRecord record) {
        Throwable thrown = record.getThrown();
        return "loft: " + record.getLevel().getName().toLowerCase(Locale.ROOT) + ": " + formatMessage(record)
                + (thrown == null ? "" : " (" + thrown + ")") + System.lineSeparator();
    }

    /** What {@code java.util.logging.config.class} names. */
    public static final class Settings {
        /** Sets up Java's log. */
        public Settings() throws IOException {
            String handler = ConsoleHandler.class.getName();
            String settings = String.join(
                    "\n",
                    ".level=WARNING",
                    "handlers=" + handler,
                    handler + ".level=ALL",
                    handler + ".filter=" + Once.class.getName(),
                    handler + ".formatter=" + LogLines.class.getName());
            LogManager.getLogManager()
                    .readConfiguration(new ByteArrayInputStream(settings.getBytes(StandardCharsets.ISO_8859_1)));
        }
    }

    /** A model is opened more than once in a call, and has the same to say each time. */
    public static final class Once implements Filter {
        private final Set<String> said = ConcurrentHashMap.newKeySet();

        @Override
        public boolean isLoggable(LogRecord record) {
            return said.add(record.getLevel() + record.getMessage() + Arrays.toString(record.getParameters()));
        }
    }

    /** Kept: Java's log forgets a logger and its level with the last reference. */
    private static final class Library {
        static final Logger LOGGER = Logger.getLogger("org.loft4j");
    }
}
