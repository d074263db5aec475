package org.loft4j.train;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Examples;
import org.loft4j.nn.Model;

/**
 * A whole run in an output directory: steps, evaluations, checkpoints, logs, and the result at the end. A run that was stopped,
 * even by force, goes on from its newest whole checkpoint and ends bit for bit where it would have ended without the stop.
 *
 * <pre>
 * try (TrainingRun run = TrainingRun.open(model, data, config, lora, output, OnExisting.RESUME)) {
 *     run.addListener(new ProgressLine(System.err, true, 100));
 *     TrainResult result = run.run();
 * }
 * </pre>
 */
public final class TrainingRun implements AutoCloseable {
    private final InTraining training;
    private final Model model;
    private final TrainConfig config;
    private final RunOutput output;
    private final Trainable trainable;
    private final RunPlan plan;
    private final RunRows rows;
    private final RunJudge judge;
    private final Listeners listeners = new Listeners();
    private final StopRequest stopRequest = new StopRequest();
    private final ReentrantLock atWork = new ReentrantLock();
    private final RunState state;
    private final RunRhythm rhythm;
    private final boolean alreadyFinished;
    private final RunNotes notes;
    private final RunParts parts;
    private final RunEnding ending;
    private final @Nullable Path startedFrom;
    private final ClassWeights classWeights;
    private volatile @Nullable RunSaver saver;
    private long divergedBefore;
    private volatile boolean closing;
    private boolean closed;

    private TrainingRun(
            InTraining training,
            Model model,
            TrainData data,
            TrainConfig config,
            @Nullable StartingAdapter start,
            RunOutput output,
            Trainable trainable,
            @Nullable Rollouts rollouts,
            OnExisting onExisting,
            LongSupplier nanos)
            throws IOException {
        this.training = training;
        this.model = model;
        this.config = config;
        this.output = output;
        this.trainable = trainable;
        this.judge = new RunJudge(model, data, config, rollouts);
        // first: it tells the seconds of all that follows
        Pace pace = new Pace(nanos);
        BaseFiles base = BaseFiles.of(model.description().directory());
        this.classWeights = config.loss().classWeights().counted(model, data.train());
        this.notes = RunNotes.of(model, data, config, start);
        this.plan = RunPlan.of(config, model, trainable, data, base, start);
        this.rhythm = new RunRhythm(config, plan, nanos);
        this.rows = new RunRows(data, config, plan);
        boolean resume = onExisting == OnExisting.RESUME;
        ResumePoint point = resume ? ResumePoint.of(output, plan, config) : ResumePoint.START;
        this.alreadyFinished = point.finished();
        this.startedFrom = point.checkpoint();
        this.divergedBefore = point.divergedSince();
        this.state = point.state(config);
        this.parts = new RunParts(model, config, output, trainable, plan, state, pace);
        this.ending = new RunEnding(parts, base, notes, classWeights);
        point.restore(trainable);
        if (resume && !alreadyFinished) {
            output.checkpoints().setAsideAfter(state.step());
        }
    }

    /**
     * Refuses settings, model and data that do not fit each other, as {@link #open} does, for who has something to write before.
     *
     * @throws ConfigException that names all misfits
     */
    public static void requireFits(Model model, TrainData data, TrainConfig config) {
        RunCheck.require(model, data, config);
    }

    /**
     * Prepares a run, and takes up what an earlier process left, where that is asked for.
     *
     * @param model is trained in place; with an adapter, its own weights stay as they are
     * @param lora the adapter, for a method that uses one
     * @throws ConfigException if the settings do not fit each other, the data or the directory
     * @throws CheckpointException if what an earlier process left cannot be used
     * @throws org.loft4j.NativeMemoryException if there is not enough memory
     * @throws IllegalStateException if another open run trains the model
     */
    public static TrainingRun open(
            Model model,
            TrainData data,
            TrainConfig config,
            @Nullable LoraConfig lora,
            Path outputDirectory,
            OnExisting onExisting)
            throws IOException {
        return open(model, data, config, null, lora, outputDirectory, onExisting, System::nanoTime);
    }

