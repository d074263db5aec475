package org.loft4j.model.gptneo;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * GPT-Neo; Black et al. 2021 (doi:10.5281/zenodo.5297715): the blocks of GPT-2 (Radford et al. 2019, section 2.3), whose scores are not
 * divided, and of which some see a window alone.
 */
public final class GptNeoModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "gpt_neo";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private GptNeoModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(GptNeoConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(GptNeoConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(GptNeoConfig config) {
        DecoderConfig sizes = config.sizes();
        return new DecoderAssembly(
                FAMILY,
                DecoderLayout.around(new GptNeoBlocks(config)),
                sizes,
                new DecoderAttention.Shape(sizes.headDim(), 1, 0, sizes.attentionDropout()),
                type -> 1,
                1,
                LogitScale.NONE,
                config.embeddingDropout(),
                0,
                config.classifierDropout(),
                config.windows().stream()
                        .map(window -> new Placement(null, window))
                        .toList());
    }
}
