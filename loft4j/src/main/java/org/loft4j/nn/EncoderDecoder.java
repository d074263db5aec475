package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
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
     * Blocks one after the other.
     *
     * @param relative what distances add to the scores in all of them
     * @param norm behind the last
     */
    public record Stack(List<EncoderDecoderBlock> blocks, RelativeBias relative, Norm norm) {
        public Stack {
            blocks = List.copyOf(blocks);
        }
    }

    /**
     * All that a family puts together.
     *
     * @param weights owned by the model
     * @param tokens {@code (vocabulary, hidden)}, of what is read and what is written
     * @param encoder reads
     * @param decoder writes; each of its blocks looks at what was read
     * @param head the output embedding
     * @param logitScale what makes logits of its product
     * @param dropout on the vectors of tokens and behind the last norms, while training
     * @param startId the token that writing begins with
     * @param redraw draws anew what the checkpoint lacked, from a seed
     */
    public record Parts(
            ModelDescription description,
            Weights weights,
            WeightMatrix tokens,
            Stack encoder,
            Stack decoder,
            Linear head,
            LogitScale logitScale,
            double dropout,
            long startId,
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
        return parts.startId();
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
        Padding padding = Padding.of(both.source());
        return decode(both.targetIds(), encode(both.source().inputIds(), padding), padding.keyBias(scores()), null);
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
    }

    /**
     * {@inheritDoc}
     *
     * @param attentionMask null: what is written begins in the same column of each row
     * @param cache into which the texts were {@link #read}
     */
    @Override
    public Tensor nextLogits(Tensor inputIds, @Nullable Tensor attentionMask, KeyValueCache cache) {
        new TokenInput(inputIds, null).check(description().vocabularySize());
        if (attentionMask != null) {
            throw new ShapeException(
                    "what an encoder-decoder writes has no attention_mask: all rows begin in one column");
        }
        KeyValueCache.Source read = cache.source(0);
        if (read == null || read.key().size(0) != inputIds.size(0)) {
            throw new ShapeException("an encoder-decoder goes on with what was written of texts, and the cache holds "
                    + (read == null ? "none" : read.key().size(0)) + " for "
                    + inputIds.size(0) + " rows: read them into it first");
        }
        Tensor hidden = decode(inputIds, null, null, cache);
        return logitScale().logits(head().forward(hidden.select(1, inputIds.size(1) - 1)));
    }

    /** Distances are all that it knows of positions. */
    @Override
    public boolean outlives(long read, long length) {
        return true;
    }

    private Tensor encode(Tensor inputIds, Padding padding) {
        long columns = inputIds.size(1);
        Tensor bias = parts.encoder().relative().forward(columns, columns, scores());
        Tensor hidden = padding.keyBias(scores());
        bias = hidden == null ? bias : bias.add(hidden);
        return through(
                parts.encoder(), inputIds, new EncoderDecoderBlock.Pass(bias, null, null, training, null), false);
    }

    /**
     * @param source states of the texts; null where the cache has what the blocks made of them
     * @param sourceBias hides their padding; null for none
     */
    private Tensor decode(
            Tensor inputIds, @Nullable Tensor source, @Nullable Tensor sourceBias, @Nullable KeyValueCache cache) {
        long columns = inputIds.size(1);
        long past = cache == null ? 0 : cache.length();
        Tensor bias = parts.decoder().relative().forward(columns, past + columns, scores());
        if (columns > 1) {
            Tensor future = Padding.of(inputIds, null, past + columns).causalBias(columns, 0, true, false, scores());
            bias = future == null ? bias : bias.add(future);
        }
        return through(
                parts.decoder(),
                inputIds,
                new EncoderDecoderBlock.Pass(bias, source, sourceBias, training, cache),
                true);
    }

    /** @param goesBackFirst whether the last block is the first of the backward pass, which has what it made still */
    private Tensor through(Stack stack, Tensor inputIds, EncoderDecoderBlock.Pass pass, boolean goesBackFirst) {
        Tensor hidden = dropped(parts.tokens().lookup(inputIds, -1));
        int last = stack.blocks().size() - 1;
        for (int i = 0; i <= last; i++) {
            EncoderDecoderBlock block = stack.blocks().get(i);
            hidden = checkpointing && !(goesBackFirst && i == last)
                    ? checkpointed(block, hidden, pass)
                    : block.forward(hidden, pass);
        }
        return dropped(stack.norm().forward(hidden));
    }

    /** Biases and the states of a text are made once for all blocks, and get a gradient from each. */
    private static Tensor checkpointed(EncoderDecoderBlock block, Tensor hidden, EncoderDecoderBlock.Pass pass) {
        List<Tensor> inputs = new ArrayList<>(List.of(hidden));
        inputs.addAll(pass.inputs());
        return ActivationCheckpoint.apply(
                own -> block.forward(own.get(0), pass.over(own.subList(1, own.size()))), inputs);
    }

    private Tensor dropped(Tensor x) {
        return Dropout.apply(x, parts.dropout(), training);
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
        parts.weights().close();
    }
}
