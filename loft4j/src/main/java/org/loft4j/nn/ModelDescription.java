package org.loft4j.nn;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * What a program needs to know about a model without knowing its family.
 *
 * @param family the {@code model_type} of its config.json, such as {@code llama}
 * @param vocabularySize number of token ids; every id must be below it
 * @param maxPositions longest sequence that the model was made for, in tokens; {@link #ENDLESS} where nothing in it ends
 * @param hiddenSize width of the hidden states
 * @param dtype of the parameters
 * @param device of the parameters
 * @param labels names of the classes by index; empty for a language model
 * @param pooling how the sequence becomes one vector, never AUTO; null where no sequence does
 * @param multiLabel whether a text or an image may have several of the labels, or none
 * @param directory the directory with its config.json; null for a model that was made without one
 */
public record ModelDescription(
        String family,
        long vocabularySize,
        long maxPositions,
        long hiddenSize,
        Dtype dtype,
        DeviceSpec device,
        List<String> labels,
        @Nullable Pooling pooling,
        boolean multiLabel,
        @Nullable Path directory) {
    /** Of a model that knows distances alone: one array holds as many tokens. */
    public static final long ENDLESS = Integer.MAX_VALUE;

    public ModelDescription {
        labels = List.copyOf(labels);
    }

    /** A language model, or a model whose classes exclude each other. */
    public ModelDescription(
            String family,
            long vocabularySize,
            long maxPositions,
            long hiddenSize,
            Dtype dtype,
            DeviceSpec device,
            List<String> labels,
            @Nullable Pooling pooling,
            @Nullable Path directory) {
        this(family, vocabularySize, maxPositions, hiddenSize, dtype, device, labels, pooling, false, directory);
    }
}
