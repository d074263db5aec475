package org.loft4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.TargetModules;
import picocli.CommandLine;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/** The YAML file of {@code --config}: each of its keys is the default of one option. */
final class ConfigFile implements IDefaultValueProvider {
    /** Switches of Hugging Face's trainers for the half precisions, each with the dtype that it stands for. */
    static final Map<String, String> HALF = Map.of("bf16", "bfloat16", "fp16", "float16");

    /** Where Hugging Face's trainers have the settings of a course of the learning rate, and the one that is known. */
    static final String COURSE = "lr_scheduler_kwargs";

    static final String COURSE_MINIMUM = "min_lr_rate";

    /**
     * What a key is set to.
     *
     * @param texts one value, or the elements of a list: for an option of many values each is the option given once
     */
    private record Setting(Path file, List<String> texts, boolean isList) {
        /** As one value; options of one value have commas between words. */
        String text() {
            return String.join(",", texts);
        }
    }

    private final Map<String, Setting> settings = new LinkedHashMap<>();
    private final Set<String> problems = new LinkedHashSet<>();
    private boolean unread;

    private ConfigFile() {}

    /** Reads the file that the arguments name; without one there are no settings. */
    static ConfigFile of(String... args) {
        ConfigFile config = new ConfigFile();
        for (int i = 0; i < args.length; i++) {
            if (args[i].startsWith("--config=")) {
                config.read(args[i].substring("--config=".length()));
            } else if (args[i].equals("--config") && i + 1 < args.length) {
                config.read(args[i + 1]);
            }
        }
        return config;
    }

    /** Whether the file sets a key. */
    boolean has(String key) {
        return settings.containsKey(key);
    }

    /** Takes back what the file sets an option to. */
    void putAside(OptionSpec option) {
        settings.remove(ConfigKeys.key(option));
        option.setValue(option.initialValue());
    }

    /** Whether there is a file that cannot be read, so that nobody knows what it sets. */
    boolean isUnread() {
        return unread;
    }

    /** Whether an option is not missing from the call: the file sets it, or may do so. */
    boolean mayGive(ArgSpec argument) {
        return argument instanceof OptionSpec option && (unread || settings.containsKey(ConfigKeys.key(option)));
    }

    /** What is wrong with the file; of its values, those that were asked for. */
    List<String> problems() {
        return List.copyOf(problems);
    }

    /** Says of each key that a verb does not have which it is; a file may be shared by verbs. */
    List<String> ignored(CommandLine verb) {
        if (settings.isEmpty()) {
            return List.of();
        }
        ConfigKeys known = ConfigKeys.of(verb);
        String name = ConfigKeys.verb(verb.getCommandSpec());
        List<String> lines = new ArrayList<>();
        Map<Path, List<String>> others = new LinkedHashMap<>();
        settings.forEach((key, setting) -> {
            if (known.keys().contains(key)) {
                return;
            }
            String near = known.near(key);
            if (near == null || settings.containsKey(near)) {
                others.computeIfAbsent(setting.file, file -> new ArrayList<>()).add(key);
            } else {
                lines.add(setting.file + ": " + key + " is a key of "
                        + String.join(", ", ConfigKeys.all().verbs().getOrDefault(key, Set.of())) + "; " + name
                        + " ignores it: did you mean " + near + "?");
            }
        });
        others.forEach((file, keys) ->
                lines.add(file + ": " + name + " ignores keys of other verbs: " + String.join(", ", keys)));
        return lines;
    }

    @Override
    public @Nullable String defaultValue(ArgSpec argument) {
        if (!(argument instanceof OptionSpec option)) {
            return null;
        }
        Setting setting = settings.get(ConfigKeys.key(option));
        Object value = setting == null ? null : value(option);
        if (setting == null || value == null) {
            return null;
        }
        // a default is one text to picocli, which no text between elements could be taken apart again for certain; and
        // of a switch that the call gives picocli makes the opposite of its default
        if ((setting.isList && option.isMultiValue()) || option.typeInfo().isBoolean()) {
            option.setValue(value);
            return null;
        }
        return setting.text();
    }

    /** What the file sets an option to; null where that is nothing, or nothing that can be read, which is a problem. */
    @Nullable
    Object value(OptionSpec option) {
        Setting setting = settings.get(ConfigKeys.key(option));
        if (setting == null) {
            return null;
        }
        boolean several = setting.isList && option.isMultiValue();
        if (several && setting.texts.isEmpty()) {
            return null;
        }
        // picocli goes no further than the first default that it cannot read, so each is read by itself
        OptionSpec.Builder alone = OptionSpec.builder(option.longestName())
                .type(option.type())
                .auxiliaryTypes(option.auxiliaryTypes())
                .converters(option.converters())
                .splitRegex(option.splitRegex())
                .arity(option.arity());
        String[] words = {};
        if (several) {
            words = setting.texts.stream()
                    .map(text -> option.longestName() + "=" + text)
                    .toArray(String[]::new);
        } else {
            alone.defaultValue(setting.text());
        }
        OptionSpec read = alone.build();
        try {
            Call.reading(new CommandLine(CommandSpec.create().addOption(read))).parseArgs(words);
            return read.getValue();
        } catch (ParameterException e) {
            String key = ConfigKeys.key(option);
            String message = String.valueOf(
                    e.getCause() instanceof TypeConversionException cause ? cause.getMessage() : e.getMessage());
            problems.add(setting.file + ": " + (message.startsWith(key + " ") ? "" : key + ": ") + message);
            return null;
        }
    }

