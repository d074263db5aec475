package org.loft4j.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.loft4j.Shown;
import org.loft4j.io.HubListener;
import org.loft4j.train.ProgressLine;

/** What the launcher said about the terminal; {@code System.console()} does not know where stderr goes. */
final class Terminal {
    private Terminal() {}

    /** Whether standard output shows colours: on a terminal, unless NO_COLOR is set; or where FORCE_COLOR is. */
    static boolean colour() {
        String no = System.getenv("NO_COLOR");
        if (no != null && !no.isEmpty()) {
            return false;
        }
        return Boolean.getBoolean("loft.colour") || System.getenv("FORCE_COLOR") != null;
    }

    /** What a model writes, as it is; on a terminal without the characters by which that takes orders. */
    static String written(String text) {
        return Boolean.getBoolean("loft.colour") ? Shown.lines(text) : text;
    }

    /** A progress line that is redrawn on a terminal, and written now and then elsewhere. */
    static ProgressLine progress(PrintWriter err) {
        boolean terminal = Boolean.getBoolean("loft.terminal");
        int columns = Integer.getInteger("loft.columns", 100);
        return new ProgressLine(
                new PrintStream(new WriterStream(err), false, StandardCharsets.UTF_8), terminal, columns);
    }

    /** A line that shows how a download goes on, in the same manner. */
    static HubListener downloads(PrintWriter err) {
        return new DownloadLine(
                err, Boolean.getBoolean("loft.terminal"), Integer.getInteger("loft.columns", 100), System::nanoTime);
    }

    /**
     * A line that shows how many rows are done, in the same manner.
     *
     * @param total rows in all, or {@link RowsLine#UNKNOWN}
     */
    static RowsLine rows(PrintWriter err, long total) {
        return new RowsLine(
                err,
                Boolean.getBoolean("loft.terminal"),
                Integer.getInteger("loft.columns", 100),
                total,
                System::nanoTime);
    }

    /** Whether standard input is a person's keyboard. */
    static boolean keyboard() {
        return Boolean.getBoolean("loft.keyboard");
    }

    /** UTF-8 bytes of whole characters, written on. */
    private static final class WriterStream extends OutputStream {
        private final PrintWriter writer;
        private final java.io.ByteArrayOutputStream pending = new java.io.ByteArrayOutputStream();

        WriterStream(PrintWriter writer) {
            this.writer = writer;
        }

        @Override
        public void write(int octet) {
            pending.write(octet);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            pending.write(bytes, offset, length);
        }

        @Override
        public void flush() {
            writer.print(pending.toString(StandardCharsets.UTF_8));
            pending.reset();
            writer.flush();
        }
    }
}
