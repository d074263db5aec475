package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.data.Examples;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.Preferences;
import org.loft4j.data.PromptDataset;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.train.ClassWeights;
import org.loft4j.train.LoftSettings;
import org.loft4j.train.MemoryEstimate;
import org.loft4j.train.OnExisting;
import org.loft4j.train.Rollouts;
import org.loft4j.train.RunLength;
import org.loft4j.train.StartingAdapter;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.Trainable;
import org.loft4j.train.Trainer;

/**
 * What a run would be: its length, its memory by arithmetic, and its time by a few real steps, which train an adapter or a model
 * that is then thrown away. Writes nothing.
 */
final class DryRun {
    private static final int TRIED = 3;

    /** Of steps that warm up, should the first be skipped. */
    private static final int MOST_WARM_UPS = 20;

    /** Of the time that gradients take, beyond which a way back is named. */
    private static final double UPDATE_BOUND = 0.1;

    /**
     * What the steps that were tried took.
     *
     * @param cell gradients, for a token or a place of padding
     * @param update clipping and optimizer, a step
     */
    private record Tried(double cell, double update) {}

    private final TrainData data;
    private final TrainConfig config;
    private final BatchSizes sizes;
    private final RunLength length;
    private final MemoryEstimate memory;
    private final DeviceSpec device;
    private final long trained;
    private final long parameters;
    private final Tried tried;
    private final boolean goesOn;

    private DryRun(
            TrainData data,
            TrainConfig config,
            MemoryEstimate memory,
            DeviceSpec device,
            long trained,
            long parameters,
            Tried tried,
            boolean goesOn) {
        this.data = data;
        this.config = config;
        this.sizes = BatchSizes.of(rows(data), config);
        this.length = RunLength.of(config, data.train());
        this.memory = memory;
        this.device = device;
        this.trained = trained;
        this.parameters = parameters;
        this.tried = tried;
        this.goesOn = goesOn;
    }

    /** Rows that are not streamed. */
    private static Examples rows(TrainData data) {
        return data.train() instanceof Preferences preferences
                // a step takes as long whatever was before
                ? preferences.withReference(new double[preferences.compared().size()])
                : (Examples) data.train();
    }

    /**
     * Takes the steps, with a new adapter or one to go on from, which is only read. The weights of a model that is trained in full
     * are others afterwards.
     *
     * @param weights those of the settings, counted in the data
     */
    static DryRun of(
            Model model,
            TrainData data,
            TrainConfig config,
            ClassWeights weights,
            @Nullable LoraConfig lora,
            @Nullable StartingAdapter start,
            MemoryEstimate memory)
            throws IOException {
        try (Trainable trainable =
                start != null ? Trainable.from(start, model, config) : Trainable.create(model, lora, config)) {
            long trained = trainable.elements();
            long all = model.weights().elements() + (config.method().usesAdapter() ? trained : 0);
            DeviceSpec device = model.description().device();
            Tried tried = tryOut(model, data, config, weights, trainable);
            return new DryRun(data, config, memory, device, trained, all, tried, start != null);
        }
    }

