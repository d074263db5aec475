package org.loft4j.model.bert;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Weights;

/**
 * The names and shapes of BERT's parameters, and where they come from. A checkpoint may be of the base model, without the
 * prefix {@code bert.}, without a pooler and without a classifier; very old ones call a norm's weight and bias gamma and
 * beta.
 */
final class BertWeights {
    private static final String PREFIX = "bert.";

    static final String WORDS = "bert.embeddings.word_embeddings.weight";
    static final String POSITIONS = "bert.embeddings.position_embeddings.weight";
    static final String TOKEN_TYPES = "bert.embeddings.token_type_embeddings.weight";
    static final String EMBEDDING_NORM = "bert.embeddings.LayerNorm";
    static final String POOLER = "bert.pooler.dense";
    static final String CLASSIFIER = "classifier";

    private BertWeights() {}

    /** Path of a module of one layer. */
    static String layer(int index, String module) {
        return "bert.encoder.layer." + index + "." + module;
    }

    /**
     * What {@link Pooling#AUTO} means for a checkpoint: the pooler if it has one, else the mean.
     *
     * @param source of the weights
     */
    static BertConfig settlePooling(BertConfig config, TensorSource source) {
        if (config.pooling() != Pooling.AUTO) {
            return config;
        }
        boolean pooler = reader(source).has(POOLER + ".weight");
        return config.withPooling(pooler ? Pooling.POOLER : Pooling.MEAN);
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, BertConfig config, ModelOptions options) throws CheckpointException {
        return parameters(config).read(reader(source), BertWeights::isHarmless, options);
    }

    /** @param config with its pooling settled */
    static Parameters parameters(BertConfig config) {
        return new Parameters(encoder(config), head(config), config.initializerRange());
    }

    private static ParameterReader reader(TensorSource source) {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(PREFIX));
        return new ParameterReader(source, name -> {
            String prefixed = bare && isOfTheBase(name) ? PREFIX + name : name;
            return prefixed.replaceFirst("LayerNorm\\.gamma$", "LayerNorm.weight")
                    .replaceFirst("LayerNorm\\.beta$", "LayerNorm.bias");
        });
    }

    private static boolean isOfTheBase(String name) {
        return name.startsWith("embeddings.") || name.startsWith("encoder.") || name.startsWith("pooler.");
    }

    /** Buffers, the heads of pretraining, and a pooler that this pooling leaves out. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("cls.")
                || name.startsWith(POOLER)
                || name.startsWith(CLASSIFIER + ".");
    }

    private static List<ParameterSpec> encoder(BertConfig config) {
        long hidden = config.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(WORDS, Initial.NORMAL, config.vocabularySize(), hidden));
        specs.add(new ParameterSpec(POSITIONS, Initial.NORMAL, config.maxPositions(), hidden));
        specs.add(new ParameterSpec(TOKEN_TYPES, Initial.NORMAL, config.tokenTypes(), hidden));
        specs.addAll(Parameters.layerNorm(EMBEDDING_NORM, hidden));
        for (int i = 0; i < config.layers(); i++) {
            specs.addAll(Parameters.linear(layer(i, "attention.self.query"), hidden, hidden, true));
            specs.addAll(Parameters.linear(layer(i, "attention.self.key"), hidden, hidden, true));
            specs.addAll(Parameters.linear(layer(i, "attention.self.value"), hidden, hidden, true));
            specs.addAll(Parameters.linear(layer(i, "attention.output.dense"), hidden, hidden, true));
            specs.addAll(Parameters.layerNorm(layer(i, "attention.output.LayerNorm"), hidden));
            specs.addAll(Parameters.linear(layer(i, "intermediate.dense"), config.intermediateSize(), hidden, true));
            specs.addAll(Parameters.linear(layer(i, "output.dense"), hidden, config.intermediateSize(), true));
            specs.addAll(Parameters.layerNorm(layer(i, "output.LayerNorm"), hidden));
        }
        return specs;
    }

    /** The pooler, where it is used, and the classifier: each may be missing. */
    private static List<List<ParameterSpec>> head(BertConfig config) {
        List<List<ParameterSpec>> parts = new ArrayList<>();
        if (config.pooling() == Pooling.POOLER || config.pooling() == Pooling.AUTO) {
            parts.add(Parameters.outputLinear(POOLER, config.hiddenSize(), config.hiddenSize(), true));
        }
        parts.add(Parameters.outputLinear(CLASSIFIER, config.labels().size(), config.hiddenSize(), true));
        return parts;
    }
}
