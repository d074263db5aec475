package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Dtype;

/**
 * A model that reads a text with one stack of blocks and writes another with a second one, which looks at the first; Vaswani et al.
 * 2017 (arXiv:1706.03762), with the distances of Raffel et al. 2019 (arXiv:1910.10683). Its input is a {@link SourceTargetInput}. To
 * write token by token, {@link #read} a text into a cache, and {@link #nextLogits} from {@link #startId} on.
 */
public final class EncoderDecoder implements Decoder {
    private final Parts parts;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private boolean training;
    private boolean checkpointing;

    /**
     * Blocks one after the other, with one of the two ways to tell where a token stands.
     *
     * @param relative what distances add to the scores in all of them; null for nothing
     * @param places what positions add to the vectors of tokens; null for nothing
     * @param placesNorm of that sum; null for none
     * @param norm behind the last; null for none
     * @param dropout behind that norm, while training
     * @param skipped share of the steps at which a block is passed over, while training
     */
    public record Stack(
            List<EncoderDecoderBlock> blocks,
            @Nullable RelativeBias relative,
            @Nullable PositionVectors places,
            @Nullable Norm placesNorm,
            @Nullable Norm norm,
            double dropout,
            double skipped) {
        public Stack {
            blocks = List.copyOf(blocks);
        }

        /** The last hidden states of those of the last block. */
        private Tensor ended(Tensor hidden, boolean training) {
            return Dropout.apply(norm == null ? hidden : norm.forward(hidden), dropout, training);
        }
    }

    /**
     * The token that writing begins with.
     *
     * @param startId where nothing is written yet
     * @param learntLast whether in training the last token of what is written takes its place: the code of a language, say
     */
    public record Beginning(long startId, boolean learntLast) {}

    /**
     * The vectors of tokens.
     *
     * @param table {@code (vocabulary, hidden)}, of what is read and what is written
     * @param scale what they are multiplied by
     * @param padId the one that gets no gradient where it is looked up; −1 for none
     * @param dropout on them, with what positions add, while training
     */
    public record Tokens(WeightMatrix table, double scale, long padId, double dropout) {
        private Tensor lookup(Tensor inputIds) {
            Tensor vectors = table.lookup(inputIds, padId);
            return scale == 1 ? vectors : vectors.mul(new Scalar(scale));
        }
    }

    /**
     * All that a family puts together.
     *
     * @param weights owned by the model
     * @param encoder reads
     * @param decoder writes; each of its blocks looks at what was read
     * @param head the output embedding; its bias, if it has one, is the model's
     * @param logitScale what makes logits of its product
     * @param rules of the tokens that it writes
     * @param redraw draws anew what the checkpoint lacked, from a seed
     */
    public record Parts(
            ModelDescription description,
            Weights weights,
            Tokens tokens,
            Stack encoder,
            Stack decoder,
            Linear head,
            LogitScale logitScale,
            Beginning beginning,
            WritingRules rules,
            LongConsumer redraw) {}

    public EncoderDecoder(Parts parts) {
        this.parts = parts;
        for (Stack stack : List.of(parts.encoder(), parts.decoder())) {
            stack.blocks().forEach(block -> block.linears().forEach(linear -> linears.put(linear.path(), linear)));
        }
        linears.put(parts.head().path(), parts.head());
    }

    @Override
    public Task task() {
        return Task.SEQ2SEQ_LM;
    }

    @Override
    public ModelDescription description() {
        return parts.description();
    }

    /** The token that writing begins with. */
    public long startId() {
        return parts.beginning().startId();
    }

    /** What its files say of the tokens that it writes. */
    public WritingRules rules() {
        return parts.rules();
    }

    /** Whether in training the last token of what is written takes the place of {@link #startId}. */
    public boolean beginsWithLast() {
        return parts.beginning().learntLast();
    }

