package org.loft4j.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Independent work side by side on the processor: each lane is a thread whose operations stay on one core. An operation that
 * is spread over the cores waits for the slowest of them at its end, thousands of times a step; a lane waits once.
 *
 * <p>Who shares work out must not let the result depend on which lane was first.
 */
public final class Lanes {
    /** How many lanes the work of the calling thread is shared with; 1 outside. */
    private static final ThreadLocal<Integer> SHARING = ThreadLocal.withInitial(() -> 1);

    /** How many threads the operations of the calling thread had before they were to stay on it; 0 where they are not. */
    private static final ThreadLocal<Integer> BEFORE_ALONE = ThreadLocal.withInitial(() -> 0);

    /** The number of threads of a product is one setting for the whole process. Who has waited longest is next. */
    private static final ReentrantLock ONE_AT_A_TIME = new ReentrantLock(true);

    /**
     * The threads beside the caller's: they live as long as the process. Each lane keeps its own, for the C library keeps what a
     * thread has freed for that thread.
     */
    private static final List<WakefulThread> THREADS = new ArrayList<>();

    private static WakefulThread thread(int lane) {
        while (THREADS.size() < lane) {
            THREADS.add(WakefulThread.begin("loft-lane"));
        }
        return THREADS.get(lane - 1);
    }

    private Lanes() {}

    /**
     * Begins the threads that so many lanes need. The C library has a few heaps, which threads share in the order in which they come:
     * a lane should not have that of a thread whose small things, such as compiled Java, cut the room for large tensors in pieces.
     */
    static void begin(int lanes) {
        ONE_AT_A_TIME.lock();
        try {
            List<Future<?>> begun = new ArrayList<>();
            for (int i = 1; i < lanes; i++) {
                begun.add(thread(i).submit(() -> {}));
            }
            begun.forEach(Lanes::await);
        } catch (OutOfMemoryError e) {
            // the system has no more threads: who needs the lanes is told so
        } finally {
            ONE_AT_A_TIME.unlock();
        }
    }

    /** How many there are: as many as an operation may use threads; one inside a lane. */
    public static int count() {
        return inside() ? 1 : Engine.threads();
    }

    /** How many rows are shared out over: fewer rows than lanes leave cores idle, which pays while not too many do; else 1. */
    public static int forRows(long rows) {
        int lanes = count();
        return rows * 2 < lanes ? 1 : (int) Math.min(lanes, rows);
    }

    /** Whether the caller is one. */
    public static boolean inside() {
        return SHARING.get() > 1;
    }

    /** How many lanes are at work, the caller among them: what one may have of something that all need, such as memory. */
    public static int atWork() {
        return SHARING.get();
    }

    /**
     * Does tasks {@code 0 … tasks − 1}, each once, in a scope of its own and under the caller's gradient mode, and returns when
     * all are done. Where there is one lane or one task the caller does them as they come. Another thread's lanes are waited for.
     *
     * @throws RuntimeException the first that a task ended in; tasks that had not begun by then are left out
     */
    public static void run(int tasks, IntConsumer task) {
        Engine.start();
        int lanes = Math.min(tasks, count());
        if (lanes <= 1) {
            oneByOne(tasks, task);
            return;
        }
        ONE_AT_A_TIME.lock();
        try {
            runIn(lanes, lanes, tasks, task);
        } finally {
            ONE_AT_A_TIME.unlock();
        }
    }

    /**
     * The same for work that is too short to wait for another thread's lanes, since a training's take a while: where any are at work,
     * or are waited for, the caller does all tasks itself, as one of the lanes and so with the same numbers.
     *
     * @throws RuntimeException as {@link #run}
     */
    public static void runIfFree(int tasks, IntConsumer task) {
        Engine.start();
        int lanes = Math.min(tasks, count());
        if (lanes <= 1) {
            oneByOne(tasks, task);
            return;
        }
        // tryLock alone would push in before those that wait
        boolean free = !ONE_AT_A_TIME.hasQueuedThreads() && ONE_AT_A_TIME.tryLock();
        try {
            runIn(lanes, free ? lanes : 1, tasks, task);
        } finally {
            if (free) {
                ONE_AT_A_TIME.unlock();
            }
        }
    }

