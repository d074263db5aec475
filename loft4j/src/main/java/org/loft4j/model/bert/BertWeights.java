package org.loft4j.model.bert;

import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.Parameters;
import org.loft4j.model.shared.PoolerHead;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Weights;

/** The names and shapes of BERT's parameters. A checkpoint may lack the pooler and the classifier. */
final class BertWeights {
    static final PoolerHead HEAD = new PoolerHead("bert.pooler.dense");

    private BertWeights() {}

    static BertLayout layout(BertConfig config) {
        return new BertLayout("bert", config.encoder());
    }

    /** @param source of the weights */
    static BertConfig settlePooling(BertConfig config, TensorSource source) {
        return config.withHead(HEAD.settled(config.head(), layout(config).reader(source)));
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, BertConfig config, ModelOptions options) throws CheckpointException {
        return parameters(config).read(layout(config).reader(source), BertWeights::isHarmless, options);
    }

    /** @param config with its pooling settled */
    static Parameters parameters(BertConfig config) {
        return new Parameters(
                layout(config).parameters(),
                HEAD.parameters(config.head(), config.encoder().hiddenSize()),
                config.encoder().initializerRange());
    }

    /** Buffers, the heads of pretraining, and what this task leaves out. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids") || name.startsWith("cls.") || HEAD.isHarmless(name);
    }
}
