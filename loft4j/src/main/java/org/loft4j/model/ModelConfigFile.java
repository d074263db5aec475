package org.loft4j.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Task;

/** The part of config.json that all families share. */
final class ModelConfigFile {
    private static final String NAME = "config.json";

    /** How the names of Transformers' classes end. */
    private static final Map<String, Task> TASKS = Map.of(
            "ForCausalLM", Task.CAUSAL_LM,
            "LMHeadModel", Task.CAUSAL_LM,
            "ForConditionalGeneration", Task.CAUSAL_LM,
            "ForSequenceClassification", Task.SEQUENCE_CLASSIFICATION,
            "ForTokenClassification", Task.TOKEN_CLASSIFICATION,
            "ForImageClassification", Task.IMAGE_CLASSIFICATION);

    private final JsonObject json;

    private ModelConfigFile(JsonObject json) {
        this.json = json;
    }

    static ModelConfigFile read(Path directory) throws CheckpointException {
        Path adapter = directory.resolve(ModelDirectory.ADAPTER_CONFIG);
        if (Files.isDirectory(directory) && !Files.exists(directory.resolve(NAME))) {
            throw new CheckpointException(
                    directory,
                    Files.exists(adapter)
                            ? "holds an adapter and no model: give it as the adapter, and its model as the model"
                            : "holds no model: a model's directory has config.json, model.safetensors and tokenizer.json");
        }
        return new ModelConfigFile(Json.read(directory.resolve(NAME)));
    }

    JsonObject json() {
        return json;
    }

    /** The directory of the model. */
    @Nullable
    Path directory() {
        return json.file().getParent();
    }

    String family() throws CheckpointException {
        return json.requireString("model_type");
    }

    /** The task that {@code architectures} speaks of; null where it speaks of none that is known here. */
    @Nullable
    Task task() throws CheckpointException {
        for (String architecture : json.strings("architectures")) {
            for (Map.Entry<String, Task> ending : TASKS.entrySet()) {
                if (architecture.endsWith(ending.getKey())) {
                    Task task = ending.getValue();
                    boolean reads = json.booleanOr(ConfigKeys.ENCODER_DECODER, false);
                    return task == Task.CAUSAL_LM && reads ? Task.SEQ2SEQ_LM : task;
                }
            }
        }
        return null;
    }

    /** The names of {@code id2label} by index; where there are none, as many as {@code num_labels} says, or two. */
    List<String> labels() throws CheckpointException {
        JsonNode map = json.node("id2label");
        if (map == null) {
            int count = json.intOr("num_labels", 2, 1);
            if (count > ModelLimits.MOST_LABELS) {
                throw json.fault("num_labels", "must be at most " + ModelLimits.MOST_LABELS + ", found " + count);
            }
            return Models.unnamedLabels(count);
        }
        List<String> labels = new ArrayList<>();
        for (int i = 0; i < map.size(); i++) {
            JsonNode label = map.get(Integer.toString(i));
            if (label == null || !label.isTextual()) {
                throw json.fault("id2label", "must map the numbers from 0 on to names, but has no name for " + i);
            }
            labels.add(label.textValue());
        }
        return labels;
    }
}