    private static void oneByOne(int tasks, IntConsumer task) {
        for (int i = 0; i < tasks; i++) {
            inScope(task, i);
        }
    }

    /** @param present how many of the lanes do the work, all or the caller alone */
    private static void runIn(int lanes, int present, int tasks, IntConsumer task) {
        int threads = Engine.threads();
        boolean learns = GradMode.is_enabled();
        AtomicInteger next = new AtomicInteger();
        Runnable lane = () -> {
            SHARING.set(lanes);
            torch.set_num_threads(1);
            try (NativeScope scope = new NativeScope();
                    AutoGradMode mode = new AutoGradMode(learns)) {
                for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
                    inScope(task, i);
                }
            } catch (RuntimeException | Error e) {
                next.set(tasks);
                throw e;
            } finally {
                SHARING.remove();
            }
        };
        Blas.keepToOne();
        try {
            runAll(lane, present);
        } finally {
            torch.set_num_threads(isAlone() ? 1 : threads);
            Blas.release();
        }
    }

    /**
     * Work on the processor in which each of OpenBLAS' products stays on the thread that asks for it: what is shared out already, by
     * libtorch say, or is too small to be. OpenBLAS has one number of threads for the whole process, so meanwhile the products of all
     * other threads stay on theirs too.
     */
    public static <T> T unshared(Supplier<T> work) {
        Engine.start();
        Blas.keepToOne();
        try {
            return work.get();
        } finally {
            Blas.release();
        }
    }

    /**
     * The same for work whose operations are so short that they stay on the calling thread: libtorch's threads are woken at each, which
     * takes some 50 µs. Lanes that it runs are as many as ever.
     */
    public static <T> T alone(Supplier<T> work) {
        Engine.start();
        if (inside() || isAlone()) {
            return unshared(work);
        }
        int threads = Engine.threads();
        BEFORE_ALONE.set(threads);
        torch.set_num_threads(1);
        try {
            return unshared(work);
        } finally {
            BEFORE_ALONE.remove();
            torch.set_num_threads(threads);
        }
    }

    /** An operation within {@link #alone} that is long enough for all threads; where nothing is alone, no more than {@link #unshared}. */
    public static <T> T together(Supplier<T> work) {
        Engine.start();
        // a thread that was born beside one that is alone has its number now
        int threads = Engine.threads();
        if (!isAlone()) {
            return unshared(work);
        }
        BEFORE_ALONE.remove();
        torch.set_num_threads(threads);
        try {
            return unshared(work);
        } finally {
            BEFORE_ALONE.set(threads);
            torch.set_num_threads(1);
        }
    }

    /** Whether the caller is in {@link #alone}. */
    public static boolean isAlone() {
        return threadsBeforeAlone() > 0;
    }

    /** How many threads operations of the caller had before {@link #alone}; 0 outside of it. */
    static int threadsBeforeAlone() {
        return inside() ? 0 : BEFORE_ALONE.get();
    }

    private static void inScope(IntConsumer task, int i) {
        try (NativeScope scope = new NativeScope()) {
            task.accept(i);
        }
    }

    /** The caller is the last lane. */
    private static void runAll(Runnable lane, int lanes) {
        List<Future<?>> others = new ArrayList<>();
        Throwable failure = null;
        try {
            for (int i = 1; i < lanes; i++) {
                others.add(thread(i).submit(lane));
            }
            lane.run();
        } catch (RuntimeException | Error e) {
            // of starting a thread, too: those that run are awaited all the same, and take the tasks that are left
            failure = e;
        }
        for (Future<?> other : others) {
            Throwable ended = await(other);
            failure = failure == null ? ended : failure;
        }
        if (failure instanceof Error error) {
            throw error;
        }
        if (failure != null) {
            throw (RuntimeException) failure;
        }
    }

    /** What it ended in, or null. An interrupt waits: the lane uses tensors that the caller is about to free. */
    private static @Nullable Throwable await(Future<?> lane) {
        try {
            WakefulThread.soon(lane::isDone);
            Uninterrupted.await(lane::get);
            return null;
        } catch (ExecutionException e) {
            return e.getCause();
        }
    }
}
