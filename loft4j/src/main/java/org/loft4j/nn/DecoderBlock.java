package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * One block of a decoder, {@code h + Attention(norm(h))}, then {@code h + FeedForward(norm(h))}; Xiong et al. 2020
 * (arXiv:2002.04745), figure 1 b. Gemma norms what comes out of each part as well, OLMo 2 that alone, and OPT of 350M the sums, as in
 * figure 1 a. Where the parts are parallel
 * both read the block's input, {@code h + Attention(norm(h)) + FeedForward(norm'(h))}; Black et al. 2022 (arXiv:2204.06745), section 2.1.
 *
 * @param attentionNorm before the attention; null for none
 * @param attention in which a token learns of those before it
 * @param attentionOutputNorm behind it; null for none
 * @param feedForwardNorm before the feed-forward part; null for none
 * @param feedForwardOutputNorm behind it; null for none
 * @param dropout on what each part adds, while training
 * @param scale of what each part adds
 * @param inputGate what adds the block's own input of each token; null for none
 * @param outputScale {@code (1)}, of all that leaves the block; null for none
 * @param parallel whether the feed-forward part reads the block's input, by its own norm or else by that of the attention
 * @param normsSums whether the norms behind the parts are those of the sums
 */
public record DecoderBlock(
        @Nullable Norm attentionNorm,
        TokenMixer attention,
        @Nullable Norm attentionOutputNorm,
        @Nullable Norm feedForwardNorm,
        FeedForward feedForward,
        @Nullable Norm feedForwardOutputNorm,
        double dropout,
        double scale,
        @Nullable InputGate inputGate,
        @Nullable Tensor outputScale,
        boolean parallel,
        boolean normsSums) {
    /** One without an input of its own, whose output is not scaled. */
    public DecoderBlock(
            @Nullable Norm attentionNorm,
            TokenMixer attention,
            @Nullable Norm attentionOutputNorm,
            @Nullable Norm feedForwardNorm,
            FeedForward feedForward,
            @Nullable Norm feedForwardOutputNorm,
            double dropout,
            double scale) {
        this(
                attentionNorm,
                attention,
                attentionOutputNorm,
                feedForwardNorm,
                feedForward,
                feedForwardOutputNorm,
                dropout,
                scale,
                null,
                null,
                false,
                false);
    }

    /** The same with parallel parts. */
    public DecoderBlock inParallel() {
        return with(true, normsSums);
    }

    /** The same whose norms behind the parts are those of the sums. */
    public DecoderBlock normingSums() {
        return with(parallel, true);
    }

    private DecoderBlock with(boolean newParallel, boolean newNormsSums) {
        return new DecoderBlock(
                attentionNorm,
                attention,
                attentionOutputNorm,
                feedForwardNorm,
                feedForward,
                feedForwardOutputNorm,
                dropout,
                scale,
                inputGate,
                outputScale,
                newParallel,
                newNormsSums);
    }

    /** Whether both parts read the output of one norm. */
    public boolean sharesNorm() {
        return parallel && feedForwardNorm == null;
    }

    /**
     * The third part of a block that is given a vector v of each token beside its states: it adds
     * {@code norm(projection(act(gate(h)) ⊙ v))}.
     */
    public record InputGate(Linear gate, Activation activation, Linear projection, Norm norm) {
        private Tensor forward(Tensor hidden, Tensor input) {
            return norm.forward(
                    projection.forward(activation.apply(gate.forward(hidden)).mul(input)));
        }
    }

    /**
     * What a block made whose keys and values later ones take.
     *
     * @param hidden {@code (batch, seq, hidden)}
     * @param seen keys and values that its attention looked at
     */
    record Lent(Tensor hidden, KeyValueCache.Entry seen) {}

    /** What a block made; see {@link TokenMixer.Attended}. */
    private record Made(Tensor hidden, KeyValueCache.@Nullable Entry seen) {}

    /** Maps {@code (batch, seq, hidden)} to the same shape. */
    public Tensor forward(Tensor hidden, LayerPass pass) {
        return forward(hidden, pass, feedForward::forward);
    }

    /**
     * {@link #forward} where the gradients alone are asked for: {@link Linear#forGradient}. What comes behind the last
     * product, such as a norm, needs its numbers.
     */
    public Tensor forGradient(Tensor hidden, LayerPass pass) {
        boolean last = feedForwardOutputNorm == null && inputGate == null;
        return forward(hidden, pass, last ? feedForward::forGradient : feedForward::forward);
    }

    /** {@link #forward} with the keys and values, which belong to the open scope too. */
    Lent lending(Tensor hidden, LayerPass pass) {
        try (NativeScope scope = new NativeScope()) {
            Made made = compute(hidden, pass, feedForward::forward);
            Lent lent = new Lent(made.hidden(), Objects.requireNonNull(made.seen(), "keys and values of a block"));
            scope.toEnclosing(lent.seen().key());
            scope.toEnclosing(lent.seen().value());
            scope.toEnclosing(lent.hidden());
            return lent;
        }
    }

    private Tensor forward(Tensor hidden, LayerPass pass, UnaryOperator<Tensor> widening) {
        try (NativeScope scope = new NativeScope()) {
            return scope.toEnclosing(compute(hidden, pass, widening).hidden());
        }
    }

    private Made compute(Tensor hidden, LayerPass pass, UnaryOperator<Tensor> widening) {
        Tensor read = normed(hidden, attentionNorm);
        TokenMixer.Attended attended = attention.forward(read, pass);
        Tensor middle = sum(hidden, attended.states(), attentionOutputNorm, pass);
        Tensor widened = widening.apply(sharesNorm() ? read : normed(parallel ? hidden : middle, feedForwardNorm));
        Tensor end = sum(middle, widened, feedForwardOutputNorm, pass);
        if (inputGate != null) {
            end = end.add(inputGate.forward(end, Objects.requireNonNull(pass.input(), "input of a block")));
        }
        return new Made(outputScale == null ? end : end.mul(outputScale), attended.seen());
    }

    /** Its layers in order of use. */
    public List<Linear> linears() {
        List<Linear> linears = new ArrayList<>(attention.linears());
        linears.addAll(feedForward.linears());
        if (inputGate != null) {
            linears.add(inputGate.gate());
            linears.add(inputGate.projection());
        }
        return linears;
    }

    private static Tensor normed(Tensor x, @Nullable Norm norm) {
        return norm == null ? x : norm.forward(x);
    }

    private Tensor sum(Tensor hidden, Tensor part, @Nullable Norm norm, LayerPass pass) {
        Tensor added = normsSums ? part : normed(part, norm);
        Tensor sum = hidden.add(Dropout.apply(added, dropout, pass.training()), new Scalar(scale));
        return normsSums ? normed(sum, norm) : sum;
    }
}
