package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * A stack of {@link DecoderBlock}s with an embedding under it and a head on it: the model of every family in which a token
 * sees those before it. One thread uses it at a time.
 */
public final class CausalDecoder implements Decoder {
    private final Parts parts;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private final Set<Integer> lenders = new HashSet<>();
    private final boolean bounded;
    private final boolean sinks;
    private final boolean readsPadding;
    private VectorLayers vectorLayers = VectorLayers.NONE;
    private boolean training;
    private boolean checkpointing;

    /**
     * How the blocks of a kind place their tokens.
     *
     * @param rotary of queries and keys; null for none; freed with the model
     * @param window how many tokens each may see, itself the last of them; 0 for all before it
     * @param futureBelowPadding what a query in the padding sees; it matters for the prediction of a row's first token alone
     * @param bothSides whether each sees what is behind it too: all of it, or as much of the window as it sees before it
     * @param inChunks whether the window does not go along with the tokens: each sees those before it in its own chunk of so many
     */
    public record LayerKind(
            @Nullable RotaryEmbedding rotary,
            long window,
            boolean futureBelowPadding,
            boolean bothSides,
            boolean inChunks) {
        /** Of tokens that see those before them alone. */
        public LayerKind(@Nullable RotaryEmbedding rotary, long window, boolean futureBelowPadding) {
            this(rotary, window, futureBelowPadding, false, false);
        }
    }

    /**
     * What the model's last layer is.
     *
     * @param task what the logits mean
     * @param linear the output embedding or the classifier; null for sentence embeddings
     * @param scale what makes logits of its product
     * @param dropout before it, while training
     * @param padTokenId a classifier of texts reads the last token that is not this one; negative for none
     */
    public record Head(Task task, @Nullable Linear linear, LogitScale scale, double dropout, long padTokenId) {}

    /**
     * All that a family puts together.
     *
     * @param weights owned by the model
     * @param kinds one for each block
     * @param norm behind the last block; null for none
     * @param projection behind that, back to the width of the vectors of tokens; null where the states are as wide
     * @param redraw draws anew what the checkpoint lacked, from a seed
     */
    public record Parts(
            ModelDescription description,
            Weights weights,
            DecoderEmbedding embedding,
            List<DecoderBlock> blocks,
            List<LayerKind> kinds,
            @Nullable Norm norm,
            @Nullable Linear projection,
            Head head,
            LongConsumer redraw) {
        public Parts {
            blocks = List.copyOf(blocks);
            kinds = List.copyOf(kinds);
            if (blocks.size() != kinds.size()) {
                throw new IllegalArgumentException(blocks.size() + " blocks, but " + kinds.size() + " kinds");
            }
        }
    }

    public CausalDecoder(Parts parts) {
        this.parts = parts;
        LayerInputs layerInputs = parts.embedding().layerInputs();
        put(layerInputs == null ? null : layerInputs.projection());
        put(parts.embedding().projection());
        for (DecoderBlock block : parts.blocks()) {
            lenders.add(block.attention().lender());
            block.linears().forEach(this::put);
        }
        put(parts.projection());
        put(parts.head().linear());
        this.bounded =
                parts.blocks().stream().anyMatch(block -> block.attention().isBounded());
        this.sinks = parts.blocks().stream().anyMatch(block -> block.attention().hasSinks());
        this.readsPadding = parts.blocks().stream().anyMatch(block -> block.attention() instanceof RecurrentMixer);
    }

    private void put(@Nullable Linear linear) {
        if (linear != null) {
            linears.put(linear.path(), linear);
        }
    }

    @Override
    public Task task() {
        return parts.head().task();
    }

    @Override
    public ModelDescription description() {
        return parts.description();
    }

    @Override
    public Tensor logits(ModelInput input) {
        TokenInput tokens = TokenInput.of(input);
        tokens.check(description().vocabularySize());
        Padding padding = Padding.of(tokens);
        Tensor hidden = states(tokens, padding);
        return switch (task()) {
            case CAUSAL_LM -> logitScale().logits(head().forward(hidden));
            case SEQUENCE_CLASSIFICATION ->
                head().forward(dropped(
                        last(hidden, tokens, padding), parts.head().dropout()));
            case SENTENCE_EMBEDDING ->
                vectorLayers.apply(
                        SequenceVector.of(Objects.requireNonNull(description().pooling()), hidden, padding));
            default -> head().forward(dropped(hidden, parts.head().dropout()));
        };
    }

