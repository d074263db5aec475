package org.loft4j.cli.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.data.Folds;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

/**
 * What is compared.
 *
 * @param contenders methods with their options
 * @param ranks of the adapters; a method without an adapter is run once for each rate and seed
 * @param rates learning rates by the contender's name
 * @param seeds of the runs
 * @param sweepSeeds how many of the seeds, from the first, every learning rate is tried with; the others see the best alone
 * @param metric of the validation data that chooses the learning rate, one of {@link Evaluation#METRICS}
 * @param baseline what the others are set against, {@link Baseline#of}
 * @param training what the runs of a method have in common, in a new builder at each call; rate and seed come on top. Runs are
 *     judged after their last step
 * @param adapter what the adapters of a rank have in common, alpha's default included
 * @param output directory of the runs and of the summary
 * @param keepWeights whether what was trained is kept
 * @param folds how many the rows to learn from are parted into, each of which is held out once; 0 for none
 */
public record ComparisonSettings(
        List<Contender> contenders,
        List<Integer> ranks,
        Map<String, List<Double>> rates,
        List<Long> seeds,
        int sweepSeeds,
        String metric,
        String baseline,
        Function<Method, TrainConfig.Builder> training,
        Adapters adapter,
        Path output,
        boolean keepWeights,
        int folds) {
    /** Makes the adapter of a rank, scaled by alpha / √rank for rsLoRA. */
    @FunctionalInterface
    public interface Adapters {
        LoraConfig of(int rank, boolean rslora);
    }

    /** Without folds. */
    public ComparisonSettings(
            List<Contender> contenders,
            List<Integer> ranks,
            Map<String, List<Double>> rates,
            List<Long> seeds,
            int sweepSeeds,
            String metric,
            String baseline,
            Function<Method, TrainConfig.Builder> training,
            Adapters adapter,
            Path output,
            boolean keepWeights) {
        this(contenders, ranks, rates, seeds, sweepSeeds, metric, baseline, training, adapter, output, keepWeights, 0);
    }

    public ComparisonSettings {
        contenders = List.copyOf(contenders);
        ranks = List.copyOf(ranks);
        rates = Map.copyOf(rates);
        seeds = List.copyOf(seeds);
        List<String> problems = new ArrayList<>();
        requireDistinct(
                problems, "methods", contenders.stream().map(Contender::name).toList());
        requireOwnDirectories(problems, contenders, ranks);
        requireOwnTitles(problems, contenders);
        requireDistinct(problems, "seeds", seeds);
        if (contenders.stream().anyMatch(contender -> contender.method().usesAdapter())) {
            requireDistinct(problems, "ranks", ranks);
        }
        if (ranks.stream().anyMatch(rank -> rank < 1)) {
            problems.add("ranks must be at least 1, got " + ranks);
        }
        if (sweepSeeds < 1 || sweepSeeds > Math.max(1, seeds.size())) {
            problems.add("sweep_seeds must be from 1 to the number of seeds, " + seeds.size() + ", got " + sweepSeeds);
        }
        if (folds != 0) {
            int asked = folds;
            Checks.collect(problems, () -> Folds.requireEnough(asked));
        }
        if (!Evaluation.METRICS.contains(metric)) {
            problems.add("metric must be one of " + String.join(", ", Evaluation.METRICS) + ", got " + metric);
        }
        for (Contender contender : contenders) {
            List<Double> own = rates.get(contender.name());
            if (own == null) {
                problems.add("learning_rates: there is none for " + contender.name());
            } else {
                requireDistinct(problems, "learning_rates of " + contender.name(), own);
                own.forEach(rate -> Checks.collect(
                        problems, () -> contender.training(training.apply(contender.method()), rate, 0)));
            }
            if (contender.method().usesAdapter()) {
                ranks.forEach(rank -> Checks.collect(problems, () -> contender.adapter(adapter, Math.max(1, rank))));
            }
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", new LinkedHashSet<>(problems)));
        }
    }

    private static void requireDistinct(List<String> problems, String name, List<?> values) {
        if (values.isEmpty() || values.stream().distinct().count() < values.size()) {
            problems.add(name + " must name at least one, and none twice, got " + values);
        }
    }

    /** A label may read as another method at a rank does. */
    private static void requireOwnDirectories(List<String> problems, List<Contender> contenders, List<Integer> ranks) {
        Map<String, Trial.Entry> known = new HashMap<>();
        for (Contender contender : contenders) {
            for (int rank : contender.method().usesAdapter() ? ranks : List.of(0)) {
                Trial.Entry entry = new Trial.Entry(contender, rank);
                Trial.Entry other = known.putIfAbsent(entry.name(), entry);
                if (other != null && !other.contender().name().equals(contender.name())) {
                    problems.add("methods: " + other.contender().written() + " and " + contender.written()
                            + " at rank " + Math.max(rank, other.rank()) + " would share the directories "
                            + entry.name()
                            + "-…: give one of them another label");
                }
            }
        }
    }

    /** A label may be what a table calls another method: {@code LoRA+}. */
    private static void requireOwnTitles(List<String> problems, List<Contender> contenders) {
        Map<String, Contender> known = new HashMap<>();
        for (Contender contender : contenders) {
            Contender other = known.putIfAbsent(contender.title(), contender);
            if (other != null && !other.name().equals(contender.name())) {
                problems.add("methods: " + other.written() + " and " + contender.written()
                        + " would have one title in the table: give one of them another label");
            }
        }
    }

    /** The same rates for all contenders. */
    public static Map<String, List<Double>> sameRates(List<Contender> contenders, List<Double> rates) {
        Map<String, List<Double>> same = new LinkedHashMap<>();
        contenders.forEach(contender -> same.put(contender.name(), rates));
        return same;
    }

    /** What the runs of each contender have in common with those of the others. */
    public List<TrainConfig> commonConfigs() {
        return contenders.stream()
                .map(contender ->
                        training.apply(contender.method()).metricForBest(metric).build())
                .toList();
    }

    /** The rows of the table. */
    List<Trial.Entry> entries() {
        List<Trial.Entry> entries = new ArrayList<>();
        for (Contender contender : contenders) {
            for (int rank : contender.method().usesAdapter() ? ranks : List.of(0)) {
                entries.add(new Trial.Entry(contender, rank));
            }
        }
        return entries;
    }

    /** The numbers of the folds, from 1; 0 alone where there are none. */
    List<Integer> foldNumbers() {
        return folds == 0 ? List.of(0) : IntStream.rangeClosed(1, folds).boxed().toList();
    }

    /** The seeds that every learning rate is tried with. */
    List<Long> sweep() {
        return seeds.subList(0, sweepSeeds);
    }

    TrainConfig config(Trial trial) {
        // every step of the curve; no checkpoints but those of an interruption unless the caller wants them
        return trial.contender()
                .training(
                        training.apply(trial.contender().method())
                                .loggingSteps(1)
                                .metricForBest(metric)
                                .saveTotalLimit(1)
                                // a rate that is too high has its curve in the comparison
                                .divergenceFactor(0)
                                .earlyStoppingPatience(0)
                                .loadBestAtEnd(false),
                        trial.rate(),
                        trial.seed());
    }

    /** The adapter of a row of the table; not asked for where the method has none. */
    LoraConfig adapter(Trial.Entry entry) {
        return entry.contender().adapter(adapter, Math.max(1, entry.rank()));
    }

    /** The adapter of a trial; not asked for where the method has none. */
    LoraConfig adapter(Trial trial) {
        return adapter(trial.entry());
    }
}
