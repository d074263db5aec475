package org.loft4j.model.llama;

import java.util.Collections;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** Llama; Touvron et al. 2023 (arXiv:2302.13971), section 2.2, and what is Llama by another name. */
public final class LlamaModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "llama";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private LlamaModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(LlamaConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(LlamaConfig.from(json)).random(options, json.file().getParent());
    }

    /** A language model with new weights on a device, the same for the same seed on every device. */
    public static CausalDecoder random(LlamaConfig config, DeviceSpec device, Dtype dtype, long seed) {
        ModelOptions options = ModelOptions.of(Task.CAUSAL_LM).withDevice(device);
        return assembly(config).random(options.withDtype(dtype).withSeed(seed));
    }

    private static DecoderAssembly assembly(LlamaConfig config) {
        DecoderLayout layout =
                DecoderLayout.LLAMA.withBiases(config.attentionBias(), config.attentionBias(), config.mlpBias());
        Placement everywhere = new Placement(config.rope(), 0);
        return DecoderAssembly.of(
                        FAMILY,
                        layout,
                        config.sizes(),
                        Collections.nCopies(config.sizes().layers(), everywhere))
                .withClassifierDropout(config.classifierDropout());
    }
}
