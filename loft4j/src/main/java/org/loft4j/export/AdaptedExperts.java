package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.JsonObject;

/** What {@link AdapterDoctor} finds where the experts of a mixture, or its router, are adapted. */
final class AdaptedExperts {
    /** Matrices of an expert that Transformers 5 has in one, each with the other one. */
    private static final Map<String, String> OF_A_PAIR =
            Map.of(".gate_proj", ".up_proj", ".up_proj", ".gate_proj", ".w1", ".w3", ".w3", ".w1");

    /** A layer of a feed-forward part whose name a matrix of an expert has too. */
    private static final Pattern ALIKE = Pattern.compile(".*\\.mlp\\..*(?:gate|up|down)_proj");

    /** Families with such layers beside every expert. */
    private static final Set<String> WITH_SHARED =
            Set.of("deepseek_v2", "deepseek_v3", "glm4_moe", "glm4_moe_lite", "qwen2_moe", "qwen3_next");

    /** The path of an expert's matrix, around its number. */
    private static final Pattern NUMBER = Pattern.compile("(.+\\.experts\\.)(\\d{1,9})(\\..+)");

    private final JsonObject config;
    private final @Nullable JsonObject baseConfig;
    private final @Nullable LoraConfig lora;
    private final AdapterRemedies remedies;
    private final Notes notes;

    /**
     * @param config adapter_config.json
     * @param baseConfig config.json of the base model; null where it is not at hand
     * @param lora what the settings say; null where they are not read here
     * @param remedies for what a program does not take
     * @param notes gets what is found
     */
    AdaptedExperts(
            JsonObject config,
            @Nullable JsonObject baseConfig,
            @Nullable LoraConfig lora,
            AdapterRemedies remedies,
            Notes notes) {
        this.config = config;
        this.baseConfig = baseConfig;
        this.lora = lora;
        this.remedies = remedies;
        this.notes = notes;
    }

    /** Each matrix of an expert, and the router, is a module of its own in Transformers 4 alone. */
    void check(Set<String> paths) throws CheckpointException {
        JsonNode parameters = config.node("target_parameters");
        if (parameters != null && !parameters.isEmpty()) {
            parameters(parameters);
        }
        checkBeside(paths);
        String adapted = paths.stream()
                .filter(path -> TensorNames.isOfExpert(path) || TensorNames.isRouter(path))
                .findFirst()
                .orElse(null);
        if (adapted == null) {
            return;
        }
        JsonNode dropout = config.node("lora_dropout");
        boolean drops = dropout != null && dropout.asDouble() != 0;
        String fault = faultOfExperts(paths);
        notes.add(
                fault == null ? Severity.NOTE : Severity.CHANGE,
                Consumer.PEFT,
                "experts or routers are adapted, such as " + adapted
                        + ": with Transformers 5, which has a block's experts in one tensor, PEFT converts them from 0.19 on"
                        + (drops ? ", and refuses a lora_dropout with them" : "")
                        + (fault == null ? "" : ", and " + fault),
                fault != null
                        ? "load it with Transformers 4, or merge it into the model: loft merge"
                        : "use PEFT 0.19 or newer with Transformers 5"
                                + (drops ? ", and set lora_dropout to 0, which matters in training alone" : ""));
        paths.stream().filter(TensorNames::isOfExpert).findFirst().ifPresent(path -> {
            String what = "experts are adapted, such as " + path;
            notes.add(
                    Severity.NOTE,
                    Consumer.VLLM,
                    what + ": vLLM before 0.11.2 serves adapters of attention alone",
                    "use vLLM 0.11.2 or newer");
        });
    }

