package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorInfo;
import org.loft4j.tensor.Shapes;

/**
 * Compares the tensors of an adapter with its base model's, by names and shapes. Programs and their versions put other modules
 * around one and the same language model, so that names are compared without those.
 */
final class AdapterOnBase {
    /** Families whose modules are all named in their files as PEFT names them. */
    private static final Set<String> OTHER_FAMILIES = Set.of(
            "deit",
            "dinov2",
            "dinov2_with_registers",
            "llama4",
            "llama4_text",
            "qwen3_5",
            "qwen3_5_text",
            "qwen3_5_moe",
            "qwen3_5_moe_text",
            "qwen3_next",
            "vit");

    /** Families whose two stacks have the vectors of tokens as modules of their own, beside the one that they share. */
    private static final Set<String> SHARED = Set.of("bart", "m2m_100", "mbart", "mt5", "pegasus", "t5");

    private final ModelDirectory model;
    private final Notes notes;

    private AdapterOnBase(ModelDirectory model, Notes notes) {
        this.model = model;
        this.notes = notes;
    }

    /**
     * Adds what is found.
     *
     * @param base directory of the base model
     * @param baseConfig its config.json
     * @param config the adapter's settings
     * @param lora the same; null where they are not read here
     * @param names of all tensors of the adapter
     * @param pairs its factors, by the paths of the modules
     */
    static void check(
            Path base,
            JsonObject baseConfig,
            JsonObject config,
            @Nullable LoraConfig lora,
            Set<String> names,
            Map<String, Map<String, TensorInfo>> pairs,
            Notes notes)
            throws CheckpointException {
        try (ModelDirectory model = ModelDirectory.open(base)) {
            AdapterOnBase comparison = new AdapterOnBase(model, notes);
            comparison.factors(comparison.ofModules(pairs, config, lora), isKnown(baseConfig, config));
            comparison.savedModules(config.node("modules_to_save"), names);
            comparison.sharedVectors(baseConfig, config.node("modules_to_save"));
        }
    }

    /** Both stacks of Transformers' classes have the vectors of tokens as modules of their own; PEFT 0.20's copy of this one nobody asks. */
    private void sharedVectors(JsonObject baseConfig, @Nullable JsonNode listed) throws CheckpointException {
        if (listed == null || !SHARED.contains(baseConfig.stringOr("model_type", ""))) {
            return;
        }
        for (JsonNode each : listed) {
            if (each.asText().equals("shared")) {
                notes.add(
                        Severity.CHANGE,
                        Consumer.PEFT,
                        "modules_to_save \"shared\": Transformers' class computes with encoder.embed_tokens and"
                                + " decoder.embed_tokens, and what PEFT loads for shared has no effect",
                        "merge the adapter (loft merge), or train without it");
            }
        }
    }

    private static boolean isKnown(JsonObject baseConfig, JsonObject config) throws CheckpointException {
        String family = baseConfig.stringOr("model_type", "");
        JsonNode task = config.node("task_type");
        return (GgufArchitecture.knows(family)
                        || ModelDoctor.ENCODERS.contains(family)
                        || OTHER_FAMILIES.contains(family))
                && (task == null || !task.asText().equals("FEATURE_EXTRACTION"));
    }

    /** Those but of parameters of the base, whose factors have the name of the module that they belong to, and are compared here. */
    private Map<String, Map<String, TensorInfo>> ofModules(
            Map<String, Map<String, TensorInfo>> pairs, JsonObject config, @Nullable LoraConfig lora)
            throws CheckpointException {
        JsonNode parameters = config.node("target_parameters");
        if (parameters == null || parameters.isEmpty()) {
            return pairs;
        }
        Map<String, Map<String, TensorInfo>> ofModules = new TreeMap<>(pairs);
        ofModules.keySet().removeIf(path -> {
            String module = canonical(AdaptedParameters.moduleOf(path)) + ".";
            return model.names().stream().anyMatch(name -> ofExperts(name).startsWith(module))
                    && named(path + ".weight").isEmpty();
        });
        List<String> targets = new ArrayList<>();
        parameters.forEach(name -> targets.add(name.asText()));
        AdaptedParameters adapted = new AdaptedParameters(model, targets, lora, notes);
        Set<String> modules = new TreeSet<>();
        pairs.keySet().stream()
                .filter(path -> !ofModules.containsKey(path))
                .forEach(path -> modules.add(AdaptedParameters.moduleOf(path)));
        for (String module : modules) {
            // what is wrong with one layer is mostly wrong with all
            if (!adapted.fit(module, pairs)) {
                break;
            }
        }
        return ofModules;
    }

