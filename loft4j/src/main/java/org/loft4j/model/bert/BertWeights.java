package org.loft4j.model.bert;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Weights;

/** The names and shapes of BERT's parameters. A checkpoint may lack the pooler and the classifier. */
final class BertWeights {
    static final String POOLER = "bert.pooler.dense";
    static final String CLASSIFIER = "classifier";

    private BertWeights() {}

    static BertLayout layout(BertConfig config) {
        return new BertLayout("bert", config.encoder());
    }

    /**
     * What {@link Pooling#AUTO} means for a checkpoint: the pooler if it has one, else the mean.
     *
     * @param source of the weights
     */
    static BertConfig settlePooling(BertConfig config, TensorSource source) {
        if (config.head().pooling() != Pooling.AUTO) {
            return config;
        }
        boolean pooler = layout(config).reader(source).has(POOLER + ".weight");
        return config.withPooling(pooler ? Pooling.POOLER : Pooling.MEAN);
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, BertConfig config, ModelOptions options) throws CheckpointException {
        return parameters(config).read(layout(config).reader(source), BertWeights::isHarmless, options);
    }

    /** @param config with its pooling settled */
    static Parameters parameters(BertConfig config) {
        return new Parameters(
                layout(config).parameters(), head(config), config.encoder().initializerRange());
    }

    /** Buffers, the heads of pretraining, and a pooler that this pooling leaves out. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("cls.")
                || name.startsWith(POOLER)
                || name.startsWith(CLASSIFIER + ".");
    }

    /** The pooler, where it is used, and the classifier: each may be missing. */
    private static List<List<ParameterSpec>> head(BertConfig config) {
        if (!config.head().classifies()) {
            return List.of();
        }
        long hidden = config.encoder().hiddenSize();
        List<List<ParameterSpec>> parts = new ArrayList<>();
        if (config.head().pooling() == Pooling.POOLER) {
            parts.add(Parameters.outputLinear(POOLER, hidden, hidden, true));
        }
        parts.add(Parameters.outputLinear(CLASSIFIER, config.head().labels().size(), hidden, true));
        return parts;
    }
}
