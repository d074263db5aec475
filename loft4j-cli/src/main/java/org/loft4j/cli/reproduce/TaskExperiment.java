package org.loft4j.cli.reproduce;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.cli.compare.Baseline;
import org.loft4j.cli.compare.Comparison;
import org.loft4j.cli.compare.ComparisonListener;
import org.loft4j.cli.compare.ComparisonSettings;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Remaining;
import org.loft4j.cli.compare.Summary;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

/**
 * Runs contenders on a real task by the engine of {@code loft compare}: what was finished is never run again, and several
 * processes may share the work.
 */
final class TaskExperiment implements Experiment {
    private static final int BATCH_SIZE = 32;
    private static final int STEPS = 150;
    private static final int QUICK_STEPS = 8;

    /** What an experiment compares. */
    interface Plan {
        /** Who takes part. */
        List<Contender> contenders();

        List<Integer> ranks();

        /** What came out. */
        Findings findings(TaskResults results);
    }

    private final Plan plan;
    private final ReproduceSettings settings;
    private final RealTask.Source source;
    private final Path output;
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final AtomicReference<@Nullable Comparison> running = new AtomicReference<>();

    TaskExperiment(Plan plan, ReproduceSettings settings, RealTask.Source source, Path output) {
        this.plan = plan;
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

    @Override
    public @Nullable Findings run(Consumer<String> say) throws IOException {
        RealTask task = source.open(say);
        ComparisonSettings compared = new ComparisonSettings(
                plan.contenders(),
                plan.ranks(),
                rates(task),
                seeds(settings),
                seeds(settings).size(),
                task.metric(),
                Baseline.DEFAULT,
                method -> training(method, settings),
                TaskExperiment::adapter,
                output,
                false);
        Comparison comparison = new Comparison(compared, task.model(), task.options(), task.data(), new Progress(say));
        running.set(comparison);
        if (stopped.get()) {
            comparison.requestStop();
        }
        Comparison.Outcome outcome = comparison.run();
        running.set(null);
        if (outcome != Comparison.Outcome.FINISHED) {
            say.accept(
                    outcome == Comparison.Outcome.STOPPED
                            ? "Stopped; the same call goes on where it was."
                            : "Nothing is left to start, but other processes are still at work; call again when they are done.");
            return null;
        }
        return plan.findings(new TaskResults(task, taken(compared), described(task, settings)));
    }

    /** The learning rates of contenders: those that were asked for, else the method's own for a model of this width. */
    private Map<String, List<Double>> rates(RealTask task) throws IOException {
        long hiddenSize = task.hiddenSize();
        Map<String, List<Double>> rates = new LinkedHashMap<>();
        plan.contenders()
                .forEach(contender -> rates.put(
                        contender.name(),
                        settings.learningRatesOr(contender.method().learningRate(hiddenSize))));
        return rates;
    }

    /** The results of this call's contenders, rates and seeds alone, in their order: the directory may hold others. */
    private List<TrialResult> taken(ComparisonSettings compared) throws IOException {
        return Summary.of(output).results().stream()
                .filter(result -> compared.contenders().contains(result.trial().contender()))
                .filter(result -> result.trial().rank() == 0
                        || compared.ranks().contains(result.trial().rank()))
                .filter(result -> Objects.requireNonNull(
                                compared.rates().get(result.trial().contender().name()))
                        .contains(result.trial().rate()))
                .filter(result -> compared.seeds().contains(result.trial().seed()))
                .sorted(Comparator.comparingInt((TrialResult result) ->
                                compared.contenders().indexOf(result.trial().contender()))
                        .thenComparingInt(result -> result.trial().rank())
                        .thenComparingDouble(result -> result.trial().rate())
                        .thenComparingLong(result -> result.trial().seed()))
                .toList();
    }

    static List<Long> seeds(ReproduceSettings settings) {
        return settings.seedsOr(settings.quick() ? new Long[] {0L} : new Long[] {0L, 1L});
    }

    /** What all runs of a method have in common. */
    static TrainConfig.Builder training(Method method, ReproduceSettings settings) {
        return TrainConfig.builder(method)
                .batchSize(BATCH_SIZE)
                .evalBatchSize(2 * BATCH_SIZE)
                .maxSteps(steps(settings))
                .saveSteps(Long.MAX_VALUE);
    }

    private static long steps(ReproduceSettings settings) {
        return settings.maxSteps() > 0 ? settings.maxSteps() : settings.quick() ? QUICK_STEPS : STEPS;
    }

    /** On all linear layers; alpha is the default where a contender does not say otherwise. */
    static LoraConfig adapter(int rank, boolean rslora) {
        return LoraConfig.of(rank, LoraConfig.defaultAlpha(rank, rslora), new TargetModules.AllLinear())
                .withRslora(rslora);
    }

    /** What was run, by name. */
    static Map<String, Object> described(RealTask task, ReproduceSettings settings) {
        TrainConfig config = training(Method.FULL, settings).build();
        Map<String, Object> map = new LinkedHashMap<>(task.described());
        map.put("steps", config.maxSteps());
        map.put("batch size", config.batchSize());
        map.put(
                "schedule",
                "linear to 0 after a warm-up over " + Math.round(100 * config.warmupRatio()) + " % of the steps");
        boolean classifies = task.options().task().isClassification();
        if (classifies) {
            map.put("learning rate of a new head", config.headLearningRate());
        }
        map.put("weight decay, gradient norm", config.weightDecay() + ", at most " + config.maxGradNorm());
        map.put(
                "adapted layers",
                classifies
                        ? "all linear layers but the head, which is trained in full"
                        : "all linear layers but the output embedding");
        map.put("seeds", seeds(settings));
        return map;
    }

    /** One line a run. */
    static final class Progress implements ComparisonListener {
        private final Consumer<String> say;

        Progress(Consumer<String> say) {
            this.say = say;
        }

        @Override
        public void onFinish(TrialResult result, Remaining remaining) {
            Trial trial = result.trial();
            say.accept(String.format(
                    Locale.ROOT,
                    "%s, learning rate %s, seed %d: %s s; %d left%s",
                    trial.entry().title(),
                    Trial.rateText(trial.rate()),
                    trial.seed(),
                    Numbers.fixed(result.cost().wallSeconds(), 0),
                    remaining.trials(),
                    Double.isNaN(remaining.seconds()) || remaining.trials() == 0
                            ? ""
                            : ", about " + Numbers.fixed(remaining.seconds() / 60, 0) + " min"));
        }

        @Override
        public void onWait(int held) {
            say.accept("waiting for " + held + " runs of other processes");
        }
    }

    /** Methods with options, as the command line of {@code loft compare} writes them. */
    static List<Contender> contenders(List<String> texts) {
        return texts.stream().map(Contender::parse).toList();
    }
}