    @Override
    public Tensor hiddenStates(ModelInput input) {
        TokenInput tokens = TokenInput.of(input);
        tokens.check(description().vocabularySize());
        return states(tokens, Padding.of(tokens));
    }

    @Override
    public Tensor nextLogits(Tensor inputIds, @Nullable Tensor attentionMask, KeyValueCache cache) {
        if (task() != Task.CAUSAL_LM) {
            throw new ConfigException("a model with task " + task() + " cannot go on with a text");
        }
        new TokenInput(inputIds, null).check(description().vocabularySize());
        long all = cache.length() + inputIds.size(1);
        if (attentionMask != null) {
            Shapes.require("attention_mask", attentionMask, inputIds.size(0), all);
        }
        Padding padding = Padding.of(inputIds, attentionMask, all);
        if (padding.endsWithPadding()) {
            throw new ShapeException("a batch that is continued must be padded on the left");
        }
        Tensor hidden = decode(inputIds, padding, cache);
        return logitScale().logits(head().forward(hidden.select(1, inputIds.size(1) - 1)));
    }

    @Override
    public long stateSize() {
        Linear exit = parts.projection();
        return exit == null ? description().hiddenSize() : exit.outFeatures();
    }

    @Override
    public long vectorSize() {
        return vectorLayers.size(stateSize());
    }

    @Override
    public void setVectorLayers(VectorLayers layers) {
        layers.size(stateSize());
        vectorLayers = layers;
    }

    @Override
    public LogitScale logitScale() {
        return parts.head().scale();
    }

    @Override
    public boolean outlives(long read, long length) {
        return parts.kinds().stream()
                .map(LayerKind::rotary)
                .allMatch(rotary -> rotary == null || rotary.isSame(read, length));
    }

    @Override
    public Map<String, Linear> linears() {
        return Collections.unmodifiableMap(linears);
    }

    @Override
    public Linear head() {
        Linear linear = parts.head().linear();
        if (linear == null) {
            throw new IllegalStateException("sentence embeddings have no head");
        }
        return linear;
    }

    /** How its blocks place their tokens, in their order. */
    public List<LayerKind> kinds() {
        return parts.kinds();
    }

    /** Its blocks in their order. */
    public List<DecoderBlock> blocks() {
        return parts.blocks();
    }

    @Override
    public List<MixtureOfExperts> mixtures() {
        return parts.blocks().stream()
                .map(DecoderBlock::feedForward)
                .filter(MixtureOfExperts.class::isInstance)
                .map(MixtureOfExperts.class::cast)
                .toList();
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
        for (LayerKind kind : Set.copyOf(parts.kinds())) {
            if (kind.rotary() != null) {
                kind.rotary().close();
            }
        }
        vectorLayers.close();
        parts.weights().close();
    }

    /** Zeros or anything where there is padding. */
    private Tensor states(TokenInput tokens, Padding padding) {
        EndToEnd all = EndToEnd.of(tokens, padding, description());
        if (all == null) {
            return filled(tokens, padding);
        }
        Padding none = Padding.of(all.input());
        return outlives(none.length(), padding.length())
                ? all.apart(filled(all.input(), none))
                : filled(tokens, padding);
    }

    /** The states of a batch that may have more columns on its way. */
    private Tensor filled(TokenInput tokens, Padding padding) {
        TokenInput filled = padding.hidesBefore() ? tokens : tokens.filledFor(description());
        Padding all = filled == tokens ? padding : Padding.of(filled);
        return outlives(padding.length(), all.length())
                ? HalfRows.first(padding.columns(), decode(filled.inputIds(), all, null))
                : decode(tokens.inputIds(), padding, null);
    }

