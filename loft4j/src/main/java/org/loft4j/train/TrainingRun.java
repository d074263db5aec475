package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.data.BatchPlan;
import org.loft4j.data.Examples;
import org.loft4j.data.MiniBatch;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;

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
    private static final System.Logger LOG = System.getLogger(TrainingRun.class.getName());
    private static final int MOST_SKIPPED_IN_A_ROW = 100;

    private final Model model;
    private final TrainData data;
    private final TrainConfig config;
    private final RunOutput output;
    private final Trainable trainable;
    private final RunPlan plan;
    private final BatchPlan batches;
    private final List<TrainListener> listeners = new ArrayList<>();
    private final AtomicBoolean stopRequested = new AtomicBoolean();
    private final RunState state;
    private final Pace pace = new Pace();
    private final boolean alreadyFinished;
    private List<int[]> epochOrder = List.of();
    private long epochOfOrder = -1;
    private long peakResidentBytes;
    private int skippedInARow;

    private TrainingRun(
            Model model, TrainData data, TrainConfig config, RunOutput output, Trainable trainable, boolean resume)
            throws IOException {
        this.model = model;
        this.data = data;
        this.config = config;
        this.output = output;
        this.trainable = trainable;
        this.plan = RunPlan.of(config, model, trainable, data);
        this.batches = new BatchPlan(data.train(), config.batchSize(), config.groupByLength(), config.seed());
        this.alreadyFinished = resume && output.isFinished();
        Path checkpoint = resume && !alreadyFinished ? output.checkpoints().newest() : null;
        if (alreadyFinished) {
            this.state = RunState.read(output.directory(), config.metricForBest());
        } else if (checkpoint != null) {
            plan.requireSame(checkpoint);
            this.state = RunState.read(checkpoint, config.metricForBest());
            trainable.restore(checkpoint);
            trainable.restoreOptimizer(checkpoint);
        } else {
            this.state = new RunState(config.metricForBest());
        }
        if (!alreadyFinished) {
            output.checkpoints().removeAfter(state.step());
        }
    }

    /**
     * Prepares a run, and takes up what an earlier process left, where that is asked for.
     *
     * @param model is trained in place; with an adapter, its own weights stay as they are
     * @param lora the adapter, for a method that uses one
     * @throws ConfigException if the settings do not fit each other, the data or the directory
     * @throws CheckpointException if what an earlier process left cannot be used
     */
    public static TrainingRun open(
            Model model,
            TrainData data,
            TrainConfig config,
            @Nullable LoraConfig lora,
            Path outputDirectory,
            OnExisting onExisting)
            throws IOException {
        RunCheck.check(model, data, config);
        RunOutput output = RunOutput.open(outputDirectory, onExisting);
        try {
            Trainable trainable = Trainable.create(model, lora, config);
            try {
                return new TrainingRun(model, data, config, output, trainable, onExisting == OnExisting.RESUME);
            } catch (IOException | RuntimeException e) {
                trainable.close();
                throw e;
            }
        } catch (IOException | RuntimeException e) {
            output.close();
            throw e;
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

    public long totalSteps() {
        return plan.totalSteps();
    }

    /** Lets the step in progress finish, saves, and ends the run. May be called from any thread. */
    public void requestStop() {
        stopRequested.set(true);
    }

    /** Trains to the end, or until someone asks for a stop. */
    public TrainResult run() throws IOException {
        if (alreadyFinished) {
            trainable.restore(output.directory());
            return result(TrainResult.Outcome.ALREADY_FINISHED, null);
        }
        Trainer trainer = new Trainer(model, trainable, config, plan.totalSteps());
        try (RunRecorder recorder = new RunRecorder(output.directory(), state, plan, listeners)) {
            while (!isOver()) {
                trainable.setTraining(true);
                pace.startStep();
                StepResult result = trainer.step(microBatches(state.step()), state.step());
                state.advance(result);
                pace.endStep(result.tokens());
                refuseEndlessSkipping(result);
                boolean improved = tell(recorder, result);
                boolean stop = stopRequested.get() && !isOver();
                if (stop || improved || isOver() || isDue(saveEvery())) {
                    save(recorder);
                }
                if (stop) {
                    trainable.setTraining(false);
                    return result(
                            TrainResult.Outcome.INTERRUPTED,
                            output.checkpoints().path(state.step()));
                }
            }
        }
        return finish();
    }

    /** A run whose weights have gone bad would otherwise go on to the end without learning anything. */
    private void refuseEndlessSkipping(StepResult result) {
        skippedInARow = result.report().skipped() ? skippedInARow + 1 : 0;
        if (skippedInARow == MOST_SKIPPED_IN_A_ROW) {
            throw new IllegalStateException("the gradients of the last " + skippedInARow
                    + " steps were not finite: lower the learning rate, or train in float32 or bfloat16");
        }
    }

    private boolean isOver() {
        return state.step() >= plan.totalSteps() || state.best().exhausted(config.earlyStoppingPatience());
    }

    private boolean isDue(long every) {
        return state.step() % every == 0;
    }

    private long evalEvery() {
        return config.evalSteps() > 0 ? config.evalSteps() : plan.stepsPerEpoch();
    }

    private long saveEvery() {
        return config.saveSteps() > 0 ? config.saveSteps() : evalEvery();
    }

    /** The rows of a step are a function of the step. */
    private List<MiniBatch> microBatches(long step) throws IOException {
        long epoch = step / plan.stepsPerEpoch();
        if (epoch != epochOfOrder) {
            epochOrder = batches.epoch(epoch);
            epochOfOrder = epoch;
        }
        int accumulation = config.gradientAccumulationSteps();
        int from = Math.toIntExact(step % plan.stepsPerEpoch()) * accumulation;
        List<MiniBatch> micro = new ArrayList<>();
        for (int[] indices : epochOrder.subList(from, Math.min(epochOrder.size(), from + accumulation))) {
            micro.add(data.train().trainingBatch(indices, data.padId(), config.seed(), epoch));
        }
        return micro;
    }

    /** Logs and evaluates where that is due; says whether this is the best evaluation so far. */
    private boolean tell(RunRecorder recorder, StepResult result) throws IOException {
        long resident = NativeScope.residentBytes();
        peakResidentBytes = Math.max(peakResidentBytes, resident);
        recorder.step(result, pace, resident);
        boolean last = state.step() == plan.totalSteps();
        if (last || isDue(config.loggingSteps())) {
            recorder.training(result, pace, seconds(), resident);
        }
        Examples eval = data.eval();
        if (eval == null || !(last || isDue(evalEvery()))) {
            return false;
        }
        trainable.setTraining(false);
        Evaluation evaluation =
                data.measured(model, new Evaluator(model, data.padId(), config.evalBatchSize()).evaluate(eval));
        boolean best = state.evaluated(evaluation.values().getOrDefault(config.metricForBest(), Double.NaN));
        recorder.evaluation(evaluation, best);
        return best && config.loadBestAtEnd();
    }

    private double seconds() {
        return state.seconds() + pace.seconds();
    }

    private void save(RunRecorder recorder) throws IOException {
        recorder.sync();
        Path checkpoint = output.checkpoints().write(state.step(), directory -> {
            trainable.save(directory);
            trainable.saveOptimizer(directory);
            TaskFile.of(model, data.maxLength()).write(directory);
            state.write(directory, seconds(), plan);
        });
        output.checkpoints()
                .prune(
                        config.saveTotalLimit(),
                        config.loadBestAtEnd() ? state.best().step() : 0);
        recorder.saved(checkpoint);
    }

    /** Leaves the chosen weights in the model and in the output directory; the state that says so comes last. */
    private TrainResult finish() throws IOException {
        trainable.setTraining(false);
        boolean early = state.step() < plan.totalSteps();
        long best = state.best().step();
        if (config.loadBestAtEnd() && best > 0 && best != state.step()) {
            Path checkpoint = output.checkpoints().path(best);
            try {
                Checkpoints.verify(checkpoint);
                trainable.restore(checkpoint);
            } catch (CheckpointException e) {
                LOG.log(System.Logger.Level.WARNING, "the last weights are kept, the best are lost: " + e.getMessage());
            }
        }
        trainable.save(output.directory());
        output.copyTokenizer(model.description().directory());
        TaskFile task = TaskFile.of(model, data.maxLength());
        output.describe(task, ModelCard.text(model, trainable, task, config, plan, state));
        state.finish(early ? "stopped_early" : "finished");
        state.write(output.directory(), seconds(), plan);
        return result(early ? TrainResult.Outcome.STOPPED_EARLY : TrainResult.Outcome.FINISHED, null);
    }

    private TrainResult result(TrainResult.Outcome outcome, @Nullable Path checkpoint) {
        return new TrainResult(
                outcome,
                state.step(),
                plan.totalSteps(),
                state.skippedSteps(),
                state.best().step(),
                state.evaluationAt(state.lastEvaluatedStep()),
                state.evaluationAt(state.best().step()),
                pace.seconds(),
                peakResidentBytes,
                output.directory(),
                checkpoint);
    }

    /** Lets go of the directory, frees optimizers and adapter. */
    @Override
    public void close() throws IOException {
        trainable.close();
        output.close();
    }
}
