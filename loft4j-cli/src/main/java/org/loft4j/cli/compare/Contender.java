package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

/**
 * A method that takes part, with settings of its own beside those that all have in common.
 *
 * @param name that tells it from the others, in names of directories too
 * @param title as a table shows it
 * @param method that is trained
 * @param options settings of its own, by the names of {@link ContenderOption}
 */
public record Contender(String name, String title, Method method, Map<String, String> options) {
    private static final String LABEL = "label";

    public Contender {
        options = Collections.unmodifiableMap(new LinkedHashMap<>(options));
    }

    /** A method as it is. */
    public static Contender of(Method method) {
        return new Contender(method.word(), method.title(), method, Map.of());
    }

    /**
     * Reads {@code METHOD[:OPTION=VALUE]…}: {@code lora:alpha=64:label=LoRA-64}.
     *
     * @throws ConfigException that names everything that is wrong with it
     */
    public static Contender parse(String text) {
        String[] parts = text.strip().split(":");
        List<String> problems = new ArrayList<>();
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 1; i < parts.length; i++) {
            int equals = parts[i].indexOf('=');
            String name = equals < 0 ? parts[i] : parts[i].substring(0, equals);
            String value = equals < 0 ? "true" : parts[i].substring(equals + 1);
            if (!name.equals(LABEL) && !ContenderOption.names().contains(name)) {
                problems.add("methods: " + text + " has an unknown option " + name + "; known are " + LABEL + ", "
                        + String.join(", ", ContenderOption.names()));
            } else if (options.put(name, value) != null) {
                problems.add("methods: " + text + " gives " + name + " twice");
            }
        }
        Method method = null;
        try {
            method = Method.parse(parts[0]);
        } catch (ConfigException e) {
            problems.add("methods: " + e.getMessage());
        }
        for (String name : options.keySet()) {
            boolean known = ContenderOption.names().contains(name);
            if (method != null
                    && !method.usesAdapter()
                    && known
                    && ContenderOption.named(name).isOfAdapter()) {
                problems.add("methods: " + text + " has no adapter whose " + name + " could be set");
            }
        }
        if (method == Method.RSLORA && "false".equals(options.get(ContenderOption.RSLORA.word()))) {
            problems.add("methods: " + text + " takes from rslora what it is: use lora, or leave rslora=false out");
        }
        if (method == null || !problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
        String label = options.remove(LABEL);
        if (label != null) {
            return new Contender(slug(label), label, method, options);
        }
        StringBuilder name = new StringBuilder(method.word());
        StringBuilder title = new StringBuilder(method.title());
        options.forEach((key, value) -> {
            name.append('_').append(key).append('=').append(value);
            title.append(", ").append(key).append(' ').append(value);
        });
        return new Contender(slug(name.toString()), title.toString(), method, options);
    }

    /** As {@link #parse} reads it, its title as a label. */
    String written() {
        StringBuilder text = new StringBuilder(method.word());
        options.forEach((key, value) -> text.append(':').append(key).append('=').append(value));
        return text.append(':').append(LABEL).append('=').append(title).toString();
    }

    private static String slug(String text) {
        return text.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9._+=-]+", "_");
    }

    /** Settings of one run, out of those that all runs have in common. */
    TrainConfig training(TrainConfig.Builder common, double rate, long seed) {
        options.forEach((name, value) -> ContenderOption.named(name).train(common, value));
        return common.learningRate(rate).seed(seed).build();
    }

    /** Whether the scale of its adapters is left to the default of this version. */
    boolean alphaIsDefault() {
        return !options.containsKey(ContenderOption.ALPHA.word());
    }

    /** The adapter, out of the one that all have in common at this rank. */
    LoraConfig adapter(ComparisonSettings.Adapters common, int rank) {
        boolean asked = ContenderOption.isOn(options.getOrDefault(ContenderOption.RSLORA.word(), "false"));
        LoraConfig ours = common.of(rank, asked || method == Method.RSLORA);
        for (Map.Entry<String, String> option : options.entrySet()) {
            ours = ContenderOption.named(option.getKey()).adapt(ours, option.getValue());
        }
        // not left to the run, which the others would come before
        return ours.withDora(method == Method.DORA);
    }
}