    /**
     * Prepares a run of its own that goes on from an adapter, with new optimizers and a new schedule; where that is asked for, it
     * takes up what an earlier process left of it.
     *
     * @param model is opened for the adapter's task, with its labels and pooling ({@link StartingAdapter#trainedAs})
     * @param outputDirectory is another than the adapter's, and neither in that nor around it
     * @throws ConfigException if the settings do not fit each other, the adapter, the data or the directory
     * @throws CheckpointException if the adapter does not fit the model, or what an earlier process left cannot be used
     * @throws IllegalStateException if another open run trains the model
     */
    public static TrainingRun openFrom(
            StartingAdapter start,
            Model model,
            TrainData data,
            TrainConfig config,
            Path outputDirectory,
            OnExisting onExisting)
            throws IOException {
        start.requireTrainableBy(config.method());
        start.requireApart(outputDirectory, model.description().directory());
        return open(model, data, config, start, null, outputDirectory, onExisting, System::nanoTime);
    }

    /** Either of the two, by another clock. */
    static TrainingRun open(
            Model model,
            TrainData data,
            TrainConfig config,
            @Nullable StartingAdapter start,
            @Nullable LoraConfig lora,
            Path outputDirectory,
            OnExisting onExisting,
            LongSupplier nanos)
            throws IOException {
        RunCheck.check(model, data, config);
        List<Closeable> held = new ArrayList<>();
        try {
            InTraining training = InTraining.of(model);
            held.add(training::close);
            Path base = model.description().directory();
            RunOutput output = RunOutput.open(outputDirectory, onExisting, config.method(), base);
            held.add(output::close);
            output.requireKept(base);
            ChatFormat chat = data.train().chatFormat();
            Trainable trainable = start != null
                    ? Trainable.from(start, model, config)
                    : Trainable.create(model, lora, config, chat == null ? null : chat.template());
            held.add(trainable::close);
            // before a checkpoint is restored: what the adapter is now is what it was before training
            Rollouts rollouts = data.rewards() == null ? null : new Rollouts(model, trainable, data, config);
            if (rollouts != null) {
                held.add(rollouts::close);
            }
            TrainingRun run = new TrainingRun(
                    training, model, data, config, start, output, trainable, rollouts, onExisting, nanos);
            // an adapter brings what the model's files lack
            if (run.step() == 0 && start == null) {
                RunCheck.tellOfNewParameters(model);
            }
            return run;
        } catch (IOException | RuntimeException | Error e) {
            for (int i = held.size() - 1; i >= 0; i--) {
                held.get(i).close();
            }
            if (!MemoryFault.is(e)) {
                throw e;
            }
            throw MemoryFault.ofBeginning(e, model);
        }
    }

    /** The listeners hear of what happens from now on. */
    public void addListener(TrainListener listener) {
        listeners.add(listener);
    }

    /** What is trained, for a caller that goes on to use it. */
    public Trainable trainable() {
        return trainable;
    }

    /** Optimizer steps behind the run; more than 0 when it goes on from a checkpoint. */
    public long step() {
        return state.step();
    }

    /** Whether the evaluation after this step is still to be made: the stop that ended the run before came first. */
    public boolean evaluationPending() {
        return state.evaluationPending();
    }

    public long totalSteps() {
        return plan.totalSteps();
    }

    /** What each class weighs in the loss of the steps; where that goes by how rare classes are, by the training data. */
    public ClassWeights classWeights() {
        return classWeights;
    }

    /** Whether an earlier process has brought the run to its end: {@link #run} then only takes up its result. */
    public boolean isFinished() {
        return alreadyFinished;
    }

    /** The newest checkpoint that is complete on the disk; null before the first. May be called from any thread. */
    public @Nullable Path newestCheckpoint() {
        RunSaver active = saver;
        return active == null ? startedFrom : active.newest();
    }

    /**
     * Whether it is still to be found out what the model holds of preferences before the first step: a stop now comes before that
     * step, and leaves nothing to go on from. May be called from any thread.
     */
    public boolean awaitsReference() {
        return !rows.areReady() && state.step() == 0;
    }

    /**
     * Lets the step in progress finish, saves, and ends the run. An evaluation is given up, and made when the run goes on. May be
     * called from any thread.
     */
    public void requestStop() {
        stopRequest.make();
    }

    /**
     * Removes the run that this one overwrites, and what is told of one that left no checkpoint. {@link #run} does so; before it,
     * who writes into the directory for the new run.
     */
    public void begin() throws IOException {
        output.begin(model.description().directory(), state.step());
    }

