package org.loft4j.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Task;

/**
 * Reads {@code adapter_config.json} as PEFT writes it. A setting that would change the numbers and is not honoured is
 * refused by name and value; unknown settings pass while they are off: null, false or empty.
 */
final class PeftConfigReader {
    private static final Set<String> HONOURED = Set.of(
            "peft_type",
            "task_type",
            "base_model_name_or_path",
            "revision",
            "r",
            "lora_alpha",
            "lora_dropout",
            "target_modules",
            "target_parameters",
            "exclude_modules",
            "use_rslora",
            "use_dora",
            "modules_to_save",
            "rank_pattern",
            "alpha_pattern",
            "layers_to_transform",
            "layers_pattern",
            "bias",
            "init_lora_weights",
            "ensure_weight_tying");

    /** Settings that say how an adapter came to be, or tune what is off: its numbers are the same for every value. */
    private static final Set<String> WITHOUT_EFFECT = Set.of(
            "auto_mapping",
            "fan_in_fan_out",
            "peft_version",
            "inference_mode",
            "runtime_config",
            "megatron_core",
            "qalora_group_size",
            "eva_config",
            "corda_config",
            "loftq_config",
            "lora_ga_config");

    /** Initialisations that leave the base weights alone. */
    private static final Set<String> PLAIN_INITIALISATIONS =
            Set.of("true", "false", "gaussian", "eva", "orthogonal", "mica");

    private final JsonObject json;

    private PeftConfigReader(JsonObject json) {
        this.json = json;
    }

    static PeftConfig read(Path file) throws CheckpointException {
        JsonObject json = Json.read(file);
        try {
            return new PeftConfigReader(json).config();
        } catch (ConfigException e) {
            throw new CheckpointException(file, String.valueOf(e.getMessage()), e);
        }
    }

    private PeftConfig config() throws CheckpointException {
        if (!json.requireString("peft_type").equals("LORA")) {
            throw refused("peft_type", "only LORA adapters can be read");
        }
        if (!json.stringOr("bias", "none").equals("none")) {
            throw refused("bias", "only adapters that leave the biases alone can be read (none)");
        }
        JsonNode initial = json.node("init_lora_weights");
        if (initial != null && !PLAIN_INITIALISATIONS.contains(initial.asText())) {
            throw refused("init_lora_weights", "this initialisation changed the base weights as well");
        }
        for (String key : json.keys()) {
            JsonNode value = json.node(key);
            if (value != null && !HONOURED.contains(key) && !WITHOUT_EFFECT.contains(key) && !isOff(value)) {
                throw refused(key, "this setting is not supported");
            }
        }
        LoraConfig lora = new LoraConfig(
                json.requireInt("r", 1),
                json.requireDouble("lora_alpha"),
                json.doubleOr("lora_dropout", 0),
                targets(),
                excluded(),
                json.booleanOr("use_rslora", false),
                json.booleanOr("use_dora", false),
                json.strings("modules_to_save"),
                ranks(),
                alphas(),
                json.strings("target_parameters"));
        PeftMetadata metadata =
                new PeftMetadata(json.stringOr("base_model_name_or_path", ""), json.findString("revision"));
        return new PeftConfig(lora, task(), metadata, json.booleanOr("ensure_weight_tying", false));
    }

    private static boolean isOff(JsonNode value) {
        return (value.isBoolean() && !value.booleanValue())
                || (value.isContainerNode() && value.isEmpty())
                || (value.isTextual() && value.textValue().isEmpty());
    }

    private @Nullable Task task() throws CheckpointException {
        String name = json.findString("task_type");
        if (name == null) {
            return null;
        }
        for (Task task : Task.values()) {
            if (name.equals(PeftFiles.taskType(task))) {
                return task;
            }
        }
        throw refused(
                "task_type", "only CAUSAL_LM, SEQ_2_SEQ_LM, SEQ_CLS, TOKEN_CLS and FEATURE_EXTRACTION can be read");
    }

    private TargetModules targets() throws CheckpointException {
        List<Integer> layers = layers();
        List<String> patterns = stringOrStrings("layers_pattern");
        JsonNode value = json.node("target_modules");
        boolean parameters = !json.strings("target_parameters").isEmpty();
        if (parameters && (value == null || isOff(value))) {
            return TargetModules.none();
        }
        if (value == null || !value.isTextual()) {
            return new TargetModules.Names(json.strings("target_modules"), layers, patterns);
        }
        if (!layers.isEmpty() || !patterns.isEmpty()) {
            throw refused("layers_to_transform", "it needs a list of target_modules");
        }
        return value.textValue().equalsIgnoreCase(TargetModules.ALL_LINEAR)
                ? TargetModules.allLinear()
                : TargetModules.regex(value.textValue());
    }

    private @Nullable TargetModules excluded() throws CheckpointException {
        JsonNode value = json.node("exclude_modules");
        if (value == null || isOff(value)) {
            return null;
        }
        return value.isTextual()
                ? TargetModules.regex(value.textValue())
                : TargetModules.names(json.strings("exclude_modules"));
    }

    private List<Integer> layers() throws CheckpointException {
        JsonNode value = json.node("layers_to_transform");
        List<Integer> layers = new ArrayList<>();
        if (value != null) {
            for (JsonNode layer : value.isArray() ? value : List.of(value)) {
                if (!layer.isIntegralNumber() || !layer.canConvertToInt()) {
                    throw refused("layers_to_transform", "it must be a whole number or an array of them");
                }
                layers.add(layer.intValue());
            }
        }
        return layers;
    }

    private List<String> stringOrStrings(String key) throws CheckpointException {
        JsonNode value = json.node(key);
        if (value != null && value.isTextual()) {
            return value.textValue().isEmpty() ? List.of() : List.of(value.textValue());
        }
        return json.strings(key);
    }

    private Map<String, Integer> ranks() throws CheckpointException {
        Map<String, Integer> ranks = new LinkedHashMap<>();
        JsonObject patterns = json.findObject("rank_pattern");
        if (patterns != null) {
            for (String key : patterns.keys()) {
                ranks.put(key, patterns.requireInt(key, 1));
            }
        }
        return ranks;
    }

    private Map<String, Double> alphas() throws CheckpointException {
        Map<String, Double> alphas = new LinkedHashMap<>();
        JsonObject patterns = json.findObject("alpha_pattern");
        if (patterns != null) {
            for (String key : patterns.keys()) {
                alphas.put(key, patterns.requireDouble(key));
            }
        }
        return alphas;
    }

    private CheckpointException refused(String key, String reason) {
        return json.fault(key, "is " + json.node(key) + ": " + reason);
    }
}
