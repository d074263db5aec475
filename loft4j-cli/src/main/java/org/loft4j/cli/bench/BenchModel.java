package org.loft4j.cli.bench;

import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.loft4j.ConfigException;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * A Llama with random weights that steps are timed on, and the batch it gets.
 *
 * @param word what {@code --size} calls it
 * @param sequence tokens of a row
 */
public record BenchModel(String word, LlamaConfig config, int batch, int sequence) {
    /** Hidden 512, 8 layers, 8 heads, intermediate 1408, vocabulary 8192, batch 4×256. */
    public static final BenchModel BENCH =
            new BenchModel("bench", LlamaConfig.of(8192, 512, 8, 8, 8, 1408, 256), 4, 256);

    /** Hidden 2048, 4 layers, 16 heads, intermediate 5632, vocabulary 8192, batch 4×512. */
    public static final BenchModel LARGE =
            new BenchModel("large", LlamaConfig.of(8192, 2048, 4, 16, 16, 5632, 512), 4, 512);

    /** Reads {@code bench} or {@code large}. */
    public static BenchModel parse(String field, String name) {
        for (BenchModel model : List.of(BENCH, LARGE)) {
            if (model.word().equals(name.toLowerCase(Locale.ROOT))) {
                return model;
            }
        }
        throw new ConfigException(field + " must be bench or large, got " + name);
    }

    /** The same model with other rows. */
    public BenchModel withBatch(int rows) {
        return new BenchModel(word, config, rows, sequence);
    }

    public long tokens() {
        return (long) batch * sequence;
    }

    /** A frozen matrix with a pair of factors. */
    public record Matrix(long outputs, long inputs) {
        double elements() {
            return (double) outputs * inputs;
        }

        /** Columns of both factors: m + n. */
        double sides() {
            return (double) outputs + inputs;
        }
    }

    /** Those of one layer: attention's four, and three of the feed-forward block. */
    List<Matrix> matricesOfALayer() {
        DecoderConfig sizes = config.sizes();
        long hidden = sizes.hiddenSize();
        long queries = (long) sizes.heads() * sizes.headDim();
        long keys = (long) sizes.keyValueHeads() * sizes.headDim();
        long width = sizes.intermediateSize();
        return List.of(
                new Matrix(queries, hidden),
                new Matrix(keys, hidden),
                new Matrix(keys, hidden),
                new Matrix(hidden, queries),
                new Matrix(width, hidden),
                new Matrix(width, hidden),
                new Matrix(hidden, width));
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
        double hidden = sizes.hiddenSize();
        List<Matrix> matrices = matricesOfALayer();
        double elements = sum(matrices, Matrix::elements);
        double unasked = sum(matrices.subList(0, 3), Matrix::elements);
        double frozen = 2.0 * tokens() * (2 * sizes.layers() * elements - unasked);
        double adapters = 2.0 * tokens() * 3 * sizes.layers() * rank * sum(matrices, Matrix::sides);
        // scores and values: forward, and twice as much backward
        double queries = (double) sizes.heads() * sizes.headDim();
        double attention = 3.0 * sizes.layers() * 2 * 2 * tokens() * sequence / 2 * queries;
        double head = 2.0 * tokens() * 2 * hidden * sizes.vocabularySize();
        return frozen + adapters + attention + head;
    }

    private static double sum(List<Matrix> matrices, ToDoubleFunction<Matrix> of) {
        return matrices.stream().mapToDouble(of).sum();
    }
}
