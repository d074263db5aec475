package org.loft4j.io;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Uninterrupted;

/** Downloads of a model's files, a few of them at a time, each on a thread of its own. */
final class SideBySide {
    /** What a host can be asked for at once without being crowded; Hugging Face's own client asks for eight. */
    static final int AT_ONCE = 4;

    private SideBySide() {}

    /** What is done for a file. */
    @FunctionalInterface
    interface Work<T, R> {
        R of(T item) throws IOException;
    }

    /**
     * What comes of each file, in their order. However this ends, no thread is at work any more.
     *
     * @throws IOException the first fault, by which those at work are interrupted and the rest is left out; a runtime exception or
     *     an error likewise
     * @throws InterruptedIOException if the calling thread is interrupted, which it stays; so are then those at work
     */
    static <T, R> List<R> each(Collection<T> items, Work<T, R> work) throws IOException {
        ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE, run -> {
            Thread thread = new Thread(run, "loft-download");
            thread.setDaemon(true);
            return thread;
        });
        CompletionService<R> ended = new ExecutorCompletionService<>(threads);
        AtomicReference<@Nullable Throwable> first = new AtomicReference<>();
        try {
            List<Future<R>> all = new ArrayList<>();
            for (T item : items) {
                all.add(ended.submit(() -> one(item, work, first)));
            }
            for (int i = 0; i < all.size(); i++) {
                ended.take().get();
            }
            List<R> results = new ArrayList<>();
            for (Future<R> each : all) {
                results.add(each.get());
            }
            return results;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted: the next call goes on where this one ended");
        } catch (ExecutionException e) {
            throw SideBySide.<RuntimeException>unchecked(Objects.requireNonNull(first.get()));
        } finally {
            threads.shutdownNow();
            awaitEnd(threads);
        }
    }

    /** Whatever it is: a listener in another language may throw any checked exception. */
    @SuppressWarnings("unchecked")
    private static <E extends Throwable> E unchecked(Throwable fault) throws E {
        throw (E) fault;
    }

    private static <T, R> R one(T item, Work<T, R> work, AtomicReference<@Nullable Throwable> first)
            throws IOException {
        if (first.get() != null) {
            throw new InterruptedIOException("not begun");
        }
        try {
            return work.of(item);
        } catch (Throwable e) {
            first.compareAndSet(null, e);
            throw e;
        }
    }

    /** An interrupt waits: who is at work writes to files that the caller may want to take up again. */
    private static void awaitEnd(ExecutorService threads) {
        Uninterrupted.await(() -> threads.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS));
    }
}
