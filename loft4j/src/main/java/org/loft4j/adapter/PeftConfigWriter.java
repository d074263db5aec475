package org.loft4j.adapter;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Model;

/** Makes {@code adapter_config.json}. */
final class PeftConfigWriter {
    private PeftConfigWriter() {}

    /**
     * Sorted keys, as PEFT writes them; only keys that PEFT has known for long, since old versions refuse unknown ones, but where
     * they would compute otherwise.
     */
    static Map<String, @Nullable Object> settings(LoraConfig config, Model model, PeftMetadata metadata) {
        Map<String, @Nullable Object> settings = new TreeMap<>();
        settings.put("peft_type", "LORA");
        settings.put("task_type", PeftFiles.taskType(model.task()));
        settings.put("base_model_name_or_path", metadata.baseModelNameOrPath());
        settings.put("revision", metadata.revision());
        settings.put("inference_mode", true);
        settings.put("r", config.rank());
        settings.put("lora_alpha", number(config.alpha()));
        settings.put("lora_dropout", config.dropout());
        settings.put("use_rslora", config.useRslora());
        settings.put("use_dora", config.useDora());
        settings.put("bias", "none");
        settings.put("fan_in_fan_out", fanInFanOut(model, config));
        settings.put("init_lora_weights", true);
        List<String> saved = SavedInFull.written(model, config);
        settings.put("modules_to_save", saved.isEmpty() ? null : saved);
        if (ModuleSelection.savedTied(model, config) != null) {
            settings.put("ensure_weight_tying", true);
        }
        settings.put("rank_pattern", config.rankPattern());
        Map<String, Object> alphas = new LinkedHashMap<>();
        config.alphaPattern().forEach((key, alpha) -> alphas.put(key, number(alpha)));
        settings.put("alpha_pattern", alphas);
        TargetModules targets = ModuleSelection.written(model, config);
        settings.put("target_modules", modules(targets));
        TargetModules exclude = ModuleSelection.writtenExclude(model, config);
        if (exclude != null) {
            settings.put("exclude_modules", modules(exclude));
        }
        if (!config.targetParameters().isEmpty()) {
            settings.put("target_parameters", config.targetParameters());
        }
        settings.put("layers_to_transform", null);
        settings.put("layers_pattern", null);
        if (targets instanceof TargetModules.Names names && !names.layers().isEmpty()) {
            settings.put("layers_to_transform", names.layers());
            settings.put("layers_pattern", names.layersPattern().isEmpty() ? null : names.layersPattern());
        }
        return settings;
    }

    /** Whether the adapted matrices are stored as {@code (in, out)}, as GPT-2's are. */
    private static boolean fanInFanOut(Model model, LoraConfig config) {
        return ModuleSelection.modules(model, config, false).values().stream()
                .anyMatch(layer -> layer.matrix().isStoredTransposed());
    }

    private static @Nullable Object modules(TargetModules modules) {
        if (modules instanceof TargetModules.Names names) {
            return names.names();
        }
        if (modules instanceof TargetModules.None) {
            return List.of();
        }
        return modules instanceof TargetModules.Regex regex ? regex.pattern() : null;
    }

    /** PEFT and vLLM declare alpha a whole number. */
    private static Number number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? (Number) (long) value : (Number) value;
    }
}
