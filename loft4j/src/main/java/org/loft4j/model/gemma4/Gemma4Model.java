package org.loft4j.model.gemma4;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Tensors;

/** Gemma 4, the language model alone, be it the whole or beside towers for images and sounds. */
public final class Gemma4Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "gemma4_text";

    /** The same of a checkpoint with towers. */
    public static final String WITH_TOWERS = "gemma4";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Gemma4Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(json).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(json).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(JsonObject json) throws CheckpointException {
        Gemma4Config config = Gemma4Config.from(json);
        boolean inside = Gemma4Config.isInside(json);
        DecoderLayout layout = DecoderLayout.around(new Gemma4Blocks(config));
        DecoderConfig sizes = config.sizes();
        return new DecoderAssembly(
                inside ? WITH_TOWERS : FAMILY,
                inside ? layout.inside() : layout,
                sizes,
                new DecoderAttention.Shape(sizes.headDim(), 1, 0, sizes.attentionDropout()),
                type -> Tensors.rounded(Math.sqrt(sizes.hiddenSize()), type),
                1,
                new LogitScale(1, config.finalLogitSoftcapping()),
                0,
                0,
                config.classifierDropout(),
                config.blocks().stream().map(Gemma4Config.Block::placement).toList());
    }
}
