package org.loft4j.model.shared;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;

/**
 * What a classifier adds to an encoder; sentence embeddings have the pooling alone.
 *
 * @param task of whole texts, of tokens or of images
 * @param labels names of the classes by index; of sentence embeddings none
 * @param pooling how the sequence becomes one vector; AUTO until the family has settled it, null for tokens and images
 * @param dropout of what the classifier reads, while training
 */
public record HeadConfig(
        Task task, List<String> labels, @Nullable Pooling pooling, double dropout) {
    public HeadConfig {
        Checks.atLeast("number of labels", labels.size(), task == Task.SENTENCE_EMBEDDING ? 0 : 1);
        Checks.fraction("classifier_dropout", dropout);
        labels = List.copyOf(labels);
        if (pooling == Pooling.LAST && task != Task.SENTENCE_EMBEDDING) {
            throw new ConfigException("pooling last is for sentence embeddings, not for " + task.word());
        }
        if (task == Task.SENTENCE_EMBEDDING) {
            pooling = ofEmbeddings(pooling);
        } else if (task != Task.SEQUENCE_CLASSIFICATION) {
            if (pooling != null && pooling != Pooling.AUTO) {
                throw new ConfigException("pooling must be auto for " + task + ", got " + pooling
                        + ": it is for the classification of whole texts");
            }
            pooling = null;
        }
    }

    /**
     * Of the options, and of the file's {@code classifier_pooling} where they leave the pooling open.
     *
     * @param dropout of what the classifier reads
     */
    public static HeadConfig from(JsonObject json, ModelOptions options, double dropout) throws CheckpointException {
        Pooling pooling = options.pooling();
        if (pooling == Pooling.AUTO
                && json.has("classifier_pooling")
                && options.task() == Task.SEQUENCE_CLASSIFICATION) {
            pooling = Pooling.parse("classifier_pooling", json.requireString("classifier_pooling"));
        }
        return new HeadConfig(options.task(), options.labels(), pooling, dropout);
    }

    private static Pooling ofEmbeddings(@Nullable Pooling pooling) {
        if (pooling == Pooling.POOLER) {
            throw new ConfigException(
                    "pooling pooler is not available for sentence embeddings: it is a classifier's; use mean, cls or last");
        }
        return pooling == null || pooling == Pooling.AUTO ? Pooling.MEAN : pooling;
    }

    /** How a decoder makes a vector of a text for its sentence embeddings, by default of the last token's state; null for other tasks. */
    public static @Nullable Pooling ofDecoder(ModelOptions options) {
        if (options.task() != Task.SENTENCE_EMBEDDING) {
            return null;
        }
        return options.pooling() == Pooling.AUTO ? Pooling.LAST : ofEmbeddings(options.pooling());
    }

    /** Whether there is a classifier, and not the vector alone. */
    public boolean classifies() {
        return task != Task.SENTENCE_EMBEDDING;
    }

    public HeadConfig withPooling(Pooling settled) {
        return new HeadConfig(task, labels, settled, dropout);
    }

    /**
     * For a family whose head always has a dense layer over the first token's state: that is the pooler, and the mean of all
     * tokens may stand in for the first.
     *
     * @throws ConfigException for another pooling
     */
    public HeadConfig withDenseHead() {
        if (!classifies()) {
            return this;
        }
        if (pooling == Pooling.CLS) {
            throw new ConfigException(
                    "pooling (classifier_pooling) cls is not available: this family's head has a dense layer over the first"
                            + " token, use pooler (or mean, which puts the mean of all tokens in its place)");
        }
        return pooling == Pooling.AUTO ? withPooling(Pooling.POOLER) : this;
    }
}
