package org.loft4j.model.distilbert;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;

/**
 * The names and shapes of DistilBERT's parameters. A checkpoint may be of the base model, without the prefix
 * {@code distilbert.}, and without a head.
 */
final class DistilBertWeights {
    private static final String PREFIX = "distilbert.";

    static final String WORDS = "distilbert.embeddings.word_embeddings.weight";
    static final String POSITIONS = "distilbert.embeddings.position_embeddings.weight";
    static final String EMBEDDING_NORM = "distilbert.embeddings.LayerNorm";
    static final String DENSE = "pre_classifier";
    static final String CLASSIFIER = "classifier";

    private DistilBertWeights() {}

    /** Path of a module of one layer. */
    static String layer(int index, String module) {
        return "distilbert.transformer.layer." + index + "." + module;
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, DistilBertConfig config, ModelOptions options) throws CheckpointException {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(PREFIX));
        ParameterReader reader = new ParameterReader(
                source,
                name -> bare && (name.startsWith("embeddings.") || name.startsWith("transformer."))
                        ? PREFIX + name
                        : name);
        return parameters(config).read(reader, DistilBertWeights::isHarmless, options);
    }

    static Parameters parameters(DistilBertConfig config) {
        return new Parameters(
                encoder(config.encoder(), config.sinusoids() ? Initial.SINUSOIDS : Initial.NORMAL),
                head(config),
                config.encoder().initializerRange());
    }

    /** The head of pretraining, and one that this task leaves out. */
    private static boolean isHarmless(String name) {
        return name.startsWith("vocab_") || name.startsWith(DENSE + ".") || name.startsWith(CLASSIFIER + ".");
    }

    private static List<ParameterSpec> encoder(EncoderConfig config, Initial positions) {
        long hidden = config.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(ParameterSpec.tokens(WORDS, config.vocabularySize(), hidden));
        specs.add(new ParameterSpec(POSITIONS, positions, config.maxPositions(), hidden));
        specs.addAll(Parameters.layerNorm(EMBEDDING_NORM, hidden));
        for (int i = 0; i < config.layers(); i++) {
            for (String module : List.of("q_lin", "k_lin", "v_lin", "out_lin")) {
                specs.addAll(Parameters.linear(layer(i, "attention." + module), hidden, hidden, true));
            }
            specs.addAll(Parameters.layerNorm(layer(i, "sa_layer_norm"), hidden));
            specs.addAll(Parameters.linear(layer(i, "ffn.lin1"), config.intermediateSize(), hidden, true));
            specs.addAll(Parameters.linear(layer(i, "ffn.lin2"), hidden, config.intermediateSize(), true));
            specs.addAll(Parameters.layerNorm(layer(i, "output_layer_norm"), hidden));
        }
        return specs;
    }

    private static List<List<ParameterSpec>> head(DistilBertConfig config) {
        if (!config.head().classifies()) {
            return List.of();
        }
        long hidden = config.encoder().hiddenSize();
        List<List<ParameterSpec>> parts = new ArrayList<>();
        if (config.head().task() != Task.TOKEN_CLASSIFICATION) {
            parts.add(Parameters.outputLinear(DENSE, hidden, hidden, true));
        }
        parts.add(Parameters.outputLinear(CLASSIFIER, config.head().labels().size(), hidden, true));
        return parts;
    }
}
