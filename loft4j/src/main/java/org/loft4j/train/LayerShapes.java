package org.loft4j.train;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.AttentionSinks;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.EncoderDecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection.Latent;
import org.loft4j.nn.Linear;
import org.loft4j.nn.MemoryPass;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.MixtureOfExperts.SharedExpert;
import org.loft4j.nn.Model;
import org.loft4j.nn.RecurrentMixer;
import org.loft4j.nn.Sight;

/**
 * The linear layers of one transformer layer, told apart by their shapes and their order: what makes the heads, what leads back
 * from them, what widens and what narrows again. Of a mixture of experts, which are alike, the first stands for those that a token
 * goes through.
 *
 * @param hidden width of the hidden states
 * @param all in order of use, but those of an expert that all tokens go through
 * @param expert those of the expert; none where there is no mixture
 * @param limited whether the expert holds gate and up within a limit
 * @param mixture null for none
 * @param latent what makes the heads of latent attention; null for other ones
 * @param recurrent what it has for attention where that has a memory which does not grow; null for none
 * @param norms of the width of the hidden states that read something of their own
 * @param sharesNorm whether both parts of the layer read what one norm makes
 * @param inputGate of the block's own input of each token; empty for none
 * @param lends whether later layers take its keys and values, so that it is never computed again
 * @param looks how the attention of a decoder looks at its tokens; null for an encoder's, and where there is a memory
 * @param dropped what is dropped in training
 * @param writes whether it is of an encoder-decoder's decoder, and looks back at what was read, too
 */
