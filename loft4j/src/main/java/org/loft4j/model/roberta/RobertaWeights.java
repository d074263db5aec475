package org.loft4j.model.roberta;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.BertLayout;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;

/** The names and shapes of RoBERTa's parameters. A checkpoint may lack the head, or have the one of pretraining. */
final class RobertaWeights {
    /** The head for tokens, and the module that holds the two layers of the head for texts. */
    static final String CLASSIFIER = "classifier";

    static final String DENSE = "classifier.dense";
    static final String OUTPUT = "classifier.out_proj";

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
                layout(config).parameters(), head(config), config.encoder().initializerRange());
    }

    /** Buffers, the head of pretraining, and a pooler, which no head here reads. */
    private static boolean isHarmless(String name) {
        return name.endsWith(".position_ids")
                || name.startsWith("lm_head.")
                || name.startsWith("roberta.pooler.")
                || name.startsWith(CLASSIFIER + ".");
    }

    private static List<List<ParameterSpec>> head(RobertaConfig config) {
        if (!config.head().classifies()) {
            return List.of();
        }
        long hidden = config.encoder().hiddenSize();
        long labels = config.head().labels().size();
        if (config.head().task() == Task.TOKEN_CLASSIFICATION) {
            return List.of(Parameters.outputLinear(CLASSIFIER, labels, hidden, true));
        }
        return List.of(
                Parameters.outputLinear(DENSE, hidden, hidden, true),
                Parameters.outputLinear(OUTPUT, labels, hidden, true));
    }
}
