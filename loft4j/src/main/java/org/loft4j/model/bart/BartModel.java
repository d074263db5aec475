package org.loft4j.model.bart;

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

/** BART; Lewis et al. 2019 (arXiv:1910.13461), and mBART, M2M-100 with NLLB, and PEGASUS, which have its shape. */
public final class BartModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "bart";

    /** That of mBART and mBART-50. */
    public static final String MULTILINGUAL = "mbart";

    /** That of M2M-100 and NLLB-200. */
    public static final String TRANSLATION = "m2m_100";

    /** That of PEGASUS. */
    public static final String SUMMARIES = "pegasus";

    public static final List<Task> TASKS = List.of(Task.SEQ2SEQ_LM);

    private BartModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static EncoderDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        BartWeights layout = BartWeights.of(BartConfig.from(json), source);
        try (NativeScope scope = new NativeScope()) {
            return assemble(json, layout, layout.read(source, options), options, source.path());
        }
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static EncoderDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        BartWeights layout = BartWeights.anew(BartConfig.from(json));
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
            JsonObject json, BartWeights layout, Weights weights, ModelOptions options, @Nullable Path directory)
            throws CheckpointException {
        BartConfig config = layout.config();
        WeightMatrix tokens = weights.matrix(BartWeights.TOKENS);
        ModelDescription description = new ModelDescription(
                json.requireString("model_type"),
                config.vocabularySize(),
                config.positions(),
                config.hiddenSize(),
                tokens.dtype(),
                options.device(),
                options.labels(),
                null,
                directory);
        double scale = config.scaled() ? Math.sqrt(config.hiddenSize()) : 1;
        return new EncoderDecoder(new EncoderDecoder.Parts(
                description,
                weights,
                new EncoderDecoder.Tokens(
                        tokens, scale, config.padId(), config.dropout().added()),
                layout.encoder(weights),
                layout.decoder(weights),
                layout.head(weights),
                LogitScale.NONE,
                new EncoderDecoder.Beginning(config.startId(), config.family() == BartFamily.MBART),
                WritingRulesFile.read(json, config.vocabularySize()),
                seed -> layout.parameters().redraw(weights, seed)));
    }
}
