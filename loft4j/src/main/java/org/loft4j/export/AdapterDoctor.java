package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.ModelReference;

/**
 * Looks at an adapter in PEFT's layout with the eyes of the programs that are to load it. The rules are those of their sources
 * (peft's {@code config.py} and {@code save_and_load.py}; vLLM's {@code lora/peft_helper.py}, {@code lora/lora_model.py} and
 * {@code config/lora.py}; llama.cpp's {@code convert_lora_to_gguf.py} and {@code llama-adapter.cpp}).
 */
public final class AdapterDoctor {
    private static final String CONFIG = ModelDirectory.ADAPTER_CONFIG;

    /** What vLLM's {@code --max-lora-rank} takes. */
    private static final int[] MAX_RANKS = {8, 16, 32, 64, 128, 256, 320, 512};

    /** What it takes where nothing is said. */
    private static final int DEFAULT_MAX_RANK = 16;

    private static final Set<String> TASKS =
            Set.of("CAUSAL_LM", "SEQ_CLS", "TOKEN_CLS", "SEQ_2_SEQ_LM", "QUESTION_ANS", "FEATURE_EXTRACTION");

    /** Initialisations that PEFT can turn into one that leaves the base as it was. */
    private static final Set<String> CONVERTIBLE = Set.of("pissa", "olora", "corda");

    /** Those that it cannot. */
    private static final Set<String> FINAL = Set.of("loftq", "lora_ga");

    /** Settings that change what an adapter computes, and that vLLM passes over without a word. */
    private static final List<String> UNKNOWN_TO_VLLM =
            List.of("alora_invocation_tokens", "arrow_config", "kasa_config", "lora_bias", "use_bdlora", "use_qalora");

    /** Those of them with which PEFT merges nothing: what they add depends on the text. */
    private static final Set<String> UNMERGEABLE = Set.of("alora_invocation_tokens", "arrow_config");

    private final Path directory;
    private final JsonObject config;
    private final @Nullable Path base;
    private final @Nullable JsonObject baseConfig;
    private final AdapterRemedies remedies;
    private final Notes notes = new Notes();

    private AdapterDoctor(Path directory, @Nullable Path base) throws CheckpointException {
        this.directory = directory;
        this.config = Json.read(directory.resolve(CONFIG));
        this.base = base;
        this.baseConfig = base == null ? null : Json.read(base.resolve("config.json"));
        boolean quantised = baseConfig != null && TextConfig.isQuantised(baseConfig);
        this.remedies = AdapterRemedies.of(
                directory,
                quantised,
                !classifies() && (baseConfig == null || MissingClass.isExported(baseConfig)),
                baseConfig != null && TiedFamilies.tied(baseConfig));
    }

    /**
     * Examines an adapter.
     *
     * @param base directory of the base model; null where it is not at hand, so that what needs it is not looked at
     * @throws CheckpointException if adapter_config.json cannot be read
     */
    public static Diagnosis examine(Path directory, @Nullable Path base) throws IOException {
        return new AdapterDoctor(directory, base).examine();
    }