    /** Those of experts that lie in one tensor. */
    private void parameters(JsonNode named) {
        String what = "target_parameters " + named;
        notes.add(
                Severity.NOTE,
                Consumer.PEFT,
                what
                        + ": PEFT before 0.17 does not know the key, and before 0.19 takes in and out of most such experts for one"
                        + " another",
                "use PEFT 0.19 or newer with Transformers 5");
        JsonNode dropout = config.node("lora_dropout");
        if (isSet("use_dora") || (dropout != null && dropout.asDouble() != 0)) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.PEFT,
                    what + " with " + (isSet("use_dora") ? "use_dora" : "a lora_dropout"),
                    isSet("use_dora") ? "" : "set lora_dropout to 0, which matters in training alone");
        }
        notes.add(
                Severity.UNKNOWN, Consumer.VLLM, what + ": whether vLLM serves it is not known here", remedies.merge());
        notes.add(
                Severity.REFUSED,
                Consumer.LLAMA_CPP,
                what + ": a GGUF adapter has no place for the factors of one expert",
                remedies.mergedGguf());
    }

    /** Dense parts and shared experts, whose names PEFT's conversion for Transformers 5 takes for those of experts. */
    private void checkBeside(Set<String> paths) throws CheckpointException {
        boolean shared = baseConfig != null && WITH_SHARED.contains(baseConfig.stringOr("model_type", ""));
        boolean experts = paths.stream()
                .anyMatch(path ->
                        TensorNames.isOfExpert(path) && ALIKE.matcher(path).matches());
        if (!shared && !experts) {
            return;
        }
        paths.stream()
                .filter(path ->
                        !TensorNames.isOfExpert(path) && ALIKE.matcher(path).matches())
                .findFirst()
                .ifPresent(path -> notes.add(
                        Severity.CHANGE,
                        Consumer.PEFT,
                        "layers beside experts are adapted that have their names, such as " + path
                                + ": with Transformers 5 PEFT takes the names for those of experts, and leaves these"
                                + " layers out",
                        "load it with Transformers 4, or merge it into the model: loft merge"));
    }

    /** What PEFT's conversion for Transformers 5 does not get right of experts that are adapted; null for nothing. */
    private @Nullable String faultOfExperts(Set<String> paths) throws CheckpointException {
        if (isSet("use_dora")) {
            return "refuses use_dora with them";
        }
        if (isSet("use_rslora")) {
            return "doubles rank and alpha of gate and up, which with use_rslora makes them √2 times as strong";
        }
        for (Map.Entry<String, String> other : OF_A_PAIR.entrySet()) {
            boolean alone = paths.stream()
                    .filter(path -> TensorNames.isOfExpert(path) && path.endsWith(other.getKey()))
                    .anyMatch(path -> !paths.contains(
                            path.substring(0, path.length() - other.getKey().length()) + other.getValue()));
            if (alone) {
                return "refuses one of gate and up without the other";
            }
        }
        List<String> experts = paths.stream().filter(TensorNames::isOfExpert).toList();
        if (lora != null && experts.stream().anyMatch(path -> isPatterned(lora, path))) {
            return "knows r and lora_alpha for them alone, whatever rank_pattern and alpha_pattern say of them";
        }
        return areSomeAlone(experts) ? "refuses some experts of a block without the others" : null;
    }

    /** Whether a pattern makes of an expert's rank or alpha another than its tensor of all experts has, which has a name of its own. */
    private static boolean isPatterned(LoraConfig lora, String path) {
        String stacked = path.replaceFirst("\\.\\d+\\.(?:w2|down_proj)$", ".down_proj");
        try {
            return stacked.equals(path)
                    ? lora.rankOf(path) != lora.rank() || lora.alphaOf(path) != lora.alpha()
                    : lora.rankOf(path) != lora.rankOf(stacked) || lora.alphaOf(path) != lora.alphaOf(stacked);
        } catch (ConfigException e) {
            return false;
        }
    }

    /** Whether a matrix is adapted of some experts of a block and not of all: as many as config.json states, where that is at hand. */
    private boolean areSomeAlone(List<String> experts) throws CheckpointException {
        Map<String, Integer> counts = new TreeMap<>();
        int all = 0;
        if (baseConfig != null) {
            JsonObject text = TextConfig.ofLanguageModel(baseConfig);
            all = text.intOr(
                    "num_local_experts", text.intOr("num_experts", text.intOr("n_routed_experts", 0, 0), 0), 0);
        }
        for (String path : experts) {
            Matcher number = NUMBER.matcher(path);
            if (number.matches()) {
                counts.merge(number.group(1) + number.group(3), 1, Integer::sum);
                all = Math.max(all, Integer.parseInt(number.group(2)) + 1);
            }
        }
        int each = all;
        return counts.values().stream().anyMatch(count -> count < each);
    }

    private boolean isSet(String key) {
        JsonNode value = config.node(key);
        return value != null && value.asBoolean();
    }
}
