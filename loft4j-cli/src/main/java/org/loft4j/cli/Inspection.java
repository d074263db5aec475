package org.loft4j.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.ForeignTensor;
import org.loft4j.io.InnerNames;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.TensorSource;

/**
 * What lies in a directory or file of tensors, read from headers and configuration alone.
 *
 * @param kind what it was taken for
 * @param facts what its configuration says, by the configuration's own keys
 * @param tensors by the file that holds them
 * @param base directory of the model under an adapter; null where it is not known
 * @param baseParameters its parameters; null where they cannot be counted
 */
record Inspection(
        Path path,
        Kind kind,
        Map<String, Object> facts,
        Map<String, List<StoredTensor>> tensors,
        @Nullable Path base,
        @Nullable Long baseParameters) {
    enum Kind {
        MODEL,
        ADAPTER,
        CHECKPOINT,
        TENSORS
    }

    private static final String CONFIG = "config.json";
    private static final String ADAPTER_CONFIG = PeftFiles.CONFIG;
    private static final String ADAPTER_WEIGHTS = "adapter_model.safetensors";
    static final String RUN_STATE = "trainer_state.json";

    private static final List<String> MODEL_KEYS = List.of(
            "architectures",
            "model_type",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "intermediate_size",
            "num_experts",
            "num_local_experts",
            "n_routed_experts",
            "n_shared_experts",
            "num_experts_per_tok",
            "moe_intermediate_size",
            "vocab_size",
            "max_position_embeddings",
            "tie_word_embeddings",
            "dtype",
            "torch_dtype",
            "problem_type",
            "id2label");
    private static final List<String> ADAPTER_KEYS = List.of(
            "peft_type",
            "task_type",
            "base_model_name_or_path",
            "r",
            "lora_alpha",
            "lora_dropout",
            "use_rslora",
            "use_dora",
            "target_modules",
            "target_parameters",
            "exclude_modules",
            "modules_to_save");
    private static final List<String> RUN_KEYS =
            List.of("global_step", "max_steps", "epoch", "best_metric", "best_model_checkpoint", "best_global_step");

    /**
     * Looks at what a path holds.
     *
     * @param base directory of the model under an adapter; null for the one that the adapter names
     * @param find the directory of a model that an adapter names; null where it is not on this machine
     */
    static Inspection of(Path path, @Nullable Path base, Function<String, @Nullable Path> find) throws IOException {
        Map<String, Object> facts = new LinkedHashMap<>();
        Map<String, List<StoredTensor>> tensors = new LinkedHashMap<>();
        if (!Files.exists(path)) {
            throw new CheckpointException(path, "there is no such file or directory");
        }
        if (Files.isRegularFile(path)) {
            try (SafetensorsFile file = SafetensorsFile.open(path)) {
                facts.putAll(file.metadata());
                tensors.put(String.valueOf(path.getFileName()), list(file, file.foreign()));
            }
            return new Inspection(path, Kind.TENSORS, facts, tensors, null, null);
        }
        Kind kind = Kind.TENSORS;
        @Nullable Path under = null;
        if (Files.exists(path.resolve(CONFIG))) {
            kind = Kind.MODEL;
            JsonObject model = Json.read(path.resolve(CONFIG));
            JsonObject inner = model.findObject("text_config");
            take(model, MODEL_KEYS, facts);
            if (inner != null) {
                take(inner, MODEL_KEYS.stream().filter(key -> !model.has(key)).toList(), facts);
            }
        }
        if (Files.exists(path.resolve(ADAPTER_CONFIG))) {
            kind = Kind.ADAPTER;
            JsonObject adapter = Json.read(path.resolve(ADAPTER_CONFIG));
            take(adapter, ADAPTER_KEYS, facts);
            String named = adapter.findString("base_model_name_or_path");
            under = base != null || named == null ? base : find.apply(named);
        }
        if (Files.exists(path.resolve(RUN_STATE))) {
            kind = Kind.CHECKPOINT;
            take(Json.read(path.resolve(RUN_STATE)), RUN_KEYS, facts);
        }
        readTensors(path, kind, tensors);
        if (tensors.isEmpty()) {
            throw new CheckpointException(path, "holds no safetensors file, so there is nothing to inspect");
        }
        return new Inspection(path, kind, facts, tensors, under, under == null ? null : parameters(under));
    }

    private static void readTensors(Path path, Kind kind, Map<String, List<StoredTensor>> tensors) throws IOException {
        if (ModelDirectory.exists(path)) {
            try (ModelDirectory model = ModelDirectory.open(path)) {
                tensors.put(String.join(", ", model.files()), list(model, model.foreign()));
            }
        }
        if (kind == Kind.MODEL && !tensors.isEmpty()) {
            return; // whatever else lies there is not part of the model
        }
        List<Path> others;
        try (Stream<Path> files = Files.list(path)) {
            others = files.filter(file -> file.toString().endsWith(".safetensors"))
                    .filter(file -> !String.valueOf(file.getFileName()).startsWith("model"))
                    .sorted()
                    .toList();
        }
        for (Path other : others) {
            try (SafetensorsFile file = SafetensorsFile.open(other)) {
                tensors.put(String.valueOf(other.getFileName()), list(file, file.foreign()));
            }
        }
    }

    /** Number of elements that training changes, or 0 where nothing says so: those of the adapter's own file. */
    long trainable() {
        return StoredTensor.elements(tensors.getOrDefault(ADAPTER_WEIGHTS, List.of()));
    }

    /** What of some tensors is not loaded: the vision tower beside a language model. */
    static List<StoredTensor> beside(List<StoredTensor> tensors) {
        return tensors.stream()
                .filter(tensor -> InnerNames.isBeside(InnerNames.today(tensor.name())))
                .toList();
    }

    private static List<StoredTensor> list(TensorSource source, Map<String, ForeignTensor> foreign)
            throws CheckpointException {
        List<StoredTensor> tensors = new ArrayList<>();
        for (String name : source.names()) {
            ForeignTensor other = foreign.get(name);
            tensors.add(other == null ? StoredTensor.of(source.info(name)) : StoredTensor.of(name, other));
        }
        return tensors;
    }

    private static void take(JsonObject from, List<String> keys, Map<String, Object> facts) {
        for (String key : keys) {
            JsonNode value = from.node(key);
            if (value != null) {
                facts.put(key, value);
            }
        }
    }

    /** Null where the weights cannot be read, or are packed with scales of their own, so that elements are no parameters. */
    private static @Nullable Long parameters(Path directory) {
        try (ModelDirectory model = ModelDirectory.open(directory)) {
            boolean quantised = Files.exists(directory.resolve(CONFIG))
                    && Json.read(directory.resolve(CONFIG)).has("quantization_config");
            if (quantised || !model.foreign().isEmpty()) {
                return null;
            }
            List<StoredTensor> all = list(model, Map.of());
            return StoredTensor.elements(all) - StoredTensor.elements(beside(all));
        } catch (CheckpointException e) {
            return null;
        }
    }
}
