package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.ParameterReader;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ClassifierHead;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Weights;

/**
 * The classifier that BERT has, one layer with dropout before it: of texts behind the pooler of the pretrained model, which a checkpoint
 * may lack.
 *
 * @param pooler the path of its linear layer
 */
public record PoolerHead(String pooler) {
    private static final String CLASSIFIER = "classifier";

    /**
     * What {@link Pooling#AUTO} means for a checkpoint: the pooler if it has one, else the mean.
     *
     * @param reader of the weights
     */
    public HeadConfig settled(HeadConfig head, ParameterReader reader) {
        if (head.pooling() != Pooling.AUTO) {
            return head;
        }
        return head.withPooling(reader.has(pooler + ".weight") ? Pooling.POOLER : Pooling.MEAN);
    }

    /** What it means for new weights: a pooler. */
    public static HeadConfig settled(HeadConfig head) {
        return head.pooling() == Pooling.AUTO ? head.withPooling(Pooling.POOLER) : head;
    }

    /** The pooler, where it is used, and the classifier: each may be missing. */
    public List<List<ParameterSpec>> parameters(HeadConfig head, long hidden) {
        if (!head.classifies()) {
            return List.of();
        }
        List<List<ParameterSpec>> parts = new ArrayList<>();
        if (head.pooling() == Pooling.POOLER) {
            parts.add(Parameters.outputLinear(pooler, hidden, hidden, true));
        }
        parts.add(Parameters.outputLinear(CLASSIFIER, head.labels().size(), hidden, true));
        return parts;
    }

    /** Whether a file may hold a parameter that is not read: of a pooler that this pooling leaves out, or of another head. */
    public boolean isHarmless(String name) {
        return name.startsWith(pooler + ".") || name.startsWith(CLASSIFIER + ".");
    }

    /** Null for sentence embeddings. */
    public @Nullable ClassifierHead of(HeadConfig head, Weights weights) {
        if (!head.classifies()) {
            return null;
        }
        ClassifierHead.Dense dense = head.pooling() != Pooling.POOLER
                ? null
                : new ClassifierHead.Dense(weights.linear(pooler), Activation.TANH, 0);
        return new ClassifierHead(dense, weights.linear(CLASSIFIER), head.dropout());
    }

    /** The classifier's module; none of sentence embeddings. */
    public List<String> modules(HeadConfig head) {
        return head.classifies() ? List.of(CLASSIFIER) : List.of();
    }
}
