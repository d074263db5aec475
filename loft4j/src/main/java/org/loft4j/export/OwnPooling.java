package org.loft4j.export;

import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.JsonObject;

/**
 * Tells of classifiers of texts that are pooled as loft4j alone does it. The classes of Transformers and vLLM for most encoders
 * take the first token's state through a dense layer ({@code modeling_bert.py} and its siblings), and read no {@code
 * classifier_pooling}; those of ModernBERT go by it.
 */
public final class OwnPooling {
    /** What can be done about it. */
    public static final String REMEDY = "train with --pooling pooler if it is to be used elsewhere";

    private static final Set<String> OWN = Set.of("cls", "mean");

    private static final String KEY = "classifier_pooling";

    /** The family whose classes read the key. */
    private static final String READING = "modernbert";

    private OwnPooling() {}

    /**
     * What a pooling means to other programs; null where they do the same.
     *
     * @param family {@code model_type}
     * @param pooling in any case; null where no text is pooled
     */
    public static @Nullable String fault(String family, @Nullable String pooling) {
        String word = pooling == null ? "" : pooling.toLowerCase(Locale.ROOT);
        return OWN.contains(word) && !family.equals(READING)
                ? "pooling " + word + " is loft4j's own: Transformers and vLLM take the first token's state through the"
                        + " pooler, which starts from random numbers where the weights have none, and answer otherwise"
                : null;
    }

    /** Of a model, whose config.json says how it is pooled. */
    static void check(JsonObject config, Notes notes) throws CheckpointException {
        check(config.stringOr("model_type", ""), config.findString(KEY), notes);
    }

    /**
     * Of an adapter: PEFT's files have no word for it.
     *
     * @param pooling of the training
     * @param base config.json of its model; null where that is not known
     */
    static void check(@Nullable String pooling, @Nullable JsonObject base, Notes notes) throws CheckpointException {
        String family = base == null ? "" : base.stringOr("model_type", "");
        check(family, pooling, notes);
        if (base != null && pooling != null && family.equals(READING)) {
            String stated = base.stringOr(KEY, "cls");
            if (!stated.equalsIgnoreCase(pooling)) {
                notes.add(
                        Severity.CHANGE,
                        Consumer.PEFT,
                        "it was trained with pooling " + pooling.toLowerCase(Locale.ROOT)
                                + ", and PEFT goes by classifier_pooling of the base's config.json, which is " + stated,
                        "set it there to that of the training, or merge with loft merge, which writes it");
            }
        }
    }

    private static void check(String family, @Nullable String pooling, Notes notes) {
        String fault = fault(family, pooling);
        if (fault != null) {
            notes.add(Severity.CHANGE, Consumer.PEFT, fault, REMEDY);
            notes.add(Severity.CHANGE, Consumer.VLLM, fault, REMEDY);
        }
    }
}
