package org.loft4j.nn;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A transformer that turns token ids, or pixels, into logits. Its parameters are frozen until someone asks for their gradients.
 * Several threads may compute at once, in training on the processor each some rows of the batch
 * ({@link org.loft4j.tensor.Lanes}): what a pass needs to remember belongs to the pass.
 */
public interface Model extends AutoCloseable {
    Task task();

    /** Family, sizes, dtype, labels and origin. */
    ModelDescription description();

    /**
     * Whether the model gives a text, or a pair of texts, one number and no class: that of a single output, as Transformers has it
     * where {@code num_labels} is 1.
     */
    default boolean isRegression() {
        return task() == Task.SEQUENCE_CLASSIFICATION && description().labels().size() == 1;
    }

    /**
     * Whether a text, or a pair of texts, may have several labels, or none: each logit tells of one label by itself, through a
     * sigmoid, as Transformers has it where {@code problem_type} is {@code multi_label_classification}.
     */
    default boolean isMultiLabel() {
        return description().multiLabel();
    }

    /** Logits, or sentence embeddings, shaped as {@link Task} says; they belong to the open scope. */
    Tensor logits(ModelInput input);

    /** The last hidden states {@code (batch, seq, hidden)}, after the final norm, of padding anything; they belong to the open scope. */
    Tensor hiddenStates(ModelInput input);

    /** Width of the {@link #hiddenStates}: in some models another than within the blocks. */
    default long stateSize() {
        return description().hiddenSize();
    }

    /** How many numbers a vector of sentence embeddings has. */
    default long vectorSize() {
        return stateSize();
    }

    /**
     * Puts layers behind the pooling of sentence embeddings, where none were; the model closes them.
     *
     * @throws org.loft4j.ShapeException if they read vectors of another size
     */
    default void setVectorLayers(VectorLayers layers) {
        throw new IllegalStateException("a model of task " + task() + " has nothing to put behind its pooling");
    }

    /** Every linear layer by its module path in Hugging Face's layout, in order of use; the head is among them. */
    Map<String, Linear> linears();

    /**
     * The linear layer that yields the logits: the output embedding or the classifier.
     *
     * @throws IllegalStateException for sentence embeddings, which have none
     */
    Linear head();

    /** Whether there is a {@link #head}: not for sentence embeddings. */
    default boolean hasHead() {
        return task() != Task.SENTENCE_EMBEDDING;
    }

    /**
     * Module paths of what a classifier has on top of the pretrained model: the head, and what some families put before it.
     * They are trained in full and saved with an adapter.
     */
    default List<String> headModules() {
        return hasHead() ? List.of(head().path()) : List.of();
    }

    /** The mixtures of experts among its blocks, in their order; {@link MixtureOfExperts#linears} are among {@link #linears}. */
    default List<MixtureOfExperts> mixtures() {
        return List.of();
    }

    /**
     * The linear layers of each numbered layer, both in order of use: those that an input goes through more than once are there as
     * often. Unless a model says otherwise they are those whose paths have the same number. Decoders tell more by their blocks.
     */
    default List<List<Linear>> layers() {
        return Numbered.layers(linears());
    }

    /** What an encoder's layers drop while training; the blocks of other models know it themselves. */
    default EncoderDecoderBlock.Shares dropout() {
        return EncoderDecoderBlock.Shares.of(0);
    }

    /** The parameters by their Hugging Face names. The model owns them. */
    Weights weights();

    /** The images that the model was made for; null for a model of texts. */
    default @Nullable ImageShape imageShape() {
        return null;
    }

    /** The number of states that the model makes of an image of such a shape; 0 if it does not read such. */
    default long imageStates(ImageShape image) {
        return 0;
    }

    /** Draws anew what the checkpoint lacked ({@link Weights#created}), as opening the model with this seed would have drawn it. */
    default void redraw(long seed) {}

    /** Switches dropout on (training) or off (evaluation, the initial state). */
    void setTraining(boolean training);

    /**
     * Keeps of each layer but the last only its input until the backward pass, where it is computed once more: less memory for
     * up to a third more time, and the same gradients. Off in the initial state.
     */
    void setGradientCheckpointing(boolean checkpointing);

    @Override
    void close();
}