    /** Of the steps that are tried the first only warms up. */
    private static Tried tryOut(
            Model model, TrainData data, TrainConfig config, ClassWeights weights, Trainable trainable)
            throws IOException {
        BatchSizes sizes = BatchSizes.of(rows(data), config);
        RunLength length = RunLength.of(config, data.train());
        Trainer trainer = new Trainer(model, trainable, config, length.totalSteps(), weights);
        DeviceSpec device = model.description().device();
        int accumulation = config.gradientAccumulationSteps();
        int steps = (int) length.stepsPerEpoch();
        long cells = 0;
        long ofGradients = 0;
        long ofUpdates = 0;
        int warmedUp = 0;
        try (Rollouts rollouts = data.rewards() == null ? null : new Rollouts(model, trainable, data, config)) {
            for (int tried = -1; tried < TRIED; tried++) {
                int from = (int) ((long) steps * Math.max(0, tried) / TRIED) * accumulation;
                int to = Math.min(sizes.batches().size(), from + accumulation);
                List<MiniBatch> micro = new ArrayList<>();
                for (int[] indices : sizes.batches().subList(from, to)) {
                    micro.addAll(rows(data).trainingBatches(indices, data.padId(), config.seed(), 0));
                }
                long start = now(device);
                if (rollouts != null) {
                    trainable.setTraining(false);
                    micro = new ArrayList<>(Objects.requireNonNull(rollouts.take(micro, tried + 1, () -> false))
                            .batches());
                }
                trainable.setTraining(true);
                double loss = trainer.findGradients(micro, tried + 1);
                long found = now(device);
                boolean skipped = trainer.update(loss, tried + 1).skipped();
                long updated = now(device);
                if (tried < 0 && skipped && ++warmedUp < MOST_WARM_UPS) {
                    // the loss scale of float16 begins high, and a step that is skipped takes no time
                    tried--;
                } else if (tried >= 0) {
                    ofUpdates += updated - found;
                    ofGradients += found - start;
                    for (int i = from; i < to; i++) {
                        cells += sizes.cells()[i];
                    }
                }
            }
        }
        trainable.setTraining(false);
        return new Tried(ofGradients / 1e9 / cells, ofUpdates / 1e9 / TRIED);
    }

    /** In nanoseconds, once the device has done what it was asked. */
    private static long now(DeviceSpec device) {
        device.await();
        return System.nanoTime();
    }

    private double epochs() {
        return (double) length.totalSteps() / length.stepsPerEpoch();
    }

    private double gradientSeconds() {
        return tried.cell() * sizes.padded() / length.stepsPerEpoch();
    }

    private double stepSeconds() {
        return gradientSeconds() + tried.update();
    }

    /**
     * An optimizer's time does not depend on the rows of a step, and LoFT's goes with the square of the rank.
     *
     * @param gradients seconds of a step
     * @param update seconds of a step: clipping and optimizer
     * @param goesOn whether the rank is that of an adapter which is there already
     * @return what brings the second to a tenth of the first, for people; empty where it is no more
     */
    static String wayBack(double gradients, double update, TrainConfig config, boolean goesOn) {
        double share = update / gradients;
        if (share <= UPDATE_BOUND) {
            return "";
        }
        int accumulation = (int) Math.ceil(config.gradientAccumulationSteps() * share / UPDATE_BOUND);
        return String.format(
                Locale.ROOT,
                ", of which the optimizer takes %.0f %%; --accumulate %d, or a --batch-size so much larger, brings that to a"
                        + " tenth of the rest%s",
                100 * update / (gradients + update),
                accumulation,
                LoftSettings.hasCrossTerms(config.method())
                        ? (goesOn ? ", " : ", a lower --rank or ") + "--method loft-simple makes it less"
                        : "");
    }

    /**
     * What a forward pass takes of each token: a third of what a training step does, and a quarter where each step has a look at
     * strange answers as well.
     */
    private double judging() {
        return tried.cell() / (data.train() instanceof JudgedDataset ? 4 : 3);
    }

    private double evaluationSeconds() {
        Examples held = data.eval();
        if (held == null) {
            return 0;
        }
        long every = config.evalSteps() > 0 ? config.evalSteps() : length.stepsPerEpoch();
        long evaluations = Math.max(1, (length.totalSteps() + every - 1) / every);
        if (held instanceof PromptDataset) {
            // an answer each, which takes the most of a step's time for a token too
            return evaluations
                    * (double) BatchSizes.tokens(held, config)
                    / config.loss().rewards().generations()
                    * tried.cell();
        }
        return evaluations * BatchSizes.judgedTokens(held) * judging();
    }

