package org.loft4j.infer;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.LastingThread;

/**
 * Lets one thread at a time use a model, first come, first served: a single answer keeps all cores busy as it is. The model
 * works on a thread of its own while the one that asks waits, for OpenMP gives each thread that computes a team of native
 * threads, one a core, and the C library gives it a heap, for as long as it lives.
 */
final class InTurn {
    private static final Duration IDLE = Duration.ofMinutes(1);

    private final ReentrantLock lock = new ReentrantLock(true);
    private final String name;
    private final ThreadPoolExecutor own;
    private @Nullable Visit visit;
    private volatile @Nullable Thread working;
    private volatile boolean closed;

    /** @param name what is used, for messages */
    InTurn(String name) {
        this(name, IDLE);
    }

    /** @param idle after so long without work the thread ends, until there is some: not everyone closes */
    InTurn(String name, Duration idle) {
        this.name = name;
        this.own = new ThreadPoolExecutor(
                1,
                1,
                idle.toMillis(),
                TimeUnit.MILLISECONDS,
                new LinkedBlockingQueue<>(),
                work -> LastingThread.of(work, "loft-" + name));
        own.allowCoreThreadTimeOut(true);
    }

    /** What is done in a turn. */
    @FunctionalInterface
    interface Work<T, E extends Exception> {
        T get() throws E;
    }

    /** What the model says of all that is asked. */
    @FunctionalInterface
    interface Answer<A, T, E extends Exception> {
        T of(List<A> asked) throws E;
    }

    /**
     * Asks the model, on its own thread, once the turn has come. What is asked is read on the calling thread, once.
     *
     * @throws IllegalStateException as {@link #use} does, and a {@link CancellationException} as well
     */
    <A, T, E extends Exception> T ask(List<A> asked, Answer<A, T, E> answer) throws E {
        return use(() -> {
            List<A> read = List.copyOf(asked);
            return apart(() -> answer.of(read));
        });
    }

    /**
     * Works on the calling thread while others wait for their turn. Who has the turn may use it again, though it be closing.
     *
     * @throws IllegalStateException if it was closed, while this one waited too
     * @throws CancellationException if the thread is interrupted before its turn has come; it stays interrupted
     */
    <T, E extends Exception> T use(Work<T, E> work) throws E {
        // the model may ask itself: whoever waits for it has the turn
        if (isWorking() || lock.isHeldByCurrentThread()) {
            return work.get();
        }
        requireOpen();
        try {
            lock.lockInterruptibly();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("the thread was interrupted before its turn at the " + name + " came");
        }
        try {
            requireOpen();
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the " + name + " is closed");
        }
    }

    /**
     * Within {@link #use}: works on the model's thread while this one waits. An interrupt does not end the wait: the work may
     * {@linkplain #requireWanted look for it}, and the thread is interrupted still when it goes on.
     */
    <T, E extends Exception> T apart(Work<T, E> work) throws E {
        if (isWorking()) {
            return work.get();
        }
        Visit outer = visit;
        try {
            if (outer != null) {
                // from what was handed back: the model's thread waits for that
                return outer.asking().ask(outer.model(), work);
            }
            Visit first = new Visit(new Side(), new Side());
            visit = first;
            return first.asking().ask(own, () -> atWork(work));
        } catch (Throwable fault) {
            tellWhoAsked(fault);
            throw fault;
        } finally {
            visit = outer;
        }
    }

    /** Within {@link #apart}: works on the thread that asked while the model's waits. */
    void back(Runnable work) {
        Visit present = Objects.requireNonNull(visit);
        present.model().ask(present.asking(), () -> {
            work.run();
            present.asking().noteInterrupt();
            return true;
        });
    }

    /**
     * Within {@link #apart}, on the model's thread.
     *
     * @throws CancellationException if the thread that asked was interrupted since, and has not cleared that while it worked itself
     */
    void requireWanted() {
        if (Objects.requireNonNull(visit).asking().isInterrupted()) {
            throw new CancellationException("the thread that asked the " + name + " was interrupted");
        }
    }

    private <T, E extends Exception> T atWork(Work<T, E> work) throws E {
        working = Thread.currentThread();
        try {
            // begun beside the lanes of a training it would stay on one core
            Engine.threads();
            return work.get();
        } finally {
            working = null;
        }
    }

    private boolean isWorking() {
        return Thread.currentThread() == working;
    }

    /** Lets a trace from the model's thread go on with the frames of this one. */
    private static void tellWhoAsked(Throwable fault) {
        StackTraceElement[] there = fault.getStackTrace();
        boolean told = Arrays.stream(there)
                .anyMatch(frame -> frame.getClassName().equals(InTurn.class.getName())
                        && frame.getMethodName().equals("apart"));
        if (!told) {
            fault.setStackTrace(Stream.of(there, new Throwable().getStackTrace())
                    .flatMap(Arrays::stream)
                    .toArray(StackTraceElement[]::new));
        }
    }

    /**
     * Waits for who is at work, and closes once. Who waits for a turn by then gets none.
     *
     * @throws IllegalStateException if the caller is at work itself
     */
    void close(Runnable release) {
        if (lock.isHeldByCurrentThread() || isWorking()) {
            throw new IllegalStateException("the " + name + " cannot be closed while it answers this very thread:"
                    + " close it when the answer is there");
        }
        closed = true;
        lock.lock();
        try {
            if (!own.isShutdown()) {
                own.shutdown();
                release.run();
            }
        } finally {
            lock.unlock();
        }
    }

    /** The thread that asks and that of the model, of which one works and the other waits for it. */
    private record Visit(Side asking, Side model) {}

    /** One of two threads; as an executor, what the other has it do. */
    private static final class Side implements Executor {
        private static final Runnable DONE = () -> {};

        // has room without an allocation, which may fail where memory has run out
        private final BlockingQueue<Runnable> tasks = new ArrayBlockingQueue<>(1);
        private volatile boolean interrupted;

        @Override
        public void execute(Runnable task) {
            tasks.add(task);
        }

        /** Has the other thread work, and does meanwhile what that hands back. */
        <T> T ask(Executor other, Work<T, ?> work) {
            Outcome<T> outcome = new Outcome<>();
            other.execute(() -> {
                outcome.of(work);
                execute(DONE);
            });
            for (Runnable task = next(); task != DONE; task = next()) {
                task.run();
            }
            return outcome.get();
        }

        private Runnable next() {
            while (true) {
                try {
                    Runnable task = tasks.take();
                    if (interrupted) {
                        // for the task to see, which may clear it
                        interrupted = false;
                        Thread.currentThread().interrupt();
                    }
                    return task;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }

        /** On its own thread, before the other one goes on. */
        void noteInterrupt() {
            interrupted = Thread.currentThread().isInterrupted();
        }

        boolean isInterrupted() {
            return interrupted;
        }
    }

    /** What work on the other thread ended in. */
    private static final class Outcome<T> {
        private @Nullable T value;
        private @Nullable Throwable fault;

        void of(Work<T, ?> work) {
            try {
                value = work.get();
            } catch (Throwable e) {
                fault = e;
            }
        }

        T get() {
            if (fault != null) {
                throw Outcome.<RuntimeException>unchecked(fault);
            }
            return Objects.requireNonNull(value);
        }

        /** Whatever it is: that of the work, and a listener in another language may throw any checked exception. */
        @SuppressWarnings("unchecked")
        private static <E extends Throwable> E unchecked(Throwable fault) throws E {
            throw (E) fault;
        }
    }
}
