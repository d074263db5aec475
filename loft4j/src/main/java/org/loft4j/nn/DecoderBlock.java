package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * One block of a decoder, {@code h + Attention(norm(h))}, then {@code h + FeedForward(norm(h))}; Xiong et al. 2020
 * (arXiv:2002.04745), figure 1 b. Gemma norms what comes out of each part as well.
 *
 * @param attentionNorm before the attention
 * @param attentionOutputNorm behind it; null for none
 * @param feedForwardNorm before the feed-forward part
 * @param feedForwardOutputNorm behind it; null for none
 * @param dropout on what each part adds, while training
 */
public record DecoderBlock(
        Norm attentionNorm,
        DecoderAttention attention,
        @Nullable Norm attentionOutputNorm,
        Norm feedForwardNorm,
        FeedForward feedForward,
        @Nullable Norm feedForwardOutputNorm,
        double dropout) {
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
            Tensor attended = attention.forward(attentionNorm.forward(hidden), pass);
            Tensor middle = hidden.add(dropped(normed(attended, attentionOutputNorm), pass));
            Tensor widened = widening.apply(feedForwardNorm.forward(middle));
            return scope.toEnclosing(middle.add(dropped(normed(widened, feedForwardOutputNorm), pass)));
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

    private Tensor dropped(Tensor x, LayerPass pass) {
        return Dropout.apply(x, dropout, pass.training());
    }
}