    private Diagnosis examine() throws IOException {
        settings();
        targets();
        baseModel();
        pooling();
        new AdapterTensors(directory, remedies.quantised() ? null : base, baseConfig, config, remedies, notes).check();
        if (!notes.refusedBy(Consumer.LLAMA_CPP) && remedies.unread() != null) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.LLAMA_CPP,
                    "loft export does not read it: " + remedies.unread(),
                    UNMERGEABLE.stream().anyMatch(this::lists) ? "" : AdapterRemedies.BY_PEFT);
        } else if (!notes.refusedBy(Consumer.LLAMA_CPP)) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.LLAMA_CPP,
                    "llama.cpp reads GGUF",
                    "loft export --to gguf --adapter-only --adapter " + directory + " --output FILE");
            if (base != null && ModelDirectory.exists(base)) {
                ModelDoctor.asBaseInGguf(base, notes);
            }
        }
        return notes.diagnosis("adapter");
    }

    private boolean classifies() {
        JsonNode task = config.node("task_type");
        return task != null && task.asText().endsWith("_CLS");
    }

    /** Such an adapter is of a classifier, without a task_type. */
    private boolean readsImages() throws CheckpointException {
        return baseConfig != null && ModelDoctor.OF_IMAGES.contains(baseConfig.stringOr("model_type", ""));
    }

    private boolean on(String key) {
        JsonNode value = config.node(key);
        return value != null && value.asBoolean();
    }

    private boolean lists(String key) {
        JsonNode value = config.node(key);
        return value != null
                && (value.isTextual() ? !value.textValue().isEmpty() : value.isNumber() || value.size() > 0);
    }

    private void settings() throws CheckpointException {
        JsonNode named = config.node("peft_type");
        String type = named == null ? "" : named.asText();
        if (!type.equals("LORA")) {
            String what = type.isEmpty() ? "peft_type is missing" : "peft_type is " + type;
            notes.add(
                    Severity.CHANGE,
                    Consumer.PEFT,
                    what,
                    type.isEmpty() ? "set peft_type to LORA" : "nothing if that is meant");
            notes.add(Severity.REFUSED, Consumer.VLLM, what + ", and LORA alone is served", "");
            notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, what + ", and LORA alone is converted", "");
        }
        JsonNode size = config.node("r");
        long rank = size == null ? 0 : size.asLong();
        if (rank < 1 || config.node("lora_alpha") == null || !(lists("target_modules") || lists("target_parameters"))) {
            notes.all(
                    Severity.REFUSED, "r, lora_alpha and target_modules must all be set", "write them into " + CONFIG);
        }
        if (on("use_dora") || lists("modules_to_save")) {
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    "use_dora, modules_to_save: Transformers 5, given the adapter's own directory, leaves out what they brought",
                    "open the base, and the adapter on it with PeftModel.from_pretrained; or " + remedies.merge());
        }
        if (on("use_dora")) {
            notes.add(Severity.REFUSED, Consumer.VLLM, "use_dora: vLLM does not serve DoRA", remedies.merge());
            notes.add(
                    Severity.REFUSED,
                    Consumer.LLAMA_CPP,
                    "use_dora: a GGUF adapter has no magnitudes",
                    remedies.mergedGguf());
        }
        if (lists("modules_to_save")) {
            SavedModules.tell(config, remedies, notes);
        }
        if (config.keys().contains("exclude_modules")) {
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    "exclude_modules: PEFT before 0.14 does not know the key, and refuses the file",
                    lists("exclude_modules")
                            ? "use PEFT 0.14 or newer"
                            : "use PEFT 0.14 or newer, or remove the key, which is not set");
        }
        JsonNode bias = config.node("bias");
        if (bias != null && !bias.asText().equals("none")) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.VLLM,
                    "bias is " + bias.asText() + ", and must be none",
                    AdapterRemedies.BY_PEFT);
            notes.add(
                    Severity.REFUSED,
                    Consumer.LLAMA_CPP,
                    "bias is " + bias.asText() + ", and biases are not converted",
                    AdapterRemedies.BY_PEFT);
        }
        ranks(rank);
        initialisation();
        if (on("use_rslora")) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.LLAMA_CPP,
                    "use_rslora: llama.cpp's own converter drops it and scales by alpha / r",
                    "convert with loft export --adapter-only, which keeps the scale");
        }
        if (lists("layer_replication")) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.VLLM,
                    "layer_replication: vLLM has the layers of the base alone",
                    AdapterRemedies.BY_PEFT);
        }
        if (lists("trainable_token_indices")) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.VLLM,
                    "trainable_token_indices: vLLM takes factors alone",
                    AdapterRemedies.BY_PEFT);
            notes.add(
                    Severity.REFUSED,
                    Consumer.LLAMA_CPP,
                    "trainable_token_indices: rows of the embedding are not converted",
                    AdapterRemedies.BY_PEFT);
        }
        variants();
        JsonNode task = config.node("task_type");
        if (task == null && readsImages()) {
            return; // PEFT has no word for it
        }
        if (task == null) {
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    "task_type is missing: AutoPeftModel cannot choose a class",
                    "set CAUSAL_LM or SEQ_CLS");
        } else if (!TASKS.contains(task.asText())) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.PEFT,
                    "task_type " + task.asText() + " is unknown",
                    "use one of " + new TreeSet<>(TASKS));
        } else if (classifies()) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.LLAMA_CPP,
                    "task_type " + task.asText() + ": llama.cpp runs language models",
                    "");
        } else if (task.asText().equals("SEQ_2_SEQ_LM") && baseConfig == null) {
            // where the base is known, its family says it
            notes.add(
                    Severity.REFUSED,
                    Consumer.LLAMA_CPP,
                    "task_type " + task.asText() + ": loft export writes no encoder-decoders",
                    "");
        }
    }

    /** Kinds of LoRA that have a setting of their own in PEFT. */
    private void variants() {
        for (String key : UNKNOWN_TO_VLLM) {
            if (on(key) || lists(key)) {
                notes.add(
                        Severity.REFUSED,
                        Consumer.VLLM,
                        key + ": vLLM does not read it, and computes as if it were not set",
                        UNMERGEABLE.contains(key) ? "" : AdapterRemedies.BY_PEFT);
            }
        }
    }

    /** Factors that began as a part of the base's weights, which are less that part in training. */
    private void initialisation() {
        JsonNode node = config.node("init_lora_weights");
        String name = node == null ? "" : node.asText().toLowerCase(Locale.ROOT);
        boolean convertible = CONVERTIBLE.stream().anyMatch(name::startsWith);
        if (convertible || FINAL.contains(name)) {
            String what = "init_lora_weights is " + name
                    + ": the adapter belongs to a base that its start has changed, and not to the one on the disk";
            String remedy = convertible
                    ? "convert it where it was trained, by PEFT: save_pretrained(DIR,"
                            + " path_initial_model_for_weight_conversion=INITIAL), with the adapter of before the training in INITIAL"
                    : AdapterRemedies.BY_PEFT;
            notes.add(Severity.REFUSED, Consumer.VLLM, what, remedy);
            notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, what, remedy);
        }
    }

    private void ranks(long rank) {
        long largest = rank;
        JsonNode pattern = config.node("rank_pattern");
        for (JsonNode each : pattern == null ? List.<JsonNode>of() : pattern) {
            largest = Math.max(largest, each.asLong());
        }
        if (largest > DEFAULT_MAX_RANK) {
            int needed = 0;
            for (int i = MAX_RANKS.length - 1; i >= 0 && MAX_RANKS[i] >= largest; i--) {
                needed = MAX_RANKS[i];
            }
            if (needed == 0) {
                notes.add(
                        Severity.REFUSED,
                        Consumer.VLLM,
                        "rank " + largest + ": vLLM serves up to 512",
                        remedies.orByPeft("loft adapters combine --adapter DIR=1 --how svd --rank 512"));
            } else {
                notes.add(
                        Severity.CHANGE,
                        Consumer.VLLM,
                        "rank " + largest + " is beyond vLLM's default of " + DEFAULT_MAX_RANK,
                        "start vLLM with --max-lora-rank " + needed);
            }
        }
        if (lists("rank_pattern") || lists("alpha_pattern")) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.VLLM,
                    "rank_pattern or alpha_pattern: vLLM scales every layer by lora_alpha / r and says nothing",
                    remedies.orByPeft(
                            "loft adapters combine --adapter DIR=1 --how cat, which writes the scales into the factors"));
            notes.add(
                    Severity.CHANGE,
                    Consumer.LLAMA_CPP,
                    "rank_pattern or alpha_pattern: llama.cpp's own converter keeps one alpha for all",
                    "convert with loft export --adapter-only, which keeps the scales");
        }
    }

    private void targets() {
        JsonNode targets = config.node("target_modules");
        if (targets != null && targets.isTextual()) {
            boolean word = targets.asText().equals("all-linear");
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    word
                            ? "target_modules is all-linear, which PEFT before 0.8 does not know"
                            : "target_modules is a regular" + " expression: PEFT matches it against whole paths",
                    "");
        }
        if (lists("layers_to_transform") && targets != null && targets.isTextual()) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.PEFT,
                    "layers_to_transform does not go with a regular expression",
                    "write the layers into the expression");
        }
    }

    private void pooling() throws CheckpointException {
        SentenceModules.tell(directory, baseConfig, notes);
        Path task = directory.resolve("loft_task.json");
        if (classifies() && Files.isRegularFile(task)) {
            OwnPooling.check(Json.read(task).findString("pooling"), baseConfig, notes);
        }
    }

    /** A model that is no name on the hub, or by chance has the shape of one, such as {@code models/MiniLM}. */
    private void path(ModelReference named) {
        boolean here = named.directory() != null;
        if (here || !named.isName()) {
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    "base_model_name_or_path is a directory of this machine" + (here ? "" : " that does not exist")
                            + ": " + named + (named.isName() ? ", elsewhere taken for a name on the hub" : ""),
                    "set it to the model's name on the hub before others load it");
        }
    }

    private void baseModel() throws CheckpointException {
        String name = config.findString("base_model_name_or_path");
        if (name == null || name.isEmpty()) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.PEFT,
                    "base_model_name_or_path is missing",
                    "set it to the base model's name");
            notes.add(
                    Severity.NOTE,
                    Consumer.LLAMA_CPP,
                    "base_model_name_or_path is missing",
                    "give --model DIR to loft export");
        } else {
            path(new ModelReference(name));
        }
        if (baseConfig == null) {
            notes.add(Severity.NOTE, Consumer.LLAMA_CPP, "the base model was not looked at", "give --model DIR");
            return;
        }
        JsonNode task = config.node("task_type");
        if (task != null && classifies()) {
            MissingClass.check(baseConfig, task.asText().equals("TOKEN_CLS"), notes);
        }
        if (task != null && task.asText().equals("SEQ_CLS")) {
            MissingPadding.check(
                    baseConfig, "set model.config.pad_token_id once it is loaded, or " + remedies.merge(), notes);
        }
        if (remedies.quantised()) {
            notes.all(Severity.NOTE, "the base model is quantised: the adapter's shapes were not compared with it", "");
        }
        String family = baseConfig.stringOr("model_type", "");
        MissingClass.ofLlamaCpp(baseConfig, notes);
        MissingClass.ofVllmAdapter(baseConfig, remedies.merge(), notes);
        MissingClass.ofAdapter(family, classifies(), remedies.merge(), notes);
    }
}
