package org.loft4j.export;

import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;

/**
 * Tells of classifiers of texts that are pooled as loft4j alone does it. The classes of Transformers and vLLM for these encoders
 * take the first token's state through a dense layer ({@code modeling_bert.py} and its siblings), and read no {@code
 * classifier_pooling}.
 */
public final class OwnPooling {
    /** What can be done about it. */
    public static final String REMEDY = "train with --pooling pooler if it is to be used elsewhere";

    private static final Set<String> OWN = Set.of("cls", "mean");

    private OwnPooling() {}

    /**
     * What a pooling means to other programs; null where they do the same.
     *
     * @param pooling in any case; null where no text is pooled
     */
    public static @Nullable String fault(@Nullable String pooling) {
        String word = pooling == null ? "" : pooling.toLowerCase(Locale.ROOT);
        return OWN.contains(word)
                ? "pooling " + word + " is loft4j's own: Transformers and vLLM take the first token's state through the"
                        + " pooler, which starts from random numbers where the weights have none, and answer otherwise"
                : null;
    }

    static void check(@Nullable String pooling, Notes notes) {
        String fault = fault(pooling);
        if (fault != null) {
            notes.add(Severity.CHANGE, Consumer.PEFT, fault, REMEDY);
            notes.add(Severity.CHANGE, Consumer.VLLM, fault, REMEDY);
        }
    }
}
