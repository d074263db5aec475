package org.loft4j.model.gemma;

import java.util.Collections;
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
import org.loft4j.tensor.Tensors;

/** Gemma; Gemma Team 2024 (arXiv:2403.08295), section 2: Llama with a scale of the input embeddings and norms that are stored less one. */
public final class GemmaModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "gemma";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private GemmaModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(GemmaConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(GemmaConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(GemmaConfig config) {
        DecoderLayout layout = DecoderLayout.LLAMA
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .with(DecoderLayout.Trait.NORMS_LESS_ONE);
        DecoderConfig sizes = config.sizes();
        return new DecoderAssembly(
                FAMILY,
                layout,
                sizes,
                new DecoderAttention.Shape(
                        sizes.headDim(), 1 / Math.sqrt(sizes.headDim()), 0, sizes.attentionDropout()),
                type -> Tensors.rounded(Math.sqrt(sizes.hiddenSize()), type),
                1,
                LogitScale.NONE,
                0,
                0,
                config.classifierDropout(),
                Collections.nCopies(sizes.layers(), new Placement(config.rope(), 0)));
    }
}
