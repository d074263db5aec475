package org.loft4j.model.gptoss;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** gpt-oss; OpenAI 2025 (arXiv:2508.10925), section 2. */
public final class GptOssModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "gpt_oss";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private GptOssModel() {}

    /**
     * Reads a model from a checkpoint, whose experts stay in MXFP4 where it has them so.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     * @throws ConfigException if fewer bits are asked for and the experts are not packed
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(json, options).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(json, options).random(options, json.file().getParent());
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return GptOssConfig.maxPositions(json);
    }

    private static DecoderAssembly assembly(JsonObject json, ModelOptions options) throws CheckpointException {
        GptOssConfig config = GptOssConfig.from(json);
        int layers = config.sizes().layers();
        for (int i = 0; options.loadIn() != LoadIn.FULL && i < layers; i++) {
            if (!config.experts().packed().test(i)) {
                throw new ConfigException("load_in must be " + LoadIn.FULL.word() + " for the experts of layer " + i
                        + ", which are one tensor and not in MXFP4, got "
                        + options.loadIn().word() + ": take the checkpoint in MXFP4, whose experts stay in 4 bits");
            }
        }
        DecoderLayout layout = DecoderLayout.LLAMA
                .withBiases(config.attentionBias(), config.attentionBias(), false)
                .with(DecoderLayout.Trait.SINKS)
                .withExperts(config.experts());
        return DecoderAssembly.of(
                        FAMILY,
                        layout,
                        config.sizes(),
                        config.windows().stream()
                                .map(window -> new Placement(config.rope(), window))
                                .toList())
                .withClassifierDropout(config.classifierDropout());
    }
}
