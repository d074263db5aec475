package org.loft4j.train;

import java.util.List;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.Batch;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.RowFacts;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.nn.KtoLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.optim.Schedule;
import org.loft4j.optim.StepReport;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;

/** Takes optimizer steps; knows nothing of files. {@link TrainingRun} is the whole run around it. */
public final class Trainer {
    private final Model model;
    private final Trainable trainable;
    private final TrainConfig config;
    private final Schedule schedule;
    private final double @Nullable [] classWeights;

    /**
     * @param totalSteps optimizer steps of the run, over which the learning rate takes its course
     * @throws ConfigException if the class weights are those of data that nobody has counted: {@link ClassWeights#counted}
     * @throws IllegalStateException if the model has been closed
     */
    public Trainer(Model model, Trainable trainable, TrainConfig config, long totalSteps) {
        this(model, trainable, config, totalSteps, config.loss().classWeights());
    }

    /**
     * The same with weights that were counted.
     *
     * @param classWeights in place of those of the settings
     */
    public Trainer(Model model, Trainable trainable, TrainConfig config, long totalSteps, ClassWeights classWeights) {
        InTraining.requireOpen(model);
        this.model = model;
        this.trainable = trainable;
        this.config = config;
        long warmup =
                config.warmupSteps() > 0 ? config.warmupSteps() : (long) Math.ceil(config.warmupRatio() * totalSteps);
        this.classWeights = classWeights.of(model.description().labels());
        trainable.heap().keepFreed();
        model.setGradientCheckpointing(config.gradientCheckpointing());
        this.schedule = new Schedule(config.schedule(), warmup, totalSteps, config.minLrRatio());
    }

    /**
     * One optimizer step on the mean loss of all examples (classification), target tokens (language model), preferences, judged answers, answers to {@link Rollouts} or anchors (sentence embeddings, whose candidates are those of all) of the
     * micro-batches, as if they had been one batch. Random numbers are a function of seed and step alone. If the loss or a
     * gradient is not finite, nothing changes.
     *
     * @param step number of steps taken before
     */
    public StepResult step(List<? extends MiniBatch> microBatches, long step) {
        double loss = findGradients(microBatches, step);
        StepReport report = update(loss, step);
        long tokens = microBatches.stream().mapToLong(MiniBatch::tokens).sum();
        return new StepResult(loss, trainable.learningRate() * schedule.factor(step), report, tokens);
    }

    /**
     * The first half of {@link #step}: leaves the gradient of the mean loss with what is trained.
     *
     * <p>Under a {@link org.loft4j.optim.LossScale} the gradients are multiplied by it.
     *
     * @return the mean loss
     */
    public double findGradients(List<? extends MiniBatch> microBatches, long step) {
        if (microBatches.isEmpty()) {
            throw new ConfigException("a step needs one batch at least, got none");
        }
        LaneGradients gradients = trainable.gradients();
        Seeds.manualSeed(Seeds.derive(config.seed(), "step", step));
        trainable.beginStep(config.seed(), step);
        IntToLongFunction seeds = i -> Seeds.derive(config.seed(), "batch " + i, step);
        try {
            double loss = model.task() == Task.SENTENCE_EMBEDDING
                    ? together(microBatches, seeds)
                    : summed(microBatches, seeds);
            gradients.fill();
            return loss;
        } catch (RuntimeException | Error e) {
            // of the batches before: who goes on after a fault must not add to them
            trainable.optimizer().zeroGrad();
            throw e;
        } finally {
            AutogradFunction.sweep();
        }
    }

    /** The loss is a sum over the batches. */
    private double summed(List<? extends MiniBatch> microBatches, IntToLongFunction seeds) {
        BatchLoss objective = BatchLoss.over(
                        model.task(),
                        microBatches,
                        trainable.optimizer().lossScale(),
                        config.loss().labelSmoothing(),
                        config.loss().preferences(),
                        classWeights)
                .withZero(zero(microBatches, seeds))
                .withRewards(config.loss().rewards(), microBatches);
        double loss = 0;
        for (int i = 0; i < microBatches.size(); i++) {
            if (isStrange(microBatches.get(i))) {
                continue;
            }
            try (NativeScope scope = new NativeScope()) {
                BatchTensors batch = BatchTensors.of(microBatches.get(i), model);
                loss += trainable.gradients().backward(objective, batch, seeds.applyAsLong(i));
            }
        }
        return loss;
    }

    /** Whether there is nothing to learn in it but how far the model has moved: answers to other prompts. */
    private static boolean isStrange(MiniBatch batch) {
        return batch instanceof Batch some && some.facts() instanceof RowFacts.Judged && some.targets() == 0;
    }

    /** Of answers that are judged one by one the reward of the strange ones in all batches ({@link KtoLoss#zero}); else 0. */
    private double zero(List<? extends MiniBatch> microBatches, IntToLongFunction seeds) {
        double sum = 0;
        long count = 0;
        for (int i = 0; i < microBatches.size(); i++) {
            if (!(microBatches.get(i) instanceof Batch some
                    && some.facts() instanceof RowFacts.Judged judged
                    && judged.learnt() < judged.count())) {
                continue;
            }
            try (NativeScope scope = new NativeScope()) {
                BatchTensors batch = BatchTensors.of(microBatches.get(i), model);
                double[] rewards = config.loss()
                        .preferences()
                        .kto()
                        .rewards(
                                trainable.gradients().logProbabilities(batch, seeds.applyAsLong(i)),
                                judged.reference());
                for (int row = 0; row < rewards.length; row++) {
                    if (judged.signs()[row] == JudgedDataset.STRANGE) {
                        sum += rewards[row];
                        count++;
                    }
                }
            }
        }
        return count == 0 ? 0 : config.loss().preferences().kto().zero(sum, count);
    }

    /** The loss compares what is in one batch with what is in the others. */
    private double together(List<? extends MiniBatch> microBatches, IntToLongFunction seeds) {
        return new MatchGradients(
                        model,
                        trainable.gradients(),
                        config.loss().matches(),
                        trainable.optimizer().lossScale())
                .backward(microBatches, seeds);
    }

    /** The second half of {@link #step}: clips, moves what is trained, and drops the gradients. */
    public StepReport update(double loss, long step) {
        double factor = schedule.factor(step);
        // an infinite loss may have finite gradients, which then say nothing
        StepReport report = Double.isFinite(loss)
                ? trainable.optimizer().step(factor, config.maxGradNorm())
                : new StepReport(Double.NaN, 1, true);
        trainable.optimizer().zeroGrad();
        model.weights().markChanged();
        return report;
    }
}
