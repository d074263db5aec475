package org.loft4j.cli.reproduce;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.Baseline;
import org.loft4j.cli.compare.Comparison;
import org.loft4j.cli.compare.ComparisonListener;
import org.loft4j.cli.compare.ComparisonSettings;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Remaining;
import org.loft4j.cli.compare.Summary;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialObserver;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.nn.Model;
import org.loft4j.train.Method;

/**
 * How far each method's change of the weights is from full fine-tuning's, at the same learning rate and on the same batches. First
 * the reference runs, one for each rate and seed, which leave their changes at several steps; then the methods, and full
 * fine-tuning with another seed. All by the engine of {@code loft compare}: stopped and shared as that is.
 */
final class Distance implements Experiment {
    /** What is added to the seed of a reference for the other run of full fine-tuning. */
    static final long OTHER_SEED = 1000;

    private static final long WAIT_MILLIS = 3000;

    /** Directory of the reference runs, of those that are compared, and of full fine-tuning with another seed. */
    enum Part {
        REFERENCE,
        METHODS,
        OTHER_SEED;

        Path in(Path output) {
            return output.resolve(name().toLowerCase(java.util.Locale.ROOT).replace('_', '-'));
        }
    }

    private final ReproduceSettings settings;
    private final RealTask.Source source;
    private final Path output;
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final AtomicReference<@Nullable Comparison> running = new AtomicReference<>();

    Distance(ReproduceSettings settings, RealTask.Source source, Path output) {
        this.settings = settings;
        this.source = source;
        this.output = output;
    }

    @Override
    public void requestStop() {
        stopped.set(true);
        Comparison comparison = running.get();
        if (comparison != null) {
            comparison.requestStop();
        }
    }

    /** Who is compared. */
    private List<Contender> methods() {
        List<String> methods = settings.quick()
                ? List.of("loft", "lora")
                : List.of("loft", "loft-simple", "loft-muon", "lora", "dora", "lora-pro");
        return TaskExperiment.contenders(settings.methodsOr(methods));
    }

    private List<Integer> ranks() {
        return settings.ranksOr(settings.quick() ? new Integer[] {4} : new Integer[] {1, 4, 16});
    }

    /** Full fine-tuning's own for a model of this width, for all. */
    private List<Double> rates(RealTask task) throws IOException {
        return settings.learningRatesOr(Method.FULL.learningRate(task.hiddenSize()));
    }

    @Override
    public @Nullable Findings run(Consumer<String> say) throws IOException {
        RealTask task = source.open(say);
        List<Long> seeds = TaskExperiment.seeds(settings);
        List<Contender> full = List.of(Contender.of(Method.FULL));
        List<Long> others = seeds.stream().map(seed -> seed + OTHER_SEED).toList();
        if (!finish(Part.REFERENCE, full, seeds, task, say)
                || !finish(Part.METHODS, methods(), seeds, task, say)
                || !finish(Part.OTHER_SEED, full, others, task, say)) {
            return null;
        }
        List<DistanceRow> rows = new ArrayList<>();
        List<TrialResult> results = new ArrayList<>();
        List<Double> rates = rates(task);
        for (Part part : Part.values()) {
            List<Contender> contenders = part == Part.METHODS ? methods() : full;
            List<Long> own = part == Part.OTHER_SEED ? others : seeds;
            for (TrialResult result : Summary.of(part.in(output)).results()) {
                Trial trial = result.trial();
                if (contenders.contains(trial.contender())
                        && (trial.rank() == 0 || ranks().contains(trial.rank()))
                        && rates.contains(trial.rate())
                        && own.contains(trial.seed())) {
                    results.add(result);
                    if (part != Part.REFERENCE) {
                        rows.add(DistanceRow.of(part, result, task.metric(), part.in(output)));
                    }
                }
            }
        }
        for (double rate : rates) {
            for (long seed : seeds) {
                say.accept("best change of each rank, learning rate " + Trial.rateText(rate) + ", seed " + seed);
                rows.addAll(DistanceRow.best(reference(rate, seed), rate, seed, ranks()));
            }
        }
        Map<String, Object> described = new LinkedHashMap<>(TaskExperiment.described(task, settings));
        described.put("seeds of the other run of full fine-tuning", others);
        return new DistanceFindings(rows, results, rates, task.metric(), described).findings();
    }

    /** Where the changes of the reference run lie. */
    private Path reference(double rate, long seed) {
        return Part.REFERENCE.in(output).resolve("updates").resolve(Trial.rateText(rate) + "-s" + seed);
    }

    /** Runs one part to its end, which other processes may be at work on too; false if someone asked for a stop. */
    private boolean finish(Part part, List<Contender> contenders, List<Long> seeds, RealTask task, Consumer<String> say)
            throws IOException {
        ComparisonSettings compared = new ComparisonSettings(
                contenders,
                ranks(),
                ComparisonSettings.sameRates(contenders, rates(task)),
                seeds,
                seeds.size(),
                task.metric(),
                Baseline.DEFAULT,
                method -> TaskExperiment.training(method, settings),
                TaskExperiment::adapter,
                part.in(output),
                false);
        while (!stopped.get()) {
            Comparison comparison =
                    new Comparison(compared, task.model(), task.options(), task.data(), new Watch(part, say));
            running.set(comparison);
            Comparison.Outcome outcome = stopped.get() ? Comparison.Outcome.STOPPED : comparison.run();
            running.set(null);
            if (outcome == Comparison.Outcome.FINISHED) {
                return true;
            }
            if (outcome == Comparison.Outcome.OTHERS_AT_WORK) {
                say.accept("waiting for the runs of other processes");
                pause();
            }
        }
        say.accept("Stopped; the same call goes on where it was.");
        return false;
    }

    private void pause() {
        try {
            Thread.sleep(WAIT_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            stopped.set(true);
        }
    }

    /** Puts an observer into each trial. */
    private final class Watch implements ComparisonListener {
        private final Part part;
        private final TaskExperiment.Progress progress;

        Watch(Part part, Consumer<String> say) {
            this.part = part;
            this.progress = new TaskExperiment.Progress(say);
        }

        @Override
        public TrialObserver observe(Trial trial, Path place, Model model) {
            return switch (part) {
                case REFERENCE -> DistanceObserver.ofReference(model, reference(trial.rate(), trial.seed()));
                case METHODS ->
                    DistanceObserver.ofRun(
                            model,
                            trial.contender().method().usesAdapter(),
                            reference(trial.rate(), trial.seed()),
                            place);
                case OTHER_SEED ->
                    DistanceObserver.ofRun(model, false, reference(trial.rate(), trial.seed() - OTHER_SEED), place);
            };
        }

        @Override
        public void onFinish(TrialResult result, Remaining remaining) {
            progress.onFinish(result, remaining);
        }

        @Override
        public void onWait(int held) {
            progress.onWait(held);
        }
    }
}