    private void read(String named) {
        try {
            read(Path.of(named));
        } catch (InvalidPathException e) {
            unread(named + ": no file can be named so: " + e.getReason());
        }
    }

    private void read(Path file) {
        try {
            ConfigKeys keys = ConfigKeys.all();
            JsonNode tree = new YAMLMapper(YAMLFactory.builder()
                            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                            // a key with nothing behind it is null in YAML; "" is the empty text
                            .enable(YAMLParser.Feature.EMPTY_STRING_AS_NULL)
                            .build())
                    .readTree(Files.readString(file));
            if (tree instanceof ObjectNode object) {
                object.properties().forEach(entry -> take(file, entry.getKey(), entry.getValue(), keys));
            } else if (!tree.isMissingNode() && !tree.isNull()) {
                unread(file + ": must hold keys and values");
            }
        } catch (JsonProcessingException e) {
            unread(file + place(e) + ": "
                    + e.getOriginalMessage()
                            .lines()
                            // between what was read and what is wrong with it there are excerpts, set in
                            .filter(line -> !line.isBlank() && !line.startsWith(" "))
                            .collect(Collectors.joining(": ")));
        } catch (IOException e) {
            unread(file + ": cannot be read" + why(file, e));
        }
    }

    private void unread(String problem) {
        problems.add(problem);
        unread = true;
    }

    private static String place(JsonProcessingException e) {
        return e.getLocation() == null
                ? ""
                : ", line " + e.getLocation().getLineNr() + ", column "
                        + e.getLocation().getColumnNr();
    }

    private static String why(Path file, IOException e) {
        if (!Files.exists(file)) {
            return ", there is no such file";
        }
        return Files.isDirectory(file)
                ? ", it is a directory"
                : e instanceof CharacterCodingException ? ", it is not text in UTF-8" : "";
    }

    private void take(Path file, String written, JsonNode value, ConfigKeys keys) {
        if (HALF.containsKey(written)) {
            // Hugging Face's trainers have a switch for each of the half precisions
            String word = value.asText();
            if (word.equalsIgnoreCase("true")) {
                put("dtype", new Setting(file, List.of(HALF.getOrDefault(written, "")), false));
            } else if (!word.equalsIgnoreCase("false") && !value.isNull()) {
                problems.add(file + ": " + written + ": '" + word + "' is neither true nor false");
            }
            return;
        }
        if (written.equals(COURSE)) {
            takeCourse(file, value, keys);
            return;
        }
        String key = ConfigKeys.canonical(written);
        if (!keys.keys().contains(key)) {
            String nearest = keys.nearest(key);
            problems.add(file + ": unknown key " + key + (nearest == null ? "" : "; did you mean " + nearest + "?"));
        } else if (value.isValueNode()) {
            if (!value.isNull()) {
                put(key, new Setting(file, List.of(value.asText()), false));
            }
        } else if (value.isArray()) {
            List<String> elements = new ArrayList<>();
            value.forEach(element -> elements.add(element.asText()));
            // adapter_config.json has none of the modules as an empty list
            put(
                    key,
                    elements.isEmpty() && key.equals("target_modules")
                            ? new Setting(file, List.of(TargetModules.NONE), false)
                            : new Setting(file, elements, true));
        } else {
            problems.add(file + ": " + key + " must be a value or a list of values");
        }
    }

    private void takeCourse(Path file, JsonNode value, ConfigKeys keys) {
        if (value instanceof ObjectNode settingsOfCourse) {
            settingsOfCourse.properties().forEach(entry -> {
                if (entry.getKey().equals(COURSE_MINIMUM)) {
                    take(file, entry.getKey(), entry.getValue(), keys);
                } else {
                    problems.add(file + ": of " + COURSE + " " + COURSE_MINIMUM + " alone is known, and there is "
                            + entry.getKey());
                }
            });
        } else if (!value.isNull()) {
            problems.add(file + ": " + COURSE + " must hold a setting, as {" + COURSE_MINIMUM + ": 0.1} does");
        }
    }

    private void put(String key, Setting setting) {
        Setting before = settings.put(key, setting);
        if (before != null && !before.texts.equals(setting.texts)) {
            problems.add(
                    setting.file + ": " + key + " is set twice, to " + before.text() + " and to " + setting.text());
        }
    }
}
