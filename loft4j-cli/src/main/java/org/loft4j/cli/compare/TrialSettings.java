package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.io.HubCache;
import org.loft4j.io.HubName;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.train.BaseFiles;
import org.loft4j.train.Rewards;
import org.loft4j.train.TrainConfig;

/** Everything that the result of a trial depends on, by Hugging Face's names where they have one. */
final class TrialSettings {
    /** The files of the model: what stands in a directory of the same name may be another one. */
    static final String BASE = "base_model";

    static final String TRAINING_ROWS = "train_data";
    static final String VALIDATION_ROWS = "eval_data";
    static final String TEST_ROWS = "test_data";

    /** What judges the answers to prompts, with the weights. */
    static final String REWARDS = "rewards";

    /** What that is of runs in which nothing does. */
    static final String NO_REWARDS = "none";

    /** Into how many folds the rows to learn from are parted. */
    static final String FOLDS = "folds";

    static final String ALPHA = "lora_alpha";

    /** Whether an adapter is scaled by alpha / √rank. */
    static final String RSLORA = "use_rslora";

    static final String TARGET_PARAMETERS = "target_parameters";

    private final Map<String, Object> common = new LinkedHashMap<>();
    private final Map<List<Long>, Map<String, Object>> ofRows = new HashMap<>();
    private final TrialData rows;

    /** What all trials on this model and this data have in common. */
    TrialSettings(Model model, TrialData rows, ComparisonData data) throws IOException {
        this.rows = rows;
        ModelDescription description = model.description();
        Path directory = description.directory();
        common.put("model", directory == null ? "none" : named(directory));
        common.put(BASE, BaseFiles.of(directory).fingerprint());
        common.put("model_type", description.family());
        common.put("model_dtype", model.weights().precision(description.dtype()));
        common.put("model_elements", model.weights().elements());
        common.put("pooling", String.valueOf(description.pooling()));
        common.put("device", description.device().toString());
        common.put("max_length", data.training().maxLength());
        Rewards rewards = data.training().rewards();
        common.put(REWARDS, rewards == null ? NO_REWARDS : rewards.described());
        common.put(FOLDS, rows.folds());
    }

    /** What tells the rows of a trial; nothing of one that has other folds, which tells enough. */
    private Map<String, Object> rows(Trial trial) throws IOException {
        if (trial.fold() > rows.folds() || (trial.fold() == 0) != (rows.folds() == 0)) {
            return Map.of();
        }
        List<Long> key = rows.folds() == 0 ? List.of() : List.of(trial.seed(), (long) trial.fold());
        Map<String, Object> known = ofRows.get(key);
        if (known == null) {
            ComparisonData data = rows.of(trial.seed(), trial.fold());
            known = new LinkedHashMap<>();
            known.put(TRAINING_ROWS, data.training().train().fingerprint());
            known.put(VALIDATION_ROWS, data.validation().fingerprint());
            known.put(TEST_ROWS, data.test().fingerprint());
            known.putAll(data.shared());
            ofRows.put(key, known);
        }
        return known;
    }

    /** The last part of a path; of a snapshot from the hub that is the commit, and the model's name belongs before it. */
    private static String named(Path directory) {
        String last = String.valueOf(directory.toAbsolutePath().normalize().getFileName());
        HubName name = HubCache.nameOf(directory);
        return name == null ? last : name.repository() + "@" + last;
    }

    Map<String, Object> of(Trial trial, ComparisonSettings settings) throws IOException {
        TrainConfig config = settings.config(trial);
        Map<String, Object> all = new LinkedHashMap<>(config.toMap());
        // what is looked at and kept on the way changes no result
        all.keySet()
                .removeAll(Set.of(
                        "logging_steps",
                        "diagnostics_steps",
                        "eval_steps",
                        "per_device_eval_batch_size",
                        "save_in_background",
                        "save_steps",
                        "save_total_limit",
                        "early_stopping_patience",
                        "metric_for_best_model",
                        "load_best_model_at_end"));
        if (trial.contender().method().usesAdapter()) {
            LoraConfig adapter = settings.adapter(trial);
            all.put("r", adapter.rank());
            all.put(ALPHA, adapter.alpha());
            all.put("lora_dropout", adapter.dropout());
            all.put(RSLORA, adapter.useRslora());
            all.put("target_modules", adapter.targetModules().toString());
            all.put(TARGET_PARAMETERS, adapter.targetParameters().toString());
            all.put("exclude_modules", String.valueOf(adapter.excludeModules()));
            all.put("modules_to_save", adapter.modulesToSave().toString());
        }
        all.putAll(common);
        all.putAll(rows(trial));
        return all;
    }
}