    private Tensor decode(Tensor inputIds, Padding padding, @Nullable KeyValueCache cache) {
        long columns = inputIds.size(1);
        long past = cache == null ? 0 : cache.length();
        Tensor positions = padding.positions();
        Tensor own = positions == null ? null : positions.narrow(1, past, columns);
        List<LayerKind> kinds = parts.kinds().stream().distinct().toList();
        List<LayerPass> passes = new ArrayList<>();
        kinds.forEach(kind -> passes.add(pass(kind, padding, past, columns, own, cache)));
        Tensor hidden = dropped(
                parts.embedding().of(inputIds, padding, past), parts.embedding().dropout());
        LayerInputs layerInputs = parts.embedding().layerInputs();
        List<Tensor> inputs = layerInputs == null ? List.of() : layerInputs.of(inputIds, hidden);
        List<DecoderBlock> blocks = parts.blocks();
        int group = ActivationCheckpoint.group(blocks.size());
        Map<Integer, KeyValueCache.Entry> lent = new HashMap<>();
        List<BlockRun.Layer> run = new ArrayList<>();
        for (int i = 0; i < blocks.size(); i++) {
            DecoderBlock block = blocks.get(i);
            LayerPass pass = passes.get(kinds.indexOf(parts.kinds().get(i)))
                    .with(
                            inputs.isEmpty() ? null : inputs.get(i),
                            lent.get(block.attention().lender()));
            boolean lends = lenders.contains(i);
            boolean last = i == blocks.size() - 1;
            if (!lends) {
                run.add(new BlockRun.Layer(block, pass));
            }
            if (!run.isEmpty() && (lends || last || run.size() == group)) {
                hidden = through(new BlockRun(run), hidden, last);
                run.clear();
            }
            if (lends) {
                // never computed again: its keys and values are kept for those that take them
                DecoderBlock.Lent made = block.lending(hidden, pass);
                hidden = made.hidden();
                lent.put(i, made.seen());
            }
        }
        Tensor normed = parts.norm() == null ? hidden : parts.norm().forward(hidden);
        return parts.projection() == null ? normed : parts.projection().forward(normed);
    }

    private Tensor through(BlockRun run, Tensor hidden, boolean last) {
        List<Tensor> inputs = run.inputs(hidden);
        return checkpointing && !last
                ? ActivationCheckpoint.apply(run::forward, run::forGradient, inputs)
                : run.forward(inputs);
    }

    private LayerPass pass(
            LayerKind kind,
            Padding padding,
            long past,
            long columns,
            @Nullable Tensor positions,
            @Nullable KeyValueCache cache) {
        RotaryEmbedding rotary = kind.rotary();
        RotaryEmbedding.Rotation rotation = rotary == null
                ? null
                : positions == null ? rotary.range(past, columns) : rotary.at(positions, padding.length());
        boolean blind = padding.startsWithPadding() && GradMode.is_enabled() && !sinks && !kind.bothSides();
        Dtype scores = Attention.biasDtype(description().dtype(), description().device(), bounded || blind);
        Tensor tokens = readsPadding ? padding.tokens(columns, description().dtype()) : null;
        KeyValueCache own = kind.bothSides() ? null : cache;
        Sight sight = Sight.of(kind, padding, columns, new Sight.Biases(scores, bounded, sinks), own != null);
        return new LayerPass(rotation, sight, blind, training, own, tokens, padding.segments(), null, null);
    }

    /**
     * The state of each row's last token, {@code (batch, hidden)}. As in Transformers, a padding token at the end of a text is
     * passed over, even where the mask holds it to be one of the text; it may be the end token too.
     */
    private Tensor last(Tensor hidden, TokenInput tokens, Padding padding) {
        Tensor at = padding.lastTokens();
        long pad = parts.head().padTokenId();
        if (pad >= 0) {
            Tensor ids = tokens.inputIds();
            Tensor text = ids.ne(new Scalar(pad));
            Tensor mask = tokens.attentionMask();
            text = mask == null ? text : text.logical_and(mask.ne(new Scalar(0)));
            Tensor columns = torch.arange(new Scalar(ids.size(1)), ids.options());
            Tensor starts = torch.arange(new Scalar(ids.size(0)), ids.options()).mul(new Scalar(ids.size(1)));
            at = columns.mul(text).amax(new long[] {1}, false).add(starts);
        }
        return at == null
                ? hidden.select(1, hidden.size(1) - 1)
                : hidden.flatten(0, 1).index_select(0, at);
    }

    private Tensor dropped(Tensor x, double dropout) {
        return Dropout.apply(x, dropout, training);
    }
}
