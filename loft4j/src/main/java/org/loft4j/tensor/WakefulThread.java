package org.loft4j.tensor;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.BooleanSupplier;

/**
 * A thread that does one task after the other as long as the process lives. When it has nothing to do it looks about for a while before
 * it sleeps: the system wakes a thread in some 50 µs, and a generated token has a hundred products of that length.
 */
final class WakefulThread {
    /** As long as the work between two products of a generated token takes, and twice what it takes to be woken. */
    private static final long AWAKE_NANOS = 100_000;

    private final BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();

    private WakefulThread() {}

    /** @throws OutOfMemoryError if the system has no more threads */
    static WakefulThread begin(String name) {
        WakefulThread thread = new WakefulThread();
        LastingThread.of(thread::live, name).start();
        return thread;
    }

    /** Gives it a task. What the task ends in is told by the future. */
    Future<?> submit(Runnable task) {
        FutureTask<?> future = new FutureTask<>(task, null);
        tasks.add(future);
        return future;
    }

    private void live() {
        while (true) {
            try {
                soon(() -> !tasks.isEmpty());
                Uninterrupted.await(tasks::take).run();
            } catch (OutOfMemoryError e) {
                // of waiting: a task's own is told by its future, and who needs the next one waits for this thread
            }
        }
    }

    /** Looks for a while whether it has come true. */
    static void soon(BooleanSupplier condition) {
        long start = System.nanoTime();
        while (!condition.getAsBoolean() && System.nanoTime() - start < AWAKE_NANOS) {
            Thread.onSpinWait();
        }
    }
}
