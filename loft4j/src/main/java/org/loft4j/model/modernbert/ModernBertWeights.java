package org.loft4j.model.modernbert;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Weights;

/**
 * The names and shapes of ModernBERT's parameters. A checkpoint may be of the base model, without the prefix {@code model.}
 * and without a head; one for masked tokens has the head's dense layer and norm, as Transformers reads them too.
 */
final class ModernBertWeights {
    static final String WORDS = "model.embeddings.tok_embeddings.weight";
    static final String EMBEDDING_NORM = "model.embeddings.norm";
    static final String FINAL_NORM = "model.final_norm";

    /** The module that holds the dense layer in front of the classifier, and its norm. */
    static final String HEAD = "head";

    static final String DENSE = "head.dense";
    static final String HEAD_NORM = "head.norm";
    static final String CLASSIFIER = "classifier";

    private static final String PREFIX = "model.";

    private ModernBertWeights() {}

    /** Path of a module of one layer. */
    static String layer(int index, String module) {
        return "model.layers." + index + "." + module;
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, ModernBertConfig config, ModelOptions options) throws CheckpointException {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(PREFIX));
        ParameterReader reader = new ParameterReader(source, name -> bare && isOfTheBase(name) ? PREFIX + name : name);
        return parameters(config).read(reader, ModernBertWeights::isHarmless, options);
    }

    static Parameters parameters(ModernBertConfig config) {
        return new Parameters(body(config), head(config), config.encoder().initializerRange());
    }

    private static boolean isOfTheBase(String name) {
        return name.startsWith("embeddings.") || name.startsWith("layers.") || name.startsWith("final_norm.");
    }

    /** The head of pretraining, and a classifier of other classes. */
    private static boolean isHarmless(String name) {
        return name.startsWith("decoder.") || name.startsWith(HEAD + ".") || name.startsWith(CLASSIFIER + ".");
    }

    private static List<ParameterSpec> body(ModernBertConfig config) {
        EncoderConfig sizes = config.encoder();
        ModernBertConfig.Biases biases = config.biases();
        long hidden = sizes.hiddenSize();
        long inner = sizes.intermediateSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(ParameterSpec.tokens(WORDS, sizes.vocabularySize(), hidden));
        specs.addAll(Parameters.layerNorm(EMBEDDING_NORM, hidden, biases.norms()));
        for (int i = 0; i < sizes.layers(); i++) {
            if (i > 0) {
                specs.addAll(Parameters.layerNorm(layer(i, "attn_norm"), hidden, biases.norms()));
            }
            specs.addAll(Parameters.linear(layer(i, "attn.Wqkv"), 3 * hidden, hidden, biases.attention()));
            specs.addAll(Parameters.linear(layer(i, "attn.Wo"), hidden, hidden, biases.attention()));
            specs.addAll(Parameters.layerNorm(layer(i, "mlp_norm"), hidden, biases.norms()));
            specs.addAll(Parameters.linear(layer(i, "mlp.Wi"), 2 * inner, hidden, biases.mlp()));
            specs.addAll(Parameters.linear(layer(i, "mlp.Wo"), hidden, inner, biases.mlp()));
        }
        specs.addAll(Parameters.layerNorm(FINAL_NORM, hidden, biases.norms()));
        return specs;
    }

    private static List<List<ParameterSpec>> head(ModernBertConfig config) {
        if (!config.head().classifies()) {
            return List.of();
        }
        long hidden = config.encoder().hiddenSize();
        List<ParameterSpec> before = new ArrayList<>(
                Parameters.outputLinear(DENSE, hidden, hidden, config.biases().headDense()));
        before.addAll(Parameters.layerNorm(HEAD_NORM, hidden, config.biases().norms()));
        int labels = config.head().labels().size();
        return List.of(before, Parameters.outputLinear(CLASSIFIER, labels, hidden, true));
    }
}
