package org.loft4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The YAML file of {@code --config}: each of its keys is the default of one option. */
final class ConfigFile implements IDefaultValueProvider {
    /** Switches of Hugging Face's trainers for the half precisions, each with the dtype that it stands for. */
    static final Map<String, String> HALF = Map.of("bf16", "bfloat16", "fp16", "float16");

    private final Map<String, String> values = new LinkedHashMap<>();
    private final List<String> problems = new ArrayList<>();

    private ConfigFile() {}

    /** Reads the file that the arguments name; without one there are no settings. */
    static ConfigFile of(String... args) {
        ConfigFile config = new ConfigFile();
        for (int i = 0; i < args.length; i++) {
            if (args[i].startsWith("--config=")) {
                config.read(Path.of(args[i].substring("--config=".length())));
            } else if (args[i].equals("--config") && i + 1 < args.length) {
                config.read(Path.of(args[i + 1]));
            }
        }
        return config;
    }

    /** Whether the file sets a key. */
    boolean has(String key) {
        return values.containsKey(key);
    }

    /** What is wrong with the file. */
    List<String> problems() {
        return List.copyOf(problems);
    }

    @Override
    public @Nullable String defaultValue(ArgSpec argument) {
        if (!(argument instanceof OptionSpec option)) {
            return null;
        }
        String key = ConfigKeys.key(option);
        return key == null ? null : values.get(key);
    }

    private void read(Path file) {
        try {
            ConfigKeys keys = ConfigKeys.all();
            JsonNode tree = new YAMLMapper(YAMLFactory.builder()
                            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                            .build())
                    .readTree(Files.readString(file));
            if (tree instanceof ObjectNode object) {
                object.properties().forEach(entry -> take(file, entry.getKey(), entry.getValue(), keys));
            } else if (!tree.isMissingNode() && !tree.isNull()) {
                problems.add(file + ": must hold keys and values");
            }
        } catch (JsonProcessingException e) {
            problems.add(file + ", line "
                    + (e.getLocation() == null ? 0 : e.getLocation().getLineNr()) + ": "
                    + e.getOriginalMessage().lines().findFirst().orElse("is not YAML"));
        } catch (IOException e) {
            problems.add(file + ": cannot be read" + (Files.exists(file) ? "" : ", there is no such file"));
        }
    }

    private void take(Path file, String written, JsonNode value, ConfigKeys keys) {
        if (HALF.containsKey(written)) {
            // Hugging Face's trainers have a switch for each of the half precisions
            if (value.asBoolean()) {
                put(file, "dtype", HALF.getOrDefault(written, ""));
            }
            return;
        }
        String key = ConfigKeys.canonical(written);
        if (!keys.keys().contains(key)) {
            problems.add(file + ": unknown key " + key + "; did you mean " + keys.nearest(key) + "?");
        } else if (value.isValueNode()) {
            if (!value.isNull()) {
                put(file, key, value.asText());
            }
        } else if (value.isArray()) {
            List<String> elements = new ArrayList<>();
            value.forEach(element -> elements.add(element.asText()));
            put(file, key, String.join(ConfigKeys.separator(key), elements));
        } else {
            problems.add(file + ": " + key + " must be a value or a list of values");
        }
    }

    private void put(Path file, String key, String value) {
        String before = values.put(key, value);
        if (before != null && !before.equals(value)) {
            problems.add(file + ": " + key + " is set twice, to " + before + " and to " + value);
        }
    }
}
