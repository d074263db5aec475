package org.loft4j.model.t5;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.WritingRulesFile;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.WeightMatrix;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * T5; Raffel et al. 2019 (arXiv:1910.10683): the first one, version 1.1, FLAN-T5, and mT5 in many languages. The first divides the
 * states by the root of their width before an output embedding that is the input's; the others have one of their own.
 */
public final class T5Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "t5";

    /** That of mT5. */
    public static final String MULTILINGUAL = "mt5";

    public static final List<Task> TASKS = List.of(Task.SEQ2SEQ_LM);

    private T5Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static EncoderDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        T5Weights layout = T5Weights.of(T5Config.from(json), source);
        try (NativeScope scope = new NativeScope()) {
            return assemble(json, layout, layout.read(source, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        T5Weights layout = new T5Weights(T5Config.from(json));
        try (NativeScope scope = new NativeScope()) {
            return assemble(
                    json,
                    layout,
                    layout.parameters().random(options),
                    options,
                    json.file().getParent());
        }
    }

    private static EncoderDecoder assemble(
            JsonObject json, T5Weights layout, Weights weights, ModelOptions options, @Nullable Path directory)
            throws CheckpointException {
        T5Config config = layout.config();
        WeightMatrix tokens = weights.matrix(T5Weights.TOKENS);
        ModelDescription description = new ModelDescription(
                json.requireString("model_type"),
                config.vocabularySize(),
                ModelDescription.ENDLESS,
                config.hiddenSize(),
                tokens.dtype(),
                options.device(),
                options.labels(),
                null,
                directory);
        return new EncoderDecoder(new EncoderDecoder.Parts(
                description,
                weights,
                new EncoderDecoder.Tokens(tokens, 1, -1, config.dropout()),
                layout.encoder(weights),
                layout.decoder(weights),
                layout.head(weights),
                config.scaled() ? new LogitScale(Math.sqrt(config.hiddenSize()), 0) : LogitScale.NONE,
                new EncoderDecoder.Beginning(config.startId(), false),
                WritingRulesFile.read(json, config.vocabularySize()),
                seed -> layout.parameters().redraw(weights, seed)));
    }
}