record LayerShapes(
        long hidden,
        List<Linear> all,
        List<Linear> expert,
        boolean limited,
        @Nullable MixtureOfExperts mixture,
        @Nullable Latent latent,
        @Nullable RecurrentMixer recurrent,
        int norms,
        boolean sharesNorm,
        List<Linear> inputGate,
        boolean lends,
        @Nullable Looks looks,
        Dropped dropped,
        boolean writes) {
    /**
     * What of a layer is dropped in training.
     *
     * @param sums what each part adds
     * @param inside what the last layer of the feed-forward part reads
     * @param probabilities those of attention, which no fused kernel does
     */
    record Dropped(boolean sums, boolean inside, boolean probabilities) {
        private static Dropped of(EncoderDecoderBlock.Shares shares) {
            return new Dropped(shares.added() > 0, shares.inside() > 0, shares.probabilities() > 0);
        }
    }

    /**
     * The layers of a model in their order, and those that an input goes through again once more; linear layers outside of them are
     * left out.
     *
     * @param adapted paths of layers that an adapter takes over
     */
    static List<LayerShapes> of(Model model, Set<String> adapted) {
        long hidden = model.description().hiddenSize();
        if (model instanceof CausalDecoder decoder) {
            return of(hidden, decoder.blocks(), decoder.kinds(), adapted);
        }
        if (model instanceof EncoderDecoder both) {
            return Stream.concat(
                            both.encoder().stream().map(block -> of(hidden, block, false)),
                            both.decoder().stream().map(block -> of(hidden, block, true)))
                    .toList();
        }
        Dropped dropped = Dropped.of(model.dropout());
        return model.layers().stream()
                .map(all -> dense(hidden, all, 2, dropped, false))
                .toList();
    }

    private static LayerShapes of(long hidden, EncoderDecoderBlock block, boolean writes) {
        return dense(hidden, block.linears(), writes ? 3 : 2, Dropped.of(block.dropout()), writes);
    }

    /** One of an encoder or an encoder-decoder, which has nothing of what a decoder's may have. */
    private static LayerShapes dense(long hidden, List<Linear> all, int norms, Dropped dropped, boolean writes) {
        return new LayerShapes(
                hidden, all, List.of(), false, null, null, null, norms, false, List.of(), false, null, dropped, writes);
    }

    private static List<LayerShapes> of(
            long hidden, List<DecoderBlock> blocks, List<CausalDecoder.LayerKind> kinds, Set<String> adapted) {
        Set<Integer> lenders = new HashSet<>();
        blocks.forEach(block -> lenders.add(block.attention().lender()));
        return IntStream.range(0, blocks.size())
                .mapToObj(i -> ofDecoder(hidden, blocks.get(i), kinds.get(i), adapted, lenders.contains(i)))
                .toList();
    }

    private static LayerShapes ofDecoder(
            long hidden, DecoderBlock block, CausalDecoder.LayerKind kind, Set<String> adapted, boolean lends) {
        MixtureOfExperts mixture = block.feedForward() instanceof MixtureOfExperts many ? many : null;
        FeedForward one =
                mixture == null ? block.feedForward() : mixture.among().expert(0, adapted);
        List<Linear> all = new ArrayList<>(block.attention().linears());
        all.addAll(one.linears());
        DecoderBlock.InputGate gate = block.inputGate();
        return new LayerShapes(
                hidden,
                all,
                mixture == null ? List.of() : one.linears(),
                one instanceof FeedForward.Clamped,
                mixture,
                block.attention() instanceof DecoderAttention own && own.projection() instanceof Latent made
                        ? made
                        : null,
                block.attention() instanceof RecurrentMixer mixer ? mixer : null,
                norms(block),
                block.sharesNorm(),
                gate == null ? List.of() : List.of(gate.gate(), gate.projection()),
                lends,
                Looks.of(block, kind),
                new Dropped(
                        block.dropout() > 0,
                        false,
                        block.attention() instanceof DecoderAttention looking
                                && looking.shape().dropout() > 0),
                false);
    }

    private @Nullable SharedExpert shared() {
        return mixture == null ? null : mixture.shared();
    }

    private static int norms(DecoderBlock block) {
        if (block.parallel()) {
            // both read what comes in
            return 1;
        }
        return (int) Stream.of(
                        block.attentionNorm(),
                        block.attentionOutputNorm(),
                        block.feedForwardNorm(),
                        block.feedForwardOutputNorm())
                .filter(Objects::nonNull)
                .count();
    }

    /** Whether a layer makes keys or values of what was read. */
    boolean looksBack(Linear linear) {
        return writes && all.indexOf(linear) >= 5 && all.indexOf(linear) <= 6;
    }

    /**
     * Numbers a token that dropout keeps: which of those that each part adds, and that a feed-forward part makes, stay.
     *
     * @param everywhere whether what is added is dropped in all layers
     */
    long keptByDropout(boolean everywhere) {
        long sums = everywhere || dropped.sums() ? (writes ? 3 : 2) * hidden : 0;
        return sums + (dropped.inside() ? inner() : 0);
    }

    /** How many rows a layer gets for each token. */
    long rows(Linear linear) {
        return mixture != null && expert.contains(linear) ? mixture.chosen() : 1;
    }

    /** Numbers a token of a mixture in the width of the hidden states: what its experts read and make, so many times each. */
    private long exchanged(long times) {
        return mixture == null
                ? 0
                : mixture.chosen() * times * hidden + 2L * mixture.among().count();
    }

    /** All of them, in order of use. */
    List<Linear> withShared() {
        List<Linear> linears = new ArrayList<>(all);
        SharedExpert shared = shared();
        if (shared != null) {
            linears.addAll(shared.linears());
        }
        return linears;
    }

    /** Numbers a token of an expert of all tokens: gate, up, their product, what comes out, and the inputs of norms around. */
    private long besideExperts() {
        SharedExpert shared = shared();
        if (shared == null) {
            return 0;
        }
        long inputs = shared instanceof SharedExpert.Normed ? 4 : 1;
        return 3 * shared.expert().down().inFeatures() + inputs * hidden;
    }

    /** Of all layers. */
    static long sum(List<LayerShapes> layers, ToLongFunction<LayerShapes> of) {
        return layers.stream().mapToLong(of).sum();
    }

    /** Width of the block's own input of each token; 0 for none. */
    long inputWidth() {
        return inputGate.isEmpty() ? 0 : inputGate.get(0).outFeatures();
    }

    /** Numbers a token that the part of the block's own input keeps: states before it, what its norm reads, and its products. */
    private long gated() {
        return inputGate.isEmpty() ? 0 : 2 * hidden + 3 * inputWidth();
    }

    private Linear last() {
        return all.get(all.size() - 1);
    }

    /** What the last layer reads: the inner width of the feed-forward part. */
    long inner() {
        return last().inFeatures();
    }

    /** The layers before the last that make its input: one, or two where one of them is a gate. */
    private List<Linear> widening() {
        if (!expert.isEmpty()) {
            return expert.subList(0, expert.size() - 1);
        }
        int start = all.size() - 1;
        while (start > 0 && all.size() - 1 - start < 2 && widens(all.get(start - 1))) {
            start--;
        }
        return all.subList(start, all.size() - 1);
    }

    private boolean widens(Linear linear) {
        return linear.inFeatures() == hidden
                && inner() != hidden
                && (linear.outFeatures() == inner() || linear.outFeatures() == 2 * inner());
    }

    /** What goes into attention, and back from it. */
    List<Linear> attention() {
        return all.subList(0, all.size() - 1 - widening().size());
    }

    /** Width of all heads of the queries, to which shared heads of keys and values are repeated. */
    long heads() {
        List<Linear> attention = attention();
        return attention.isEmpty() ? 0 : attention.get(attention.size() - 1).inFeatures();
    }

    /** Numbers of what the widening layers make. */
    private long widened() {
        return widening().stream().mapToLong(Linear::outFeatures).sum();
    }

    private boolean hasGate() {
        return widened() > inner();
    }

    /** Numbers a token that the activation and, where there is one, the gate keep; with limits there are more of them. */
    private long activated() {
        return widened() + (limited ? 4 * inner() : 0);
    }

    /**
     * Numbers a token that are kept for the backward pass. Always: the inputs of the norms, what attention reads and makes, and
     * what the activation read. And the inputs of those layers that need them for a gradient of their weight or of A.
     */
    long kept(Predicate<Linear> keepsInput) {
        List<Linear> attention = attention();
        boolean reads =
                attention.stream().limit(Math.max(0, attention.size() - 1)).anyMatch(keepsInput);
        boolean widens = widening().stream().anyMatch(keepsInput);
        long inside =
                activated() + (widens && !(reads && sharesNorm) ? hidden : 0) + (keepsInput.test(last()) ? inner() : 0);
        // what looks back has queries and what comes out beside; its keys and values are of other tokens
        long between = recurrent != null
                ? recurrent.keptNumbers(keepsInput.test(recurrent.output()))
                : latent != null ? latent.kept() : (writes ? 6 : 4) * heads();
        return norms * hidden
                + between
                + (reads ? (writes ? 2 : 1) * hidden : 0)
                + rows(last()) * inside
                + exchanged(1)
                + besideExperts()
                + gated();
    }

    /** Numbers a token of queries and keys that their norms read: they are no more what attention reads. */
    long normedHeads() {
        List<Linear> attention = attention();
        return looks != null && looks.normed()
                ? heads() + (attention.size() < 4 ? heads() : attention.get(1).outFeatures())
                : 0;
    }

    /** Whether these are kept in float32. */
    boolean widensHeads() {
        return looks != null && looks.widens();
    }

    /** Tokens of all rows that go through it. */
    long tokens(MemoryPlan.Load load) {
        return load.rows() * (writes ? load.written() : load.columns());
    }

    /**
     * Pairs of a query and a key that have scores in a row: a memory has none over the whole text, and what is written looks at itself
     * and at what was read.
     */
    long pairs(MemoryPlan.Load load) {
        long columns = load.columns();
        if (writes) {
            return load.written() * (load.written() + columns);
        }
        return recurrent != null
                ? 0
                : looks == null
                        ? columns * columns
                        : Sight.extent(looks.kind(), columns).pairs();
    }

    /**
     * Numbers a token that attention keeps beyond queries, keys, values and what comes out: with the further dimensions of sinks,
     * keys and values for each part of the queries, and once more what comes out without them.
     */
    long besideSinks(long heads, long columns) {
        if (looks == null || !looks.sinks()) {
            return 0;
        }
        double times = Sight.extent(looks.kind(), columns).keys() / (double) columns;
        double wider = heads() + (double) heads * AttentionSinks.MORE;
        return (long) ((2 + 2 * times) * wider - 3 * heads());
    }

    /**
     * Numbers in float32, whatever the type of the model, that a {@link RecurrentMixer} makes and does not keep: of some tokens at a
     * time, in each lane.
     */
    long insideMemory(long tokens, long lanes, MemoryPlan.Load load) {
        long most = Math.max(MemoryPass.MOST_TOKENS, Math.max(load.columns(), load.evalColumns()));
        long shortest = load.evalColumns() == 0 ? load.columns() : Math.min(load.columns(), load.evalColumns());
        return recurrent == null ? 0 : Math.min(tokens, lanes * most) * recurrent.insideNumbers(Math.max(1, shortest));
    }

    /** Numbers a token that one forward pass through the layer makes, kept or not. */
    long made() {
        return (writes ? 10 : 8) * hidden
                + (writes ? 12 : 8) * heads()
                + (latent == null ? 0 : latent.kept())
                + rows(last()) * (activated() + inner())
                + exchanged(4)
                + besideExperts();
    }

    /** Numbers a token of the gradients that a backward pass through the layer holds at once, with what a gate computes again. */
    long returned() {
        return 3 * hidden + activated() + (hasGate() && !limited ? inner() : 0) + exchanged(3);
    }
}
