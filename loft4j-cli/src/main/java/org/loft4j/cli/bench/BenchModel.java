package org.loft4j.cli.bench;

import java.util.Locale;
import org.loft4j.ConfigException;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** A Llama with random weights that steps are timed on, and the batch it gets. */
public enum BenchModel {
    /** Hidden 512, 8 layers, 8 heads, intermediate 1408, vocabulary 8192, batch 4×256. */
    BENCH(LlamaConfig.of(8192, 512, 8, 8, 8, 1408, 256), 4, 256),
    /** Hidden 2048, 4 layers, 16 heads, intermediate 5632, vocabulary 8192, batch 4×512. */
    LARGE(LlamaConfig.of(8192, 2048, 4, 16, 16, 5632, 512), 4, 512);

    private final LlamaConfig config;
    private final int batch;
    private final int sequence;

    BenchModel(LlamaConfig config, int batch, int sequence) {
        this.config = config;
        this.batch = batch;
        this.sequence = sequence;
    }

    /** Reads {@code bench} or {@code large}. */
    public static BenchModel parse(String field, String name) {
        for (BenchModel model : values()) {
            if (model.word().equals(name.toLowerCase(Locale.ROOT))) {
                return model;
            }
        }
        throw new ConfigException(field + " must be bench or large, got " + name);
    }

    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The sizes in a line. */
    public String describe() {
        DecoderConfig sizes = config.sizes();
        return "Llama, hidden " + sizes.hiddenSize() + ", " + sizes.layers() + " layers, " + sizes.heads()
                + " heads, intermediate " + sizes.intermediateSize() + ", vocabulary " + sizes.vocabularySize()
                + ", batch " + batch + "×" + sequence;
    }

    CausalDecoder open(Dtype dtype) {
        return LlamaModel.random(config, DeviceSpec.CPU, dtype, 1);
    }

    long vocabulary() {
        return config.sizes().vocabularySize();
    }

    long[] batchShape() {
        return new long[] {batch, sequence};
    }

    /**
     * Floating-point operations of a training step of LoRA at a rank on all linear layers but the head, from the shapes: two for
     * each multiplication with an addition. A frozen matrix is multiplied in the forward pass and once for the gradient of its
     * input, but in the first layer, where nobody needs that of q, k and v; a factor twice in the backward pass; causal attention
     * counts the half that is not hidden.
     */
    double loraStepFlops(int rank) {
        DecoderConfig sizes = config.sizes();
        double tokens = (double) batch * sequence;
        double hidden = sizes.hiddenSize();
        double width = sizes.intermediateSize();
        double projections = 4 * hidden * hidden;
        double matrices = projections + 3 * hidden * width;
        double frozen = 2 * tokens * (2 * sizes.layers() * matrices - 3 * hidden * hidden);
        double factors = rank * (4 * (hidden + hidden) + 3 * (hidden + width));
        double adapters = 2 * tokens * 3 * sizes.layers() * factors;
        // scores and values: forward, and twice as much backward
        double attention = 3.0 * sizes.layers() * 2 * 2 * tokens * sequence / 2 * hidden;
        double head = 2 * tokens * 2 * hidden * sizes.vocabularySize();
        return frozen + adapters + attention + head;
    }
}
