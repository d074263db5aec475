package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * One block of a decoder, {@code h + Attention(norm(h))}, then {@code h + FeedForward(norm(h))}; Xiong et al. 2020
 * (arXiv:2002.04745), figure 1 b. Gemma norms what comes out of each part as well, OLMo 2 that alone.
 *
 * @param attentionNorm before the attention; null for none
 * @param attention in which a token learns of those before it
 * @param attentionOutputNorm behind it; null for none
 * @param feedForwardNorm before the feed-forward part; null for none
 * @param feedForwardOutputNorm behind it; null for none
 * @param dropout on what each part adds, while training
 * @param scale of what each part adds
 */
public record DecoderBlock(
        @Nullable Norm attentionNorm,
        TokenMixer attention,
        @Nullable Norm attentionOutputNorm,
        @Nullable Norm feedForwardNorm,
        FeedForward feedForward,
        @Nullable Norm feedForwardOutputNorm,
        double dropout,
        double scale) {
    /** Maps {@code (batch, seq, hidden)} to the same shape. */
    public Tensor forward(Tensor hidden, LayerPass pass) {
        return forward(hidden, pass, feedForward::forward);
    }

    /**
     * {@link #forward} where the gradients alone are asked for: {@link Linear#forGradient}. A norm behind the last product needs its
     * numbers.
     */
    public Tensor forGradient(Tensor hidden, LayerPass pass) {
        return forward(hidden, pass, feedForwardOutputNorm == null ? feedForward::forGradient : feedForward::forward);
    }

    private Tensor forward(Tensor hidden, LayerPass pass, UnaryOperator<Tensor> widening) {
        try (NativeScope scope = new NativeScope()) {
            Tensor attended = attention.forward(normed(hidden, attentionNorm), pass);
            Tensor middle = sum(hidden, normed(attended, attentionOutputNorm), pass);
            Tensor widened = widening.apply(normed(middle, feedForwardNorm));
            return scope.toEnclosing(sum(middle, normed(widened, feedForwardOutputNorm), pass));
        }
    }

    /** Its layers in order of use. */
    public List<Linear> linears() {
        List<Linear> linears = new ArrayList<>(attention.linears());
        linears.addAll(feedForward.linears());
        return linears;
    }

    private static Tensor normed(Tensor x, @Nullable Norm norm) {
        return norm == null ? x : norm.forward(x);
    }

    private Tensor sum(Tensor hidden, Tensor part, LayerPass pass) {
        return hidden.add(Dropout.apply(part, dropout, pass.training()), new Scalar(scale));
    }
}