    /** One pass over preferences whose loss has a reference, before the first step. */
    private double referenceSeconds() {
        Examples held = data.eval();
        boolean looks = data.train().hasPreferences()
                && config.loss().preferences().kind().hasReference();
        return looks
                ? (BatchSizes.judgedTokens(rows(data)) + (held == null ? 0 : BatchSizes.judgedTokens(held))) * judging()
                : 0;
    }

    private double seconds() {
        return referenceSeconds() + stepSeconds() * length.totalSteps() + evaluationSeconds();
    }

    private static String outputState(Path output) throws IOException {
        return OnExisting.holdsRun(output)
                ? " holds a run already: --resume goes on with it, --overwrite removes it"
                : Files.exists(output) ? " exists" : " does not exist yet";
    }

    String text(Path output) throws IOException {
        Examples held = data.eval();
        Table table = new Table();
        table.row(
                "rows",
                Quantities.count(data.train().rows())
                        + (held == null ? ", none held out" : ", and " + Quantities.count(held.size()) + " held out"));
        table.row(
                "tokens",
                Quantities.count(sizes.tokens()) + " an epoch after truncation, " + Quantities.count(sizes.padded())
                        + " with padding");
        table.row(
                "steps",
                Quantities.count(length.totalSteps()) + " in "
                        + String.format(Locale.ROOT, "%.4g", epochs()) + " epochs of "
                        + Quantities.count(length.stepsPerEpoch()) + ", "
                        + (long) config.batchSize() * config.gradientAccumulationSteps() + " rows each");
        table.row(
                "trained",
                Quantities.count(trained) + " of " + Quantities.count(parameters) + " parameters ("
                        + Quantities.percent(trained, parameters) + ")");
        table.row(
                "memory",
                "about " + Quantities.bytes(memory.total()) + Budget.place(device) + ": " + Budget.parts(memory));
        table.row(
                "time",
                "about " + duration(seconds())
                        + String.format(Locale.ROOT, ": %.3g s a step, by %d steps tried", stepSeconds(), TRIED)
                        + wayBack(gradientSeconds(), tried.update(), config, goesOn)
                        + (referenceSeconds() > 0
                                ? ", " + duration(referenceSeconds())
                                        + " for a look at the preferences before the first"
                                : "")
                        + (held == null ? "" : ", and " + duration(evaluationSeconds()) + " for evaluations"));
        table.row("output", output + outputState(output) + "; nothing was written");
        return table.toString();
    }

    private static String duration(double seconds) {
        return seconds < 90
                ? String.format(Locale.ROOT, "%.2g s", seconds)
                : seconds < 5400
                        ? String.format(Locale.ROOT, "%.0f min", seconds / 60)
                        : String.format(Locale.ROOT, "%.1f h", seconds / 3600);
    }

    Map<String, Object> tree(Path output) throws IOException {
        Examples held = data.eval();
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("rows", data.train().rows());
        tree.put("eval_rows", held == null ? 0 : held.size());
        tree.put("tokens_per_epoch", sizes.tokens());
        tree.put("padded_tokens_per_epoch", sizes.padded());
        tree.put("steps_per_epoch", length.stepsPerEpoch());
        tree.put("total_steps", length.totalSteps());
        tree.put("epochs", epochs());
        tree.put("trained_parameters", trained);
        tree.put("parameters", parameters);
        tree.put("memory_bytes", memory.total());
        tree.put("memory_parts", memory.parts());
        tree.put("seconds_per_step", stepSeconds());
        tree.put("seconds_per_update", tried.update());
        tree.put("reference_seconds", referenceSeconds());
        tree.put("evaluation_seconds", evaluationSeconds());
        tree.put("seconds", seconds());
        tree.put("output_dir", output.toString());
        tree.put("output_exists", Files.exists(output));
        tree.put("output_holds_run", OnExisting.holdsRun(output));
        return tree;
    }

    /** Two columns: a word, and what there is to say of it. */
    private static final class Table {
        private final StringBuilder text = new StringBuilder();

        void row(String word, String said) {
            text.append(String.format(Locale.ROOT, "%-8s %s%n", word, said));
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}