    /** The blocks that read. */
    public List<EncoderDecoderBlock> encoder() {
        return parts.encoder().blocks();
    }

    /** The blocks that write. */
    public List<EncoderDecoderBlock> decoder() {
        return parts.decoder().blocks();
    }

    @Override
    public Tensor logits(ModelInput input) {
        return logitScale().logits(head().forward(hiddenStates(input)));
    }

    /** The last hidden states of what is written, {@code (batch, written, hidden)}, after the final norm. */
    @Override
    public Tensor hiddenStates(ModelInput input) {
        SourceTargetInput both = SourceTargetInput.of(input);
        both.check(description().vocabularySize());
        // of the last token nothing is told
        requireRoom("input_ids", both.source().inputIds().size(1), 0);
        requireRoom("decoder_input_ids", both.targetIds().size(1), 1);
        TokenInput source = both.source().filledFor(description());
        Padding padding = Padding.of(source);
        TokenInput target = new TokenInput(both.targetIds(), null).filledFor(description());
        return HalfRows.first(
                both.targetIds().size(1),
                decode(target.inputIds(), encode(source.inputIds(), padding), padding.keyBias(scores()), null));
    }

    /** The last hidden states of texts, {@code (batch, read, hidden)}, after the encoder's final norm. */
    public Tensor encode(TokenInput source) {
        check(source);
        return encode(source.inputIds(), Padding.of(source));
    }

    /**
     * Reads texts, of which {@link #nextLogits} then writes.
     *
     * @param cache empty; holds what each block looks at of the texts, row by row
     */
    public void read(TokenInput source, KeyValueCache cache) {
        check(source);
        Padding padding = Padding.of(source);
        Tensor states = encode(source.inputIds(), padding);
        Tensor bias = padding.keyBias(scores());
        decoder().forEach(block -> block.remember(states, bias, cache));
    }

    private void check(TokenInput source) {
        new SourceTargetInput(source, source.inputIds()).check(description().vocabularySize());
        requireRoom("input_ids", source.inputIds().size(1), 0);
    }

    private void requireRoom(String name, long columns, long beyond) {
        long most = description().maxPositions();
        if (columns > most + beyond) {
            throw new ShapeException(name + " must have at most " + most + " columns, the positions that the model has"
                    + (beyond == 0 ? "" : ", and one behind them, of which nothing is told") + ", got " + columns);
        }
    }

    /**
     * {@inheritDoc}
     *
     * @param inputIds of each text as many rows, one behind the other: one, or several beams
     * @param attentionMask null: what is written begins in the same column of each row
     * @param cache into which the texts were {@link #read}, once each
     */
    @Override
    public Tensor nextLogits(Tensor inputIds, @Nullable Tensor attentionMask, KeyValueCache cache) {
        new TokenInput(inputIds, null).check(description().vocabularySize());
        if (attentionMask != null) {
            throw new ShapeException(
                    "what an encoder-decoder writes has no attention_mask: all rows begin in one column");
        }
        KeyValueCache.Source read = cache.source(0);
        if (read == null || inputIds.size(0) % read.key().size(0) != 0) {
            throw new ShapeException("an encoder-decoder goes on with what was written of texts, and the cache holds "
                    + (read == null ? "none" : read.key().size(0)) + " for "
                    + inputIds.size(0) + " rows: read them into it first");
        }
        requireRoom("what is written", cache.length() + inputIds.size(1), 0);
        Tensor hidden = decode(inputIds, null, null, cache);
        return logitScale().logits(head().forward(hidden.select(1, inputIds.size(1) - 1)));
    }

    /** What it knows of positions does not depend on how many there are. */
    @Override
    public boolean outlives(long read, long length) {
        return true;
    }

    private Tensor encode(Tensor inputIds, Padding padding) {
        Stack stack = parts.encoder();
        Tensor hidden = padding.keyBias(scores());
        Tensor bias = withDistances(stack, inputIds.size(1), 0, hidden);
        return through(
                stack,
                vectors(stack, inputIds, padding, 0),
                new EncoderDecoderBlock.Pass(bias, false, null, null, training, null),
                false);
    }

