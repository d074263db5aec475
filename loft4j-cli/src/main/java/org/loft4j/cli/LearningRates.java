package org.loft4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.cli.compare.ComparisonSettings;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Trial;
import org.loft4j.train.Method;

/**
 * Learning rates for all, and for some by name: {@code 1e-4,3e-4} and {@code lora=1e-3,3e-3}, in one text or in several.
 *
 * @param common for whoever has none of his own; empty for each method's default
 * @param named by the name of a contender or a method
 */
record LearningRates(List<Double> common, Map<String, List<Double>> named) {
    /** Hidden size above which defaults that go with the width and defaults that do not are too far apart to be compared. */
    private static final long WIDE = 1024;

    /** Whether there is a rate for whoever has none of his own. */
    static boolean haveCommon(List<String> texts) {
        return texts.stream().anyMatch(text -> !text.split(",", 2)[0].contains("="));
    }

    /** Whether there is a rate for one by its name. */
    static boolean haveNamed(List<String> texts) {
        return texts.stream().anyMatch(text -> text.contains("="));
    }

    /** @param single a rate for all that was given in the way of {@code loft train}; null for none */
    static LearningRates parse(List<String> texts, @Nullable Double single) {
        List<String> problems = new ArrayList<>();
        List<Double> common = new ArrayList<>();
        Map<String, List<Double>> named = new LinkedHashMap<>();
        for (String text : texts) {
            List<Double> target = common;
            for (String word : text.split(",")) {
                // the name may hold one itself: lora_alpha=4=1e-3
                int equals = word.lastIndexOf('=');
                if (equals >= 0) {
                    target = named.computeIfAbsent(word.substring(0, equals).strip(), name -> new ArrayList<>());
                }
                try {
                    target.add(Double.valueOf(word.substring(equals + 1).strip()));
                } catch (NumberFormatException e) {
                    problems.add("learning_rates must be numbers with commas between, got " + word);
                }
            }
        }
        if (single != null && !common.isEmpty()) {
            problems.add("--learning-rate and --learning-rates exclude each other");
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
        return new LearningRates(single == null ? common : List.of(single), named);
    }

    /**
     * The rates of each contender by its name: those of its own name, of its method, of all, or the method's default.
     *
     * @param usual a method's default for the model and what is learnt
     */
    Map<String, List<Double>> of(List<Contender> contenders, ToDoubleFunction<Method> usual) {
        Map<String, List<Double>> rates = new LinkedHashMap<>();
        List<String> unknown = new ArrayList<>(named.keySet());
        for (Contender contender : contenders) {
            unknown.removeAll(names(contender));
            List<Double> own = own(contender);
            List<Double> fallback = common.isEmpty() ? List.of(usual.applyAsDouble(contender.method())) : common;
            rates.put(contender.name(), own == null ? fallback : own);
        }
        if (!unknown.isEmpty()) {
            throw new ConfigException("learning_rates: no method is named " + String.join(", ", unknown)
                    + "; there are "
                    + String.join(", ", contenders.stream().map(Contender::name).toList()));
        }
        return rates;
    }

    private static List<String> names(Contender contender) {
        return List.of(contender.method().word(), contender.title(), contender.name());
    }

    private @Nullable List<Double> own(Contender contender) {
        List<Double> own = null;
        for (String name : names(contender)) {
            own = named.getOrDefault(name, own);
        }
        return own;
    }

    /**
     * What is to be said of defaults on a wide model where some go with the width and others, which are used, do not; null if
     * there is nothing.
     */
    @Nullable
    String warning(List<Contender> contenders, long hiddenSize) {
        List<String> fixed = contenders.stream()
                .filter(contender -> common.isEmpty() && own(contender) == null)
                .filter(contender -> !contender.method().scalesWithWidth())
                .map(Contender::title)
                .toList();
        List<String> scaled = contenders.stream()
                .filter(contender -> contender.method().scalesWithWidth())
                .map(Contender::title)
                .toList();
        if (hiddenSize <= WIDE || fixed.isEmpty() || scaled.isEmpty()) {
            return null;
        }
        return "this model is " + hiddenSize + " wide: the default learning rate of " + String.join(", ", fixed)
                + " is the same at every width, while that of " + String.join(", ", scaled)
                + " falls with it; sweep it with --learning-rates before you compare";
    }

    /** The end of a sentence that tells which share of the usual rates a comparison takes. */
    static String usual(ComparisonSettings settings) {
        return " of the usual learning rates where none is named: " + String.join(", ", words(settings));
    }

    /** The rates of a comparison as {@link #parse} reads them. */
    static List<String> words(ComparisonSettings settings) {
        List<String> words = new ArrayList<>();
        settings.rates()
                .forEach((name, rates) -> words.add(name + "="
                        + String.join(",", rates.stream().map(Trial::rateText).toList())));
        return words;
    }
}
