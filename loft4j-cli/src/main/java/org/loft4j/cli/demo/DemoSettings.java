package org.loft4j.cli.demo;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

/**
 * What the demo is asked for.
 *
 * @param model the encoder that is trained
 * @param methods to train, in this order
 * @param rank of the low-rank factors
 * @param learningRate for every method; null for each method's own
 * @param epochs passes over the training sentences
 * @param quick whether a few steps on the way are enough, judged by a part of the held-out sentences
 * @param seed of the order of the data, of dropout and of the new weights; all methods get the same
 * @param device name of the device, as {@link DeviceSpec#parse} reads it
 * @param cache the user's cache directory
 * @param output directory for the adapters, the picture and the report
 */
public record DemoSettings(
        DemoModel model,
        List<Method> methods,
        int rank,
        @Nullable Double learningRate,
        int epochs,
        boolean quick,
        long seed,
        String device,
        Path cache,
        Path output) {
    /** Length in tokens to which sentences are cut; the longest of the data has fewer. */
    static final int MAX_LENGTH = 64;

    static final int BATCH_SIZE = 32;
    private static final int QUICK_STEPS = 60;
    private static final int QUICK_PAIRS = 150;

    public DemoSettings {
        methods = List.copyOf(methods);
        List<String> problems = new ArrayList<>();
        if (methods.isEmpty() || methods.stream().distinct().count() < methods.size()) {
            problems.add("methods must name at least one, and none twice, got "
                    + methods.stream().map(Method::word).toList());
        }
        Checks.collect(problems, () -> Checks.atLeast("rank", rank, 1));
        Checks.collect(problems, () -> Checks.atLeast("epochs", epochs, 1));
        if (learningRate != null) {
            double value = learningRate;
            Checks.collect(problems, () -> Checks.positive("learning_rate", value));
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    /** Number of pairs of a held-out part that are looked at, of those there are. */
    int evalPairs(int available) {
        return quick ? Math.min(available, QUICK_PAIRS) : available;
    }

    /** Optimizer steps of a run over so many sentences. */
    long steps(int sentences) {
        long all = (long) epochs * ((sentences + BATCH_SIZE - 1) / BATCH_SIZE);
        return quick ? Math.min(all, QUICK_STEPS) : all;
    }

    private int evaluations() {
        return quick ? 3 : 6;
    }

    /** The settings of one method's run over so many sentences. */
    TrainConfig training(Method method, int sentences) {
        long steps = steps(sentences);
        return TrainConfig.builder(method)
                .epochs(epochs)
                .maxSteps(steps)
                .batchSize(BATCH_SIZE)
                .evalBatchSize(2 * BATCH_SIZE)
                .learningRate(learningRate == null ? method.learningRate() : learningRate)
                .evalSteps(Math.max(1, (steps + evaluations() - 1) / evaluations()))
                .saveSteps(steps)
                .saveTotalLimit(1)
                .metricForBest("accuracy")
                // sentences of like length together: less padding, less time
                .groupByLength(true)
                // the methods are compared after the same number of steps, not each at its luckiest
                .loadBestAtEnd(false)
                // the report shows what there is
                .divergenceFactor(0)
                .seed(seed)
                .build();
    }

    /** The adapter on all linear layers, with the alpha that a method has where nobody names one. */
    LoraConfig adapter(Method method) {
        boolean rslora = method == Method.RSLORA;
        return LoraConfig.of(rank, LoraConfig.defaultAlpha(rank, rslora), new TargetModules.AllLinear())
                .withRslora(rslora);
    }

    /** The alpha of the adapters: of each method, where they differ. */
    String alpha() {
        List<Method> adapting = methods.stream().filter(Method::usesAdapter).toList();
        List<Double> alphas = adapting.stream()
                .map(method -> adapter(method).alpha())
                .distinct()
                .toList();
        return alphas.size() == 1
                ? String.valueOf(alphas.get(0))
                : adapting.stream()
                        .map(method -> method.title() + " " + adapter(method).alpha())
                        .collect(Collectors.joining(", "));
    }
}
