package org.loft4j.cli.reproduce;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.cli.compare.Contender;

/**
 * What an experiment is asked for. What is empty or 0 is the experiment's own to choose.
 *
 * @param seeds of the data's order and of new weights
 * @param methods that are compared, as {@code loft compare} reads them
 * @param ranks of the low-rank factors
 * @param learningRates peak learning rates
 * @param maxSteps optimizer steps of each run
 * @param quick whether a smaller experiment that takes seconds is enough
 */
public record ReproduceSettings(
        List<Long> seeds,
        List<String> methods,
        List<Integer> ranks,
        List<Double> learningRates,
        long maxSteps,
        boolean quick) {
    public ReproduceSettings {
        seeds = List.copyOf(seeds);
        methods = List.copyOf(methods);
        ranks = List.copyOf(ranks);
        learningRates = List.copyOf(learningRates);
        List<String> problems = new ArrayList<>();
        refuse(problems, () -> Checks.atLeast("max_steps", maxSteps, 0));
        learningRates.forEach(rate -> refuse(problems, () -> Checks.positive("learning_rate", rate)));
        ranks.forEach(rank -> refuse(problems, () -> Checks.atLeast("ranks", rank, 1)));
        refuseTwice(problems, "seeds", seeds);
        methods.forEach(method -> refuse(problems, () -> Contender.parse(method)));
        refuseTwice(problems, "methods", methods);
        refuseTwice(problems, "ranks", ranks);
        refuseTwice(problems, "learning_rate", learningRates);
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    private static void refuse(List<String> problems, Runnable check) {
        try {
            check.run();
        } catch (ConfigException e) {
            problems.add(String.valueOf(e.getMessage()));
        }
    }

    private static void refuseTwice(List<String> problems, String field, List<?> values) {
        if (values.stream().distinct().count() < values.size()) {
            problems.add(field + " must name nothing twice, got " + values);
        }
    }

    List<Long> seedsOr(Long... otherwise) {
        return seeds.isEmpty() ? List.of(otherwise) : seeds;
    }

    List<String> methodsOr(List<String> otherwise) {
        return methods.isEmpty() ? otherwise : methods;
    }

    List<Integer> ranksOr(Integer... otherwise) {
        return ranks.isEmpty() ? List.of(otherwise) : ranks;
    }

    List<Double> learningRatesOr(Double... otherwise) {
        return learningRates.isEmpty() ? List.of(otherwise) : learningRates;
    }

    int stepsOr(int otherwise) {
        return maxSteps > 0 ? (int) Math.min(maxSteps, Integer.MAX_VALUE) : otherwise;
    }
}
