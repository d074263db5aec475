package org.loft4j.model.shared;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ClassifierHead;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;

/**
 * The classifier that RoBERTa has, and others after it: of texts a dense layer and an output in one module, with dropout before
 * each; of tokens one layer in the module's place.
 */
public final class DenseHead {
    /** The head for tokens, and the module that holds the two layers of the head for texts. */
    public static final String CLASSIFIER = "classifier";

    private static final String DENSE = "classifier.dense";
    private static final String OUTPUT = "classifier.out_proj";

    private DenseHead() {}

    /** The parts that a checkpoint may lack. */
    public static List<List<ParameterSpec>> parameters(HeadConfig head, long hidden) {
        if (!head.classifies()) {
            return List.of();
        }
        long labels = head.labels().size();
        if (head.task() == Task.TOKEN_CLASSIFICATION) {
            return List.of(Parameters.outputLinear(CLASSIFIER, labels, hidden, true));
        }
        return List.of(
                Parameters.outputLinear(DENSE, hidden, hidden, true),
                Parameters.outputLinear(OUTPUT, labels, hidden, true));
    }

    /** The module that holds it; none of sentence embeddings. */
    public static List<String> modules(HeadConfig head) {
        return head.classifies() ? List.of(CLASSIFIER) : List.of();
    }

    /**
     * Null for sentence embeddings.
     *
     * @param activation behind the dense layer
     */
    public static @Nullable ClassifierHead of(HeadConfig head, Weights weights, Activation activation) {
        if (!head.classifies()) {
            return null;
        }
        if (head.task() == Task.TOKEN_CLASSIFICATION) {
            return new ClassifierHead(null, weights.linear(CLASSIFIER), head.dropout());
        }
        return new ClassifierHead(
                new ClassifierHead.Dense(weights.linear(DENSE), activation, head.dropout()),
                weights.linear(OUTPUT),
                head.dropout());
    }
}
