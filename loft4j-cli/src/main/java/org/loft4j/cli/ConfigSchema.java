package org.loft4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The JSON Schema (draft 2020-12) of a file for {@code --config}, made of the descriptions of the options themselves. A file may
 * hold keys of any verb, so the schema has them all.
 */
final class ConfigSchema {
    private ConfigSchema() {}

    static Map<String, Object> of(CommandLine root) {
        Map<String, List<OptionSpec>> options = new TreeMap<>();
        ConfigKeys.visit(root, (key, option) -> {
            List<OptionSpec> same = options.computeIfAbsent(key, k -> new ArrayList<>());
            same.add(option.command().userObject() instanceof TrainCommand ? 0 : same.size(), option);
        });
        Map<String, Object> properties = new TreeMap<>();
        options.forEach((key, some) -> properties.put(key, property(some)));
        ConfigKeys.aliases().forEach((alias, key) -> {
            Map<String, Object> property = property(options.getOrDefault(key, List.of()));
            property.put("description", "Another name of " + key + ".");
            properties.put(alias, property);
        });
        ConfigFile.HALF.forEach((key, dtype) -> {
            Map<String, Object> property = new LinkedHashMap<>();
            property.put("description", "Another way to say dtype: " + dtype + ".");
            property.put("type", "boolean");
            properties.put(key, property);
        });
        properties.put(
                ConfigFile.COURSE,
                Map.of(
                        "description",
                        "Another way to say " + ConfigFile.COURSE_MINIMUM + ".",
                        "type",
                        "object",
                        "additionalProperties",
                        false,
                        "properties",
                        Map.of(ConfigFile.COURSE_MINIMUM, Map.of("type", "number"))));
        Map<String, Object> schema = new LinkedHashMap<>();
        schema.put("$schema", "https://json-schema.org/draft/2020-12/schema");
        schema.put("title", "Settings of loft");
        schema.put("type", "object");
        schema.put("additionalProperties", false);
        schema.put("properties", properties);
        return schema;
    }

    /**
     * Of several defaults, such as those of a rank, that of training counts.
     *
     * @param options those of all verbs that have the key, with one meaning but not always with the same words
     */
    private static Map<String, Object> property(List<OptionSpec> options) {
        Map<String, Object> property = new LinkedHashMap<>();
        Set<Map<String, Object>> shapes = new LinkedHashSet<>();
        for (OptionSpec option : options) {
            property.putIfAbsent(
                    "description", String.join(" ", option.description()).replace("%%", "%"));
            Object initial = option.initialValue();
            if (initial != null && !(initial instanceof List) && !initial.equals("")) {
                property.putIfAbsent("default", Settings.plain(initial));
            }
            shapes.add(shape(option));
        }
        if (shapes.size() == 1) {
            property.putAll(shapes.iterator().next());
        } else {
            property.put("anyOf", List.copyOf(shapes));
        }
        return property;
    }

    private static Map<String, Object> shape(OptionSpec option) {
        Class<?> type = option.auxiliaryTypes().length == 1 ? option.auxiliaryTypes()[0] : option.type();
        String word = type == Boolean.class || type == boolean.class
                ? "boolean"
                : type == Integer.class || type == int.class || type == Long.class || type == long.class
                        ? "integer"
                        : type == Double.class || type == double.class ? "number" : null;
        if (word != null && !option.isMultiValue()) {
            return Map.of("type", word);
        }
        List<String> candidates = candidates(option);
        Map<String, Object> one = new LinkedHashMap<>();
        if (candidates != null) {
            // --packing alone is a switch
            boolean switches = !option.fallbackValue().isEmpty();
            List<Object> values = new ArrayList<>(candidates);
            values.addAll(switches ? List.of(true, false) : List.of());
            one.put("enum", values);
            return one;
        }
        // words with commas between them may be a list as well, and a word may look like a number
        List<String> scalars = List.of("string", "number", "boolean");
        one.put("type", List.of("string", "number", "boolean", "array"));
        one.put("items", Map.of("type", scalars));
        return one;
    }

    private static @Nullable List<String> candidates(OptionSpec option) {
        if (option.completionCandidates() == null || option.isMultiValue()) {
            return null;
        }
        List<String> words = new ArrayList<>();
        option.completionCandidates().forEach(words::add);
        return words.isEmpty() ? null : words;
    }
}
