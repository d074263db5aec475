package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * How many rows are done, on one line: share, rows a second, time left. On a terminal the line is drawn over itself, and taken
 * away before anything else is printed; elsewhere a plain line is printed now and then.
 */
final class RowsLine {
    /** What stands for a number of rows that is not known. */
    static final long UNKNOWN = -1;

    private static final long REDRAW_NANOS = 100_000_000L;
    private static final long PLAIN_NANOS = 10_000_000_000L;

    private final PrintWriter err;
    private final boolean terminal;
    private final int columns;
    private final long total;
    private final LongSupplier nanos;
    private final long started;
    private long drawn;
    private boolean standing;

    /**
     * @param terminal whether {@code err} is a terminal
     * @param columns width of the terminal in characters; a longer line is cut
     * @param total rows in all, or {@link #UNKNOWN}
     */
    RowsLine(PrintWriter err, boolean terminal, int columns, long total, LongSupplier nanos) {
        this.err = err;
        this.terminal = terminal;
        this.columns = Math.max(20, columns);
        this.total = total;
        this.nanos = nanos;
        this.started = nanos.getAsLong();
        this.drawn = started;
    }

    /** Takes the line away, so that what is printed next does not stand behind it. */
    void clear() {
        if (standing) {
            standing = false;
            err.print("\r\u001b[K");
            err.flush();
        }
    }

    /** Says that so many rows are done. */
    void done(long rows) {
        long now = nanos.getAsLong();
        boolean due = now - drawn >= (terminal ? REDRAW_NANOS : PLAIN_NANOS);
        if (!due || rows == total) {
            return;
        }
        drawn = now;
        standing = terminal;
        String line = text(rows, (now - started) / 1e9);
        err.print(terminal ? "\r" + line.substring(0, Math.min(line.length(), columns - 1)) + "\u001b[K" : line + "\n");
        err.flush();
    }

    private String text(long rows, double seconds) {
        double rate = rows / seconds;
        String speed = String.format(Locale.ROOT, rate < 10 ? "%.1f rows/s" : "%,.0f rows/s", rate);
        if (total < 0) {
            return Quantities.of(rows, "row") + "  " + speed;
        }
        return String.format(
                Locale.ROOT,
                "%3d%% %s of %s  %s  %s left",
                100 * rows / total,
                Quantities.count(rows),
                Quantities.of(total, "row"),
                speed,
                Quantities.duration((total - rows) / rate));
    }
}
