package org.loft4j.model.roberta;

import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.DenseHead;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Weights;

/** The names and shapes of RoBERTa's parameters. A checkpoint may lack the head, or have the one of pretraining. */
final class RobertaWeights {
    private RobertaWeights() {}

    static BertLayout layout(RobertaConfig config) {
        return new BertLayout("roberta", config.encoder());
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, RobertaConfig config, ModelOptions options) throws CheckpointException {
        return parameters(config).read(layout(config).reader(source), RobertaWeights::isHarmless, options);
    }

    static Parameters parameters(RobertaConfig config) {
        return new Parameters(
                layout(config).parameters(),
                DenseHead.parameters(config.head(), config.encoder().hiddenSize()),
                config.encoder().initializerRange());
    }

    /** Buffers, the head of pretraining, and a pooler, which no head here reads. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("lm_head.")
                || name.startsWith("roberta.pooler.")
                || name.startsWith(DenseHead.CLASSIFIER + ".");
    }
}