    /**
     * Trains to the end, until someone asks for a stop, or until the loss has run away. An interrupt of the thread that trains asks
     * for a stop too: the run is saved, and the thread is interrupted still when this returns. A run that was stopped goes on when it is
     * called again.
     *
     * @throws CheckpointException if a checkpoint cannot be written; those before it stay
     * @throws org.loft4j.NativeMemoryException if there is not enough memory; the checkpoints stay
     * @throws IllegalStateException if the run has been closed
     * @throws RuntimeException what a listener threw, once the run is saved as by a stop ({@link TrainListener})
     */
    public TrainResult run() throws IOException {
        atWork.lock();
        try (listeners) {
            requireOpen();
            parts.pace().goOn();
            return trained();
        } finally {
            parts.pace().rest();
            stopRequest.end();
            atWork.unlock();
        }
    }

    /**
     * Judges what the run has trained by rows such as those of a test, or its held-out ones where no evaluation has these weights.
     *
     * @param held preferences with their reference ({@link org.loft4j.data.PreferenceDataset#withReference}), if their loss has one,
     *     which was to be taken before {@link #run}
     * @param givenUp asked before each batch
     * @return of prompts the mean of each reward and its standard error; null if given up, as by a {@link #close} elsewhere
     * @throws org.loft4j.NativeMemoryException if there is not enough memory; what was trained stays
     * @throws IllegalStateException if the run has been closed, and with it what it trained
     */
    public @Nullable Evaluation test(Examples held, BooleanSupplier givenUp) throws IOException {
        atWork.lock();
        try {
            requireOpen();
            return judge.tested(held, () -> closing || givenUp.getAsBoolean());
        } catch (RuntimeException | OutOfMemoryError e) {
            if (!MemoryFault.is(e)) {
                throw e;
            }
            String standing = output.directory() + " holds what was trained, and stays: the same call tests it alone";
            throw MemoryFault.explain(e, MemoryFault.Work.test(), model, trainable, standing);
        } finally {
            atWork.unlock();
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(
                    "this run has been closed: open it anew, with OnExisting.RESUME to go on with it");
        }
    }

    private TrainResult trained() throws IOException {
        if (alreadyFinished) {
            trainable.restore(output.directory());
            trainable.setTraining(false);
            return ending.alreadyFinished();
        }
        stopRequest.takeInterrupt();
        Trainer trainer = new Trainer(model, trainable, config, plan.totalSteps(), classWeights);
        begin();
        TrainResult stopped;
        try (RunRecorder recorder =
                        new RunRecorder(parts, listeners, rows.data().rewards(), this::explained);
                RunSaver active = saver(recorder)) {
            saver = active;
            stopped = new RunLoop(parts, rhythm, rows, judge, ending, trainer, recorder, active, stopRequest, listeners)
                    .train();
        }
        trainable.setTraining(false);
        try {
            return stopped != null ? stopped : ending.finish();
        } catch (IOException e) {
            throw explained(e);
        }
    }

    private IOException explained(IOException fault) {
        return Objects.requireNonNull(saver).explained(fault);
    }

    private RunSaver saver(RunRecorder recorder) {
        return new RunSaver(
                output.checkpoints(),
                trainable,
                notes::write,
                config,
                newestCheckpoint(),
                recorder::sync,
                (step, checkpoint) -> saved(recorder, step, checkpoint));
    }

    private void saved(RunRecorder recorder, long step, Path checkpoint) throws IOException {
        if (divergedBefore > 0) {
            output.recovered();
            divergedBefore = 0;
        }
        recorder.saved(step, checkpoint);
    }

    /**
     * Lets go of the directory and the data, frees optimizers and adapter, and gives what is free back to the system. A model that
     * had an adapter answers as before the run from then on, its head included. Where another thread trains, it is asked for a stop,
     * and waited for; a {@link #test} on one is given up.
     *
     * @throws IllegalStateException on the thread that trains, where {@link #requestStop} is what a listener calls
     */
    @Override
    public void close() throws IOException {
        if (atWork.isHeldByCurrentThread()) {
            throw new IllegalStateException("the run is at work: requestStop() ends it, and close() comes after run()");
        }
        closing = true;
        requestStop();
        atWork.lock();
        try {
            // once: what was the run's may be another's by the second time
            if (!closed) {
                closed = true;
                release();
            }
        } finally {
            atWork.unlock();
        }
    }

    private void release() throws IOException {
        try (training;
                output;
                trainable;
                rows;
                Rollouts rollouts = judge.rollouts()) {
            // each lets go, the last first
        }
    }
}
