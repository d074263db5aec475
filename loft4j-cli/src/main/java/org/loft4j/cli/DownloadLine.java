package org.loft4j.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import org.loft4j.io.HubListener;
import org.loft4j.io.HubName;

/**
 * A download of several files at once on one line, for all of them together: share done, bytes, bytes a second, time left. On
 * a terminal the line is drawn over itself; elsewhere a plain line is printed now and then.
 */
final class DownloadLine implements HubListener {
    private static final int BAR = 20;
    private static final long REDRAW_NANOS = 100_000_000L;
    private static final long PLAIN_NANOS = 10_000_000_000L;

    private final PrintWriter err;
    private final boolean terminal;
    private final int columns;
    private final LongSupplier nanos;
    private final Map<String, Long> have = new LinkedHashMap<>();
    private long total;
    private long received;
    private long started;
    private long drawn;
    /** Whether something had to be got. */
    private boolean begun;
    /** Whether a line stands on the terminal that has no end yet. */
    private boolean open;

    DownloadLine(PrintWriter err, boolean terminal, int columns, LongSupplier nanos) {
        this.err = err;
        this.terminal = terminal;
        this.columns = Math.max(20, columns);
        this.nanos = nanos;
    }

    @Override
    public void onStart(HubName name, int files, long bytes) {
        have.clear();
        begun = true;
        total = bytes;
        received = 0;
        started = nanos.getAsLong();
        drawn = started;
        note("downloading " + name + ": " + files + (files == 1 ? " file, " : " files, ") + Quantities.bytes(bytes));
    }

    @Override
    public void onBytes(String file, long now, long size) {
        long before = have.getOrDefault(file, -1L);
        // the first word of a file is what an earlier call had left
        received += before < 0 ? 0 : now - before;
        have.put(file, now);
        long time = nanos.getAsLong();
        if (time - drawn >= (terminal ? REDRAW_NANOS : PLAIN_NANOS)) {
            drawn = time;
            draw(text((time - started) / 1e9));
        }
    }

    @Override
    public void onRetry(String what, String failure, Duration wait) {
        note(what + ": " + failure + "; trying again in "
                + String.format(Locale.ROOT, "%.0f s", wait.toMillis() / 1000.0));
    }

    @Override
    public void onWait(String file) {
        note(file + ": another process downloads it; waiting");
    }

    /** What went wrong is told below the line that says how far it came. */
    @Override
    public void onFailure(HubName name) {
        if (open) {
            open = false;
            err.print("\n");
            err.flush();
        }
    }

    @Override
    public void onEnd(HubName name) {
        note(name
                + (begun
                        ? ": all files are there and checked"
                        : ": all files are there, each as long as the hub says"));
        begun = false;
    }

    private String text(double seconds) {
        double share = total <= 0 ? 0 : Math.max(0, Math.min(1, (double) received / total));
        double rate = seconds > 0 ? received / seconds : 0;
        int filled = (int) (BAR * share);
        String bar = terminal ? "━".repeat(filled) + "·".repeat(BAR - filled) + " " : "";
        return String.format(
                Locale.ROOT,
                "%3d%% %s%s of %s  %s/s  %s left",
                (int) (100 * share),
                bar,
                Quantities.bytes(Math.max(0, received)),
                Quantities.bytes(total),
                Quantities.bytes((long) Math.max(0, rate)),
                rate > 0 ? Quantities.duration((total - received) / rate) : "?");
    }

    private void draw(String line) {
        open = terminal;
        err.print(terminal ? "\r" + line.substring(0, Math.min(line.length(), columns - 1)) + "\u001b[K" : line + "\n");
        err.flush();
    }

    /** A line of its own, above the line that is redrawn. */
    private void note(String line) {
        open = false;
        err.print((terminal ? "\r\u001b[K" : "") + line + "\n");
        err.flush();
    }
}
