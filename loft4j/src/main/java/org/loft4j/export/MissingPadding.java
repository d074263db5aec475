package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.JsonObject;

/** Tells of classifiers of texts over decoders whose config.json does not say what short texts are padded with. */
final class MissingPadding {
    /** The families whose configuration in Transformers has no {@code pad_token_id} where config.json is silent. */
    private static final Set<String> FAMILIES = Set.of(
            "exaone4",
            "gpt2",
            "gpt_neo",
            "gpt_neox",
            "gpt_oss",
            "llama",
            "mistral",
            "ministral",
            "mistral3",
            "mixtral",
            "phi",
            "qwen2",
            "qwen3",
            "qwen3_5",
            "qwen3_5_text",
            "qwen3_moe",
            "qwen3_next",
            "starcoder2");

    private MissingPadding() {}

    /** @param config config.json of a classifier of texts, or of the model under its adapter */
    static void check(JsonObject config, String remedy, Notes notes) throws CheckpointException {
        JsonNode id = TextConfig.ofLanguageModel(config).node("pad_token_id");
        boolean missing = (id == null || id.asLong(-1) < 0) && !TextConfig.isMinistral3(config);
        if (missing && FAMILIES.contains(config.stringOr("model_type", ""))) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.PEFT,
                    "config.json names no pad_token_id: Transformers classifies one text at a time, and no batches",
                    remedy);
        }
    }
}
