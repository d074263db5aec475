package org.loft4j.tensor;

/** Another number of threads for a test, until it is closed. */
public final class Threads implements AutoCloseable {
    private final int before;

    private Threads(int before) {
        this.before = before;
    }

    public static Threads of(int threads) {
        Threads changed = new Threads(Engine.threads());
        Engine.setThreads(threads);
        return changed;
    }

    @Override
    public void close() {
        Engine.setThreads(before);
    }
}
