package org.loft4j.model.shared;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.nn.ClassifierHead;
import org.loft4j.nn.EncoderDecoderBlock;
import org.loft4j.nn.HalfRows;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.Padding;
import org.loft4j.nn.SequenceVector;
import org.loft4j.nn.Task;
import org.loft4j.nn.TextEncoder;
import org.loft4j.nn.TokenInput;
import org.loft4j.nn.VectorLayers;
import org.loft4j.nn.Weights;

/** An encoder of texts with a head that classifies each text, or each token, or without one, for sentence embeddings. One thread uses it at a time. */
public final class EncoderModel implements Model {
    private final ModelDescription description;
    private final Parts parts;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private VectorLayers vectorLayers = VectorLayers.NONE;
    private boolean training;
    private boolean checkpointing;

    /**
     * What a family puts together.
     *
     * @param parameters from which a head can be drawn anew
     * @param weights owned by the model
     * @param head null for sentence embeddings
     * @param headModules see {@link Model#headModules}
     */
    public record Parts(
            Task task,
            Parameters parameters,
            Weights weights,
            TextEncoder encoder,
            @Nullable ClassifierHead head,
            List<String> headModules) {
        public Parts {
            headModules = List.copyOf(headModules);
        }
    }

    public EncoderModel(ModelDescription description, Parts parts) {
        this.description = description;
        this.parts = parts;
        parts.encoder().forEachLinear(linear -> linears.put(linear.path(), linear));
        if (parts.head() != null) {
            parts.head().forEachLinear(linear -> linears.put(linear.path(), linear));
        }
    }

    @Override
    public Task task() {
        return parts.task();
    }

    @Override
    public ModelDescription description() {
        return description;
    }

    @Override
    public Tensor logits(ModelInput batch) {
        TokenInput input = checked(batch);
        TokenInput filled = input.filledFor(description);
        Padding padding = Padding.of(filled);
        Tensor vectors = read(states(filled, padding), padding);
        ClassifierHead head = parts.head();
        Tensor logits = head == null ? vectorLayers.apply(vectors) : head.forward(vectors, training);
        return parts.task() == Task.TOKEN_CLASSIFICATION
                ? HalfRows.first(input.inputIds().size(1), logits)
                : logits;
    }

    @Override
    public Tensor hiddenStates(ModelInput batch) {
        TokenInput input = checked(batch);
        TokenInput filled = input.filledFor(description);
        return HalfRows.first(input.inputIds().size(1), states(filled, Padding.of(filled)));
    }

    private Tensor states(TokenInput input, Padding padding) {
        return parts.encoder().encode(input, padding, training, checkpointing);
    }

    private TokenInput checked(ModelInput batch) {
        TokenInput input = TokenInput.of(batch);
        if (input.segments() != null) {
            throw new ShapeException("an encoder reads one sequence a row, but was given packed ones");
        }
        parts.encoder().check(input);
        return input;
    }

    /** What the head reads: every state, or one vector for each row. */
    private Tensor read(Tensor hidden, Padding padding) {
        if (parts.task() == Task.TOKEN_CLASSIFICATION) {
            return hidden;
        }
        return SequenceVector.of(Objects.requireNonNull(description.pooling()), hidden, padding);
    }

    @Override
    public Map<String, Linear> linears() {
        return Collections.unmodifiableMap(linears);
    }

    @Override
    public Linear head() {
        ClassifierHead head = parts.head();
        if (head == null) {
            throw new IllegalStateException("sentence embeddings have no head");
        }
        return head.classifier();
    }

    @Override
    public long vectorSize() {
        return vectorLayers.size(description.hiddenSize());
    }

    @Override
    public void setVectorLayers(VectorLayers layers) {
        layers.size(description.hiddenSize());
        vectorLayers = layers;
    }

    @Override
    public List<String> headModules() {
        return parts.headModules();
    }

    @Override
    public EncoderDecoderBlock.Shares dropout() {
        return parts.encoder().dropout();
    }

    @Override
    public List<List<Linear>> layers() {
        return parts.encoder().layers();
    }

    @Override
    public Weights weights() {
        return parts.weights();
    }

    @Override
    public void redraw(long seed) {
        parts.parameters().redraw(parts.weights(), seed);
    }

    @Override
    public void setTraining(boolean training) {
        this.training = training;
    }

    @Override
    public void setGradientCheckpointing(boolean checkpointing) {
        this.checkpointing = checkpointing;
    }

    @Override
    public void close() {
        parts.encoder().close();
        vectorLayers.close();
        parts.weights().close();
    }
}
