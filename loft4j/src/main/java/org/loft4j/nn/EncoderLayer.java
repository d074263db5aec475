package org.loft4j.nn;

import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * One layer of an encoder around its attention. With norms behind the sums {@code norm(h + Attention(h))}, then
 * {@code norm(h + FFN(h))} (Vaswani et al. 2017, arXiv:1706.03762, section 3.1); with norms in front
 * {@code h + Attention(norm(h))}, then {@code h + FFN(norm(h))} (Dosovitskiy et al. 2020, arXiv:2010.11929, equations 2 and 3).
 */
public final class EncoderLayer {
    private final Modules modules;
    private final Settings settings;

    /**
     * What a layer consists of.
     *
     * @param attentionOutput over the concatenated heads
     * @param attentionNorm the norm of attention; null for none
     * @param feedForward the feed-forward block
     * @param outputNorm the norm of the feed-forward block
     * @param scales of what the two parts add; null for none
     */
    public record Modules(
            Linear attentionOutput,
            @Nullable Norm attentionNorm,
            FeedForward.Dense feedForward,
            Norm outputNorm,
            @Nullable Scales scales) {
        /** Without scales. */
        public Modules(
                Linear attentionOutput, @Nullable Norm attentionNorm, FeedForward.Dense feedForward, Norm outputNorm) {
            this(attentionOutput, attentionNorm, feedForward, outputNorm, null);
        }
    }

    /**
     * LayerScale; Touvron et al. 2021 (arXiv:2103.17239), section 2: a factor for each channel of what a part adds to the states.
     *
     * @param attention {@code (hidden)}
     * @param output {@code (hidden)}, of the feed-forward block
     */
    public record Scales(Tensor attention, Tensor output) {}

    /**
     * How the parts are put together.
     *
     * @param attentionDropout of what attention yields, while training
     * @param innerDropout of what the last layer of the feed-forward block reads, while training
     * @param outputDropout of what the feed-forward block yields, while training
     * @param normFirst whether the norms stand in front of attention and feed-forward block
     */
    public record Settings(double attentionDropout, double innerDropout, double outputDropout, boolean normFirst) {}

    public EncoderLayer(Modules modules, Settings settings) {
        this.modules = modules;
        this.settings = settings;
    }

    /**
     * Maps {@code (batch, seq, hidden)} to the same shape.
     *
     * @param attention yields the concatenated heads
     */
    public Tensor forward(Tensor hidden, UnaryOperator<Tensor> attention, boolean training) {
        try (NativeScope scope = new NativeScope()) {
            Norm attentionNorm = modules.attentionNorm();
            Tensor seen = settings.normFirst() && attentionNorm != null ? attentionNorm.forward(hidden) : hidden;
            Tensor attended = modules.attentionOutput().forward(attention.apply(seen));
            Scales scales = modules.scales();
            Tensor kept = Dropout.apply(attended, settings.attentionDropout(), training);
            Tensor middle = (scales == null ? kept : kept.mul(scales.attention())).add(hidden);
            if (!settings.normFirst() && attentionNorm != null) {
                middle = attentionNorm.forward(middle);
            }
            Tensor read = settings.normFirst() ? modules.outputNorm().forward(middle) : middle;
            FeedForward.Dense feedForward = modules.feedForward();
            Tensor widened = Dropout.apply(feedForward.widened(read), settings.innerDropout(), training);
            Tensor output = Dropout.apply(feedForward.down().forward(widened), settings.outputDropout(), training);
            Tensor sum = (scales == null ? output : output.mul(scales.output())).add(middle);
            return scope.toEnclosing(
                    settings.normFirst() ? sum : modules.outputNorm().forward(sum));
        }
    }

    /**
     * What is dropped while training.
     *
     * @param probabilities of attention
     */
    public EncoderDecoderBlock.Shares dropout(double probabilities) {
        double added = Math.max(settings.attentionDropout(), settings.outputDropout());
        return new EncoderDecoderBlock.Shares(added, settings.innerDropout(), probabilities);
    }

    public void forEachLinear(Consumer<Linear> action) {
        action.accept(modules.attentionOutput());
        modules.feedForward().linears().forEach(action);
    }
}
