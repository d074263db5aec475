package org.loft4j.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.BatchSource;
import org.loft4j.data.MiniBatch;
import org.loft4j.tensor.Uninterrupted;

/**
 * The micro-batches of each step. While one step trains, a thread makes those of the next, and no more than those: it reads, tokenizes
 * and collates. What fails there is thrown where the step is asked for, so that the step before it counts.
 */
final class StepBatches implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(StepBatches.class.getName());
    private static final long PATIENCE_SECONDS = 60;

    private final BatchSource source;
    private final long stepsPerEpoch;
    private final long totalSteps;
    private final int accumulation;
    private final ExecutorService background = Executors.newSingleThreadExecutor(work -> {
        Thread thread = new Thread(work, "loft4j-batches");
        thread.setDaemon(true);
        return thread;
    });
    private @Nullable Future<List<MiniBatch>> next;
    private long nextStep = -1;

    StepBatches(BatchSource source, RunPlan plan, int accumulation) {
        this.source = source;
        this.stepsPerEpoch = plan.stepsPerEpoch();
        this.totalSteps = plan.totalSteps();
        this.accumulation = accumulation;
    }

    /**
     * The micro-batches of a step; its rows are a function of the step.
     *
     * @param step number of steps taken before
     */
    List<MiniBatch> take(long step) throws IOException {
        Future<List<MiniBatch>> ready = next;
        if (ready == null || nextStep != step) {
            ready = background.submit(() -> make(step));
        }
        List<MiniBatch> batches = await(ready);
        if (step + 1 < totalSteps) {
            nextStep = step + 1;
            next = background.submit(() -> make(step + 1));
        }
        return batches;
    }

    private List<MiniBatch> make(long step) throws IOException {
        long epoch = step / stepsPerEpoch;
        long from = step % stepsPerEpoch * accumulation;
        List<MiniBatch> micro = new ArrayList<>();
        for (long batch = from; batch < Math.min(source.batches(), from + accumulation); batch++) {
            micro.addAll(source.get(epoch, batch));
        }
        return micro;
    }

    /** An interrupt waits: the step that has begun is finished, so that the run can be saved behind it. */
    private static List<MiniBatch> await(Future<List<MiniBatch>> batches) throws IOException {
        try {
            return Uninterrupted.await(batches::get);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof IOException fault) {
                throw fault;
            } else if (cause instanceof RuntimeException fault) {
                throw fault;
            } else if (cause instanceof Error fault) {
                throw fault;
            }
            throw new IllegalStateException(cause);
        }
    }

    /** Ends the thread, then lets go of what is read. */
    @Override
    public void close() throws IOException {
        background.shutdownNow();
        if (hasEnded()) {
            source.close();
        } else {
            LOG.log(System.Logger.Level.WARNING, "the rows of the next step are still being read, and are left open");
        }
    }

    /** An interrupt waits: what the thread reads with is about to be closed. */
    private boolean hasEnded() {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        return Uninterrupted.await(() -> background.awaitTermination(end - System.nanoTime(), TimeUnit.NANOSECONDS));
    }
}
