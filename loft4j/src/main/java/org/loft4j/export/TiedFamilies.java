package org.loft4j.export;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.Lfm2Keys;

/** The families whose output embedding is the input embedding where config.json is silent. */
final class TiedFamilies {
    private static final String TYPE = "model_type";
    private static final String TIE = "tie_word_embeddings";

    private static final Set<String> TIED = Set.of(
            "cohere",
            "cohere2",
            "ernie4_5",
            "gpt2",
            "gpt_neo",
            "gemma",
            "gemma2",
            "gemma3",
            "gemma3_text",
            "gemma4",
            "gemma4_text",
            "opt",
            "smollm3",
            "starcoder2");

    private TiedFamilies() {}

    /** Whether the output embedding is the input embedding, by the file or by the family's default. */
    static boolean tied(JsonObject config) throws CheckpointException {
        String family = config.stringOr(TYPE, "");
        if (family.equals("lfm2")) {
            return Lfm2Keys.tied(config);
        }
        boolean absent = TIED.contains(family)
                || (Set.of("qwen3_5", "qwen3_5_moe").contains(family) && config.booleanOr(TIE, false));
        return TextConfig.ofLanguageModel(config).booleanOr(TIE, absent);
    }
}