    /** As Transformers 5 calls the experts of Mixtral too, which files have under an older name. */
    private static String ofExperts(String name) {
        return canonical(name).replace("block_sparse_moe.experts.", "mlp.experts.");
    }

    private void factors(Map<String, Map<String, TensorInfo>> pairs, boolean known) throws CheckpointException {
        List<String> unknown = new ArrayList<>();
        for (Map.Entry<String, Map<String, TensorInfo>> entry : pairs.entrySet()) {
            String weight = entry.getKey() + ".weight";
            List<String> found = named(weight);
            if (found.isEmpty() && !isTied(canonical(weight))) {
                unknown.add(entry.getKey());
            }
            TensorInfo a = entry.getValue().get("A");
            TensorInfo b = entry.getValue().get("B");
            if (a != null && b != null && a.shape().length == 2 && b.shape().length == 2 && !weight.contains("embed")) {
                shapes(entry.getKey(), a.shape()[1], b.shape()[0], found);
            }
        }
        if (!unknown.isEmpty()) {
            String what = unknown.size() + " adapted modules are not in the base model, such as " + unknown.get(0);
            if (known) {
                notes.all(Severity.REFUSED, what, "it belongs to another base model");
            } else {
                notes.all(
                        Severity.UNKNOWN,
                        what + " by their names: whether PEFT finds them under others is not known here",
                        "load it with the class that it was trained on");
            }
        }
    }

    /** Whether a matrix that the files lack is another one of them: of two that are tied, one is stored. */
    private boolean isTied(String weight) {
        boolean input = weight.matches("(.+\\.)?(embed_tokens|embed_in|wte)\\.weight");
        boolean output = weight.endsWith("lm_head.weight") || weight.endsWith("embed_out.weight");
        return output
                || (input
                        && !(named("lm_head.weight").isEmpty()
                                && named("embed_out.weight").isEmpty()));
    }

    /** Refuses factors that make a matrix as none of the base's under such names. */
    private void shapes(String path, long in, long out, List<String> found) throws CheckpointException {
        long[] other = null;
        for (String name : found) {
            long[] shape = model.foreign().containsKey(name)
                    ? new long[0]
                    : model.info(name).shape();
            boolean turned = shape.length == 2 && shape[0] == in && shape[1] == out;
            if (shape.length != 2 || turned || (shape[0] == out && shape[1] == in)) {
                return;
            }
            other = shape;
        }
        if (other != null) {
            notes.all(
                    Severity.REFUSED,
                    "the factors of " + path + " make " + Shapes.text(out, in) + ", the base has " + Shapes.text(other),
                    "it belongs to another base model");
        }
    }

    /** Modules that PEFT takes for those saved in full, since their paths end as a name does, be that within a word. */
    private void savedModules(@Nullable JsonNode listed, Set<String> names) {
        if (listed == null || !listed.isArray()) {
            return;
        }
        List<String> brought = names.stream()
                .map(name -> canonical(name.replaceFirst("^base_model\\.model\\.", "")))
                .toList();
        for (JsonNode each : listed) {
            for (String tensor : model.names()) {
                String module = moduleThatEndsIn(each.asText(), tensor);
                String stored = canonical(tensor);
                if (module != null && brought.stream().noneMatch(name -> isSame(name, stored))) {
                    notes.add(
                            Severity.CHANGE,
                            Consumer.PEFT,
                            "modules_to_save " + each + " means every module whose path ends so, and the file has no "
                                    + tensor + ": PEFT does not load it",
                            "name the modules that the file has by their whole paths, such as model.norm");
                    return;
                }
            }
        }
    }

    private static @Nullable String moduleThatEndsIn(String name, String tensor) {
        for (int dot = tensor.indexOf('.'); dot >= 0 && !name.isEmpty(); dot = tensor.indexOf('.', dot + 1)) {
            String module = tensor.substring(0, dot);
            if (module.endsWith(name)) {
                return module;
            }
        }
        return null;
    }

    /** The base's names for a tensor: its own, else the same but for the modules around it, else those that end alike. */
    private List<String> named(String tensor) {
        if (model.names().contains(tensor)) {
            return List.of(tensor);
        }
        String wanted = canonical(tensor);
        List<String> same = model.names().stream()
                .filter(name -> canonical(name).equals(wanted))
                .toList();
        return !same.isEmpty()
                ? same
                : model.names().stream()
                        .filter(name -> isSame(canonical(name), wanted))
                        .toList();
    }

    private static boolean isSame(String name, String other) {
        return name.equals(other) || name.endsWith("." + other) || other.endsWith("." + name);
    }

    /** A name without the modules that a language model lies in, such as {@code model.language_model.}. */
    static String canonical(String name) {
        return name.replaceAll("(^|\\.)(?:(?:language_model|model)\\.)+", "$1");
    }
}
