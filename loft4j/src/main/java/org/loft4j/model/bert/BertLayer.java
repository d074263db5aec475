package org.loft4j.model.bert;

import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Attention;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/** One block: {@code norm(h + Attention(h))}, then {@code norm(h + FFN(h))}; Devlin et al. 2018 (arXiv:1810.04805), section 3. */
final class BertLayer {
    private final int index;
    private final BertConfig config;
    private final Activation activation;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear attentionOutput;
    private final LayerNorm attentionNorm;
    private final Linear intermediate;
    private final Linear output;
    private final LayerNorm outputNorm;

    BertLayer(int index, BertConfig config, Weights weights) {
        this.index = index;
        this.config = config;
        this.activation = config.activation();
        this.query = linear("attention.self.query", weights);
        this.key = linear("attention.self.key", weights);
        this.value = linear("attention.self.value", weights);
        this.attentionOutput = linear("attention.output.dense", weights);
        this.attentionNorm = norm("attention.output.LayerNorm", weights);
        this.intermediate = linear("intermediate.dense", weights);
        this.output = linear("output.dense", weights);
        this.outputNorm = norm("output.LayerNorm", weights);
    }

    /**
     * Maps {@code (batch, seq, hidden)} to the same shape.
     *
     * @param bias added to the attention scores, or null
     */
    Tensor forward(Tensor hidden, @Nullable Tensor bias, boolean training) {
        try (NativeScope scope = new NativeScope()) {
            double dropout = training ? config.attentionDropout() : 0;
            Tensor attended = Attention.attend(
                    heads(query.forward(hidden)),
                    heads(key.forward(hidden)),
                    heads(value.forward(hidden)),
                    bias,
                    false,
                    dropout);
            Tensor middle = attentionNorm.forward(
                    dropout(attentionOutput.forward(attended), training).add(hidden));
            Tensor widened = activation.apply(intermediate.forward(middle));
            return scope.toEnclosing(outputNorm.forward(
                    dropout(output.forward(widened), training).add(middle)));
        }
    }

    void forEachLinear(Consumer<Linear> action) {
        for (Linear linear : new Linear[] {query, key, value, attentionOutput, intermediate, output}) {
            action.accept(linear);
        }
    }

    private Tensor dropout(Tensor x, boolean training) {
        return training && config.hiddenDropout() > 0 ? torch.dropout(x, config.hiddenDropout(), true) : x;
    }

    /** {@code (batch, seq, hidden)} as {@code (batch, seq, heads, headDim)}. */
    private Tensor heads(Tensor x) {
        return x.view(x.size(0), x.size(1), config.heads(), x.size(2) / config.heads());
    }

    private Linear linear(String module, Weights weights) {
        return weights.linear(BertWeights.layer(index, module));
    }

    private LayerNorm norm(String module, Weights weights) {
        return BertModel.norm(BertWeights.layer(index, module), config, weights);
    }
}
