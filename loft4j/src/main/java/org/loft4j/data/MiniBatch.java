package org.loft4j.data;

/** Examples that go through a model at once. */
public sealed interface MiniBatch permits Batch, ImageBatch, PromptBatch, SourceTargetBatch {
    /** The number of examples. */
    int rows();

    /** Row by row: the class of each example, or the label of each token; none of a regression and of several labels a text or an image ({@link Batch#scores}). */
    long[] labels();

    /** How many tokens there are without padding; of images how many images. */
    long tokens();

    /** How many predictions the mean loss is taken over. */
    long targets();
}
