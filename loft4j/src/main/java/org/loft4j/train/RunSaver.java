package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.FileFault;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Uninterrupted;

/**
 * Saves a run as it goes: copies what a checkpoint holds, and has a thread of its own write the copy while training goes on. One
 * write is on its way at a time; the next one waits for it. What went wrong in writing is thrown at the training thread.
 */
final class RunSaver implements AutoCloseable {
    /**
     * What must stay beside the newest checkpoint, whatever the limit.
     *
     * @param best step of the best evaluation; 0 for none
     * @param wellUntil the step up to which the newest checkpoint stays, to go back to should the run diverge
     */
    record Needed(long best, long wellUntil) {}

    /** Called on the training thread once a checkpoint is complete on the disk. */
    @FunctionalInterface
    interface Listener {
        void saved(long step, Path checkpoint) throws IOException;
    }

    /** Forces to the disk what must be there before the checkpoint is. */
    @FunctionalInterface
    interface Before {
        void sync() throws IOException;
    }

    private static final System.Logger LOG = System.getLogger(RunSaver.class.getName());

    private final Checkpoints checkpoints;
    private final Trainable trainable;
    private final Checkpoints.Content notes;
    private final TrainConfig config;
    private final Before before;
    private final Listener listener;
    private volatile @Nullable Path newest;
    private @Nullable FutureTask<Path> inFlight;
    private long stepInFlight;

    /**
     * @param notes what lies beside the weights
     * @param newest the complete checkpoint that the run goes on from; null for a new run
     */
    RunSaver(
            Checkpoints checkpoints,
            Trainable trainable,
            Checkpoints.Content notes,
            TrainConfig config,
            @Nullable Path newest,
            Before before,
            Listener listener) {
        this.checkpoints = checkpoints;
        this.trainable = trainable;
        this.notes = notes;
        this.config = config;
        this.newest = newest;
        this.before = before;
        this.listener = listener;
    }

    /** The newest checkpoint that is complete on the disk. May be called from any thread. */
    @Nullable
    Path newest() {
        return newest;
    }

    /**
     * Saves the run as it is now, after the save before has ended.
     *
     * @param state of the run, as {@link RunState#tree} gives it
     * @param needed what must not be removed
     */
    void save(long step, Map<String, Object> state, Needed needed) throws IOException {
        await();
        stepInFlight = step;
        Snapshot snapshot = config.saveInBackground() ? snapshot() : null;
        if (snapshot == null) {
            Checkpoints.Content direct = directory -> {
                trainable.save(directory);
                trainable.saveOptimizer(directory);
            };
            inFlight = new FutureTask<>(() -> write(step, direct, state, needed));
            inFlight.run();
            await();
            return;
        }
        FutureTask<Path> writing = new FutureTask<>(() -> {
            try (snapshot) {
                return write(step, snapshot, state, needed);
            }
        });
        inFlight = writing;
        try {
            new Thread(writing, "loft-checkpoint-" + step).start();
        } catch (OutOfMemoryError e) {
            LOG.log(System.Logger.Level.WARNING, "no thread to save in the background: training waits for this save");
            writing.run();
        }
    }

    /** The copy, or null if there is no memory for it. */
    private @Nullable Snapshot snapshot() {
        try {
            return trainable.snapshot();
        } catch (RuntimeException | OutOfMemoryError e) {
            if (!MemoryFault.is(e)) {
                throw e;
            }
            LOG.log(System.Logger.Level.WARNING, "no memory to save in the background: training waits for this save");
            return null;
        }
    }

    private Path write(long step, Checkpoints.Content tensors, Map<String, Object> state, Needed needed)
            throws IOException {
        Path checkpoint;
        try {
            before.sync();
            checkpoint = checkpoints.write(step, directory -> {
                tensors.writeTo(directory);
                notes.writeTo(directory);
                Json.write(directory.resolve(RunState.FILE), state);
            });
        } catch (IOException e) {
            throw new CheckpointException(
                    checkpoints.path(step), "cannot be written: " + FileFault.of(e) + "; " + afterFault(), e);
        }
        newest = checkpoint;
        // only now: until the new one is complete, the old ones are all there is
        prune(needed);
        return checkpoint;
    }

    /** No run ends because an old checkpoint stays: the next save tries again. */
    private void prune(Needed needed) {
        try {
            checkpoints.prune(config.saveTotalLimit(), kept(needed));
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "older checkpoints are not looked through: " + e);
        }
    }

    private Set<Long> kept(Needed needed) throws IOException {
        // asked now, when the write before this one has ended too
        Long good = checkpoints.lastUpTo(needed.wellUntil());
        return good == null ? Set.of(needed.best()) : Set.copyOf(List.of(needed.best(), good));
    }

    /** What a run that ends now can go on from. */
    String standing() {
        Path last = newest;
        return last == null ? "nothing has been saved yet" : last + " is complete and stays";
    }

    /** What a run that a file has ended can go on from, and how. */
    private String afterFault() {
        return standing() + ". Make room, or mend the directory, and resume";
    }

    /** The fault of a file that ends the run, with what it can go on from. */
    IOException explained(IOException fault) {
        awaitDespite(fault);
        return new IOException(FileFault.named(fault) + "; " + afterFault(), fault);
    }

    /** A fault of training itself, or what it says about memory, and of the checkpoints with it. */
    RuntimeException explained(Throwable fault, MemoryFault.Work work, Model model) {
        if (MemoryFault.is(fault)) {
            awaitDespite(fault);
            return MemoryFault.explain(fault, work, model, trainable, standing());
        }
        if (fault instanceof Error error) {
            throw error;
        }
        return model.weights().areClosed()
                ? new IllegalStateException("the model was closed while it was being trained: " + standing(), fault)
                : (RuntimeException) fault;
    }

    /** The checkpoint that is on its way shall be told of too. */
    private void awaitDespite(Throwable fault) {
        try {
            await();
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            fault.addSuppressed(e);
        }
    }

    /** Reports a save that has ended by now. */
    void poll() throws IOException {
        FutureTask<Path> writing = inFlight;
        if (writing != null && writing.isDone()) {
            await();
        }
    }

    /** Waits for the write that is on its way, if there is one. */
    void await() throws IOException {
        Path checkpoint = finished();
        if (checkpoint != null) {
            listener.saved(stepInFlight, checkpoint);
        }
    }

    private @Nullable Path finished() throws IOException {
        FutureTask<Path> writing = inFlight;
        if (writing == null) {
            return null;
        }
        inFlight = null;
        try {
            // a checkpoint that is nearly there is worth the wait
            return Uninterrupted.await(writing::get);
        } catch (ExecutionException e) {
            throw unwrapped(e);
        }
    }

    private static IOException unwrapped(ExecutionException e) {
        Throwable cause = e.getCause();
        if (cause instanceof IOException fault) {
            return fault;
        }
        if (cause instanceof RuntimeException fault) {
            throw fault;
        }
        if (cause instanceof Error fault) {
            throw fault;
        }
        return new IOException(cause);
    }

    /** Waits for the write that is on its way, however the run ended; nobody is told any more. */
    @Override
    public void close() throws IOException {
        finished();
    }
}
