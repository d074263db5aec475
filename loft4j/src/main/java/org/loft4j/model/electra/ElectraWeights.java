package org.loft4j.model.electra;

import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.DenseHead;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Weights;

/** The names and shapes of ELECTRA's parameters. A checkpoint may lack the head, or have the one of pretraining. */
final class ElectraWeights {
    private ElectraWeights() {}

    static BertLayout layout(ElectraConfig config) {
        return new BertLayout("electra", config.encoder(), config.embeddingSize());
    }

    /** The parameters of a checkpoint. A head that it lacks, or that has another number of classes, is made anew. */
    static Weights read(TensorSource source, ElectraConfig config, ModelOptions options) throws CheckpointException {
        return parameters(config).read(layout(config).reader(source), ElectraWeights::isHarmless, options);
    }

    static Parameters parameters(ElectraConfig config) {
        return new Parameters(
                layout(config).parameters(),
                DenseHead.parameters(config.head(), config.encoder().hiddenSize()),
                config.encoder().initializerRange());
    }

    /** Buffers, and the heads of pretraining: of the discriminator, and of the generator. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("discriminator_predictions.")
                || name.startsWith("generator_predictions.")
                || name.startsWith("generator_lm_head.")
                || name.startsWith(DenseHead.CLASSIFIER + ".");
    }
}
