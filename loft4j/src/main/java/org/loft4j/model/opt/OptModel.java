package org.loft4j.model.opt;

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
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** OPT; Zhang et al. 2022 (arXiv:2205.01068), section 2.1, as Galactica has it too (Taylor et al. 2022, arXiv:2211.09085, section 4.1). */
public final class OptModel {
    /** {@code model_type} in config.json. */
    public static final String FAMILY = "opt";

    public static final List<Task> TASKS =
            List.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION, Task.SENTENCE_EMBEDDING);

    private OptModel() {}

    /**
     * Reads a model from a checkpoint.
     *
     * @param json config.json
     * @throws CheckpointException if a tensor is missing or has the wrong shape
     */
    public static CausalDecoder open(TensorSource source, JsonObject json, ModelOptions options)
            throws CheckpointException {
        return assembly(OptConfig.from(json)).open(source, options);
    }

    /** A model with the sizes of config.json and new weights, the same for the same seed on every device. */
    public static CausalDecoder random(JsonObject json, ModelOptions options) throws CheckpointException {
        return assembly(OptConfig.from(json)).random(options, json.file().getParent());
    }

    private static DecoderAssembly assembly(OptConfig config) {
        DecoderConfig sizes = config.sizes();
        return DecoderAssembly.of(
                FAMILY,
                DecoderLayout.around(new OptBlocks(config)),
                sizes,
                Collections.nCopies(sizes.layers(), new Placement(null, 0)));
    }
}
