package org.loft4j.model.qwen35;

import java.util.Collections;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.model.shared.QueryKeyNorms;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * Qwen 3.5, the language model alone, be it the whole or beside a vision tower: Qwen3 with linear attention in three of four
 * blocks ({@link org.loft4j.nn.GatedDeltaNet}), and attention whose output is gated in the fourth; dense, or with mixtures of experts.
 *
 * <p>In a checkpoint with a tower the language model has the names that the classes of Transformers for the task give it: those
 * of a model of its own in the one for causal language models, which has no tower.
 */
public final class Qwen35Model {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "qwen3_5_text";

    /** The same of a checkpoint with a vision tower. */
    public static final String WITH_VISION = "qwen3_5";

    /** {@code model_type} of one with mixtures of experts. */
    public static final String MIXTURE = "qwen3_5_moe_text";

    /** The same of a checkpoint with a vision tower. */
    public static final String MIXTURE_WITH_VISION = "qwen3_5_moe";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private Qwen35Model() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(json, options.task()).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(json, options.task()).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(JsonObject json, Task task) throws CheckpointException {
        Qwen35Config config = Qwen35Config.from(json);
        boolean inside = Qwen35Config.isInside(json);
        DecoderLayout layout = DecoderLayout.LLAMA
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .withQueryKeyNorms(QueryKeyNorms.EACH_HEAD)
                .with(DecoderLayout.Trait.NORMS_LESS_ONE)
                .withLinearAttention(config.linear());
        if (config.experts() != null) {
            layout = layout.withExperts(config.experts());
        }
        return DecoderAssembly.of(
                        json.requireString("model_type"),
                        inside && task != Task.CAUSAL_LM
                                ? layout.inside()
                                : layout.with(DecoderLayout.Trait.BESIDE_TOWER),
                        config.sizes(),
                        Collections.nCopies(config.sizes().layers(), new Placement(config.rope(), 0)))
                .withClassifierDropout(config.classifierDropout());
    }
}
