package org.loft4j.model.phi3;

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

/** Phi-3; Abdin et al. 2024 (arXiv:2404.14219): Llama with fused projections. */
public final class Phi3Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "phi3";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Phi3Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(Phi3Config.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(Phi3Config.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(Phi3Config config) {
        DecoderConfig sizes = config.sizes();
        Placement everywhere = new Placement(config.rope(), config.slidingWindow());
        return new DecoderAssembly(
                FAMILY,
                DecoderLayout.LLAMA.with(DecoderLayout.Trait.FUSED_HEADS, DecoderLayout.Trait.FUSED_GATE),
                sizes,
                new DecoderAttention.Shape(
                        sizes.headDim(), 1 / Math.sqrt(sizes.headDim()), 0, sizes.attentionDropout()),
                type -> 1,
                1,
                LogitScale.NONE,
                config.embeddingDropout(),
                config.residualDropout(),
                config.classifierDropout(),
                Collections.nCopies(sizes.layers(), everywhere));
    }
}
