package org.loft4j.export;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.GgufTensor;
import org.loft4j.nn.Pooling;

/**
 * How a model of sentence embeddings makes a vector of the states of a text's tokens, which llama.cpp does under the key {@code
 * pooling_type}.
 *
 * @param pooling mean, cls or last
 * @param layers behind it, in their order
 * @param prompts whether something is put before texts
 */
public record PooledVectors(Pooling pooling, List<Layer> layers, boolean prompts) {
    /** llama.cpp's numbers of them. */
    private static final Map<Pooling, Integer> POOLINGS = Map.of(Pooling.MEAN, 1, Pooling.CLS, 2, Pooling.LAST, 3);

    /** Some that llama.cpp computes, for who does not know them. */
    static final PooledVectors ANY = new PooledVectors(Pooling.MEAN, List.of(), false);

    /** llama.cpp's names of the two layers. */
    private static final List<String> NAMES = List.of("dense_2", "dense_3");

    /**
     * A linear layer of the vectors.
     *
     * @param in numbers that it reads
     * @param out numbers that it gives
     * @param plain whether it has neither a bias nor an activation
     * @param weight gives its matrix {@code (out, in)}
     */
    public record Layer(long in, long out, boolean plain, GgufTensor.Values weight) {}

    public PooledVectors {
        layers = List.copyOf(layers);
        if (!POOLINGS.containsKey(pooling)) {
            throw new ConfigException("pooling must be mean, cls or last to be exported to GGUF, got " + pooling);
        }
    }

    /**
     * Refuses layers that llama.cpp does not compute: it has those of EmbeddingGemma alone, two without biases and activations, the last
     * of which is as wide as the model.
     *
     * @throws CheckpointException that names them
     */
    void requireComputed(TextConfig config) throws CheckpointException {
        if (config.architecture() == GgufArchitecture.PHI2) {
            throw config.json()
                    .fault("model_type", "is phi, which llama.cpp does not load without a head, and so for no vectors");
        }
        if (layers.isEmpty()) {
            return;
        }
        long hidden = config.hiddenSize();
        boolean known = config.architecture() == GgufArchitecture.GEMMA_EMBEDDING
                && layers.size() == NAMES.size()
                && layers.stream().allMatch(Layer::plain)
                && layers.get(0).in() == hidden
                && layers.get(1).out() == hidden;
        if (!known) {
            throw new CheckpointException(
                    config.json().file(),
                    "lies beside a modules.json with " + layers.size()
                            + " Dense, which llama.cpp does not compute: it has two"
                            + " behind the pooling of an EmbeddingGemma, without biases and activations, from "
                            + hidden + " numbers to " + hidden);
        }
    }

    /** Puts the keys, and what a reader of the file should know. */
    void put(GgufMetadata metadata, String key, List<String> notes) {
        metadata.count(key + "pooling_type", Objects.requireNonNull(POOLINGS.get(pooling)));
        for (int i = 0; i < layers.size(); i++) {
            metadata.count(key + NAMES.get(i) + "_feat_in", layers.get(i).in());
            metadata.count(key + NAMES.get(i) + "_feat_out", layers.get(i).out());
        }
        if (prompts) {
            notes.add("llama.cpp puts no prompt before a text: put those of config_sentence_transformers.json there, as"
                    + " 'loft embed' does");
        }
    }

    /** The name that the matrix of a layer has in the file. */
    static String name(int layer) {
        return NAMES.get(layer) + ".weight";
    }
}
