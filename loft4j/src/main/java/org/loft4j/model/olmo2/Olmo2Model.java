package org.loft4j.model.olmo2;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BlockNorms;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.model.shared.QueryKeyNorms;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * OLMo 2; OLMo Team 2024 (arXiv:2501.00656), section 3: Llama whose norms stand behind attention and feed-forward, and over all
 * heads of queries and keys. OLMo 3 (arXiv:2512.13961) is the same with a window in most blocks.
 */
public final class Olmo2Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "olmo2";

    /** The other. */
    public static final String OLMO3 = "olmo3";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Olmo2Model() {}

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
        Olmo2Config config = Olmo2Config.from(json);
        DecoderLayout layout = DecoderLayout.LLAMA
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .withNorms(BlockNorms.BEHIND)
                .withQueryKeyNorms(QueryKeyNorms.ALL_HEADS);
        return DecoderAssembly.of(json.requireString("model_type"), layout, config.sizes(), config.placement())
                .withClassifierDropout(config.classifierDropout());
    }
}
