package org.loft4j.model.llama;

import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Attention;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.Linear;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.RotaryEmbedding.Rotation;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/** One block: {@code h + Attention(norm(h))}, then {@code h + SwiGLU(norm(h))}; Touvron et al. 2023 (arXiv:2302.13971), section 2.2. */
final class LlamaLayer {
    private final int index;
    private final int headDim;
    private final Activation activation;
    private final RmsNorm inputNorm;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear output;
    private final RmsNorm postAttentionNorm;
    private final Linear gate;
    private final Linear up;
    private final Linear down;

    LlamaLayer(int index, LlamaConfig config, Weights weights) {
        this.index = index;
        this.headDim = config.headDim();
        this.activation = config.activation();
        this.inputNorm = norm("input_layernorm.weight", config, weights);
        this.query = linear("self_attn.q_proj", weights);
        this.key = linear("self_attn.k_proj", weights);
        this.value = linear("self_attn.v_proj", weights);
        this.output = linear("self_attn.o_proj", weights);
        this.postAttentionNorm = norm("post_attention_layernorm.weight", config, weights);
        this.gate = linear("mlp.gate_proj", weights);
        this.up = linear("mlp.up_proj", weights);
        this.down = linear("mlp.down_proj", weights);
    }

    /**
     * What is the same for all layers of one pass.
     *
     * @param rotation of queries and keys
     * @param bias added to the scores, or null
     * @param causal whether the kernel hides what comes later
     * @param dropout on the probabilities
     * @param cache of earlier positions, or null
     */
    record Pass(
            Rotation rotation,
            @Nullable Tensor bias,
            boolean causal,
            double dropout,
            @Nullable KeyValueCache cache) {}

    /** Maps {@code (batch, seq, hidden)} to the same shape. */
    Tensor forward(Tensor hidden, Pass pass) {
        try (NativeScope scope = new NativeScope()) {
            Tensor attended = hidden.add(attention(inputNorm.forward(hidden), pass));
            return scope.toEnclosing(attended.add(feedForward(postAttentionNorm.forward(attended))));
        }
    }

    void forEachLinear(Consumer<Linear> action) {
        for (Linear linear : new Linear[] {query, key, value, output, gate, up, down}) {
            action.accept(linear);
        }
    }

    private Tensor attention(Tensor x, Pass pass) {
        Tensor q = pass.rotation().apply(heads(query.forward(x)));
        Tensor k = pass.rotation().apply(heads(key.forward(x)));
        Tensor v = heads(value.forward(x));
        if (pass.cache() != null) {
            KeyValueCache.Entry all = pass.cache().append(index, k, v);
            k = all.key();
            v = all.value();
        }
        return output.forward(Attention.attend(q, k, v, pass.bias(), pass.causal(), pass.dropout()));
    }

    private Tensor feedForward(Tensor x) {
        return down.forward(activation.apply(gate.forward(x)).mul(up.forward(x)));
    }

    /** {@code (batch, seq, heads·headDim)} as {@code (batch, seq, heads, headDim)}. */
    private Tensor heads(Tensor x) {
        return x.view(x.size(0), x.size(1), x.size(2) / headDim, headDim);
    }

    private RmsNorm norm(String module, LlamaConfig config, Weights weights) {
        String name = LlamaWeights.layer(index, module);
        return new RmsNorm(name, weights.get(name), config.rmsNormEps());
    }

    private Linear linear(String module, Weights weights) {
        return weights.linear(LlamaWeights.layer(index, module));
    }
}