    /**
     * @param source states of the texts; null where the cache has what the blocks made of them
     * @param sourceBias hides their padding; null for none
     */
    private Tensor decode(
            Tensor inputIds, @Nullable Tensor source, @Nullable Tensor sourceBias, @Nullable KeyValueCache cache) {
        Stack stack = parts.decoder();
        long columns = inputIds.size(1);
        long past = cache == null ? 0 : cache.length();
        Padding padding = Padding.of(inputIds, null, past + columns);
        // distances are a bias already, beside which no kernel has its own mask
        Tensor future = columns == 1 ? null : padding.causalBias(columns, 0, stack.relative() != null, false, scores());
        Tensor bias = withDistances(stack, columns, past, future);
        return through(
                stack,
                vectors(stack, inputIds, padding, past),
                new EncoderDecoderBlock.Pass(bias, columns > 1 && bias == null, source, sourceBias, training, cache),
                true);
    }

    private @Nullable Tensor withDistances(Stack stack, long columns, long past, @Nullable Tensor hidden) {
        if (stack.relative() == null) {
            return hidden;
        }
        Tensor bias = stack.relative().forward(columns, past + columns, scores());
        return hidden == null ? bias : bias.add(hidden);
    }

    private Tensor vectors(Stack stack, Tensor inputIds, Padding padding, long past) {
        Tensor vectors = parts.tokens().lookup(inputIds);
        if (stack.places() != null) {
            Tensor placed = vectors.add(stack.places().of(vectors, padding.positions(), past));
            vectors = stack.placesNorm() == null ? placed : stack.placesNorm().forward(placed);
        }
        return Dropout.apply(vectors, parts.tokens().dropout(), training);
    }

    /** @param goesBackFirst whether the last block is the first of the backward pass, which has what it made still */
    private Tensor through(Stack stack, Tensor vectors, EncoderDecoderBlock.Pass pass, boolean goesBackFirst) {
        Tensor hidden = vectors;
        int last = stack.blocks().size() - 1;
        for (int i = 0; i <= last; i++) {
            EncoderDecoderBlock block = stack.blocks().get(i);
            boolean skipped = training && stack.skipped() > 0 && Dropout.happens(stack.skipped());
            Tensor made = checkpointing && !(goesBackFirst && i == last)
                    ? checkpointed(block, hidden, pass)
                    : block.forward(hidden, pass);
            // with gradients of zero, as an optimizer asks for each
            hidden = skipped ? hidden.lerp(made, new Scalar(0.0)) : made;
        }
        return stack.ended(hidden, training);
    }

    /** Biases and the states of a text are made once for all blocks, and get a gradient from each. */
    private static Tensor checkpointed(EncoderDecoderBlock block, Tensor hidden, EncoderDecoderBlock.Pass pass) {
        List<Tensor> inputs = new ArrayList<>(List.of(hidden));
        inputs.addAll(pass.inputs());
        return ActivationCheckpoint.apply(
                own -> block.forward(own.get(0), pass.over(own.subList(1, own.size()))), inputs);
    }

    private Dtype scores() {
        return Attention.biasDtype(description().dtype(), description().device(), false);
    }

    @Override
    public LogitScale logitScale() {
        return parts.logitScale();
    }

    @Override
    public Map<String, Linear> linears() {
        return Collections.unmodifiableMap(linears);
    }

    @Override
    public Linear head() {
        return parts.head();
    }

    @Override
    public Weights weights() {
        return parts.weights();
    }

    @Override
    public void redraw(long seed) {
        parts.redraw().accept(seed);
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
        Tensor bias = parts.head().bias();
        if (bias != null) {
            bias.close();
        }
        parts.weights().close();
    }
}
