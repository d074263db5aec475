package org.loft4j.model.deepseek;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection.Latent;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.Weights;

/** Names, shapes and parts of blocks with latent attention, of which some have a mixture of experts. */
record LatentBlocks(DeepseekV3Config config) implements FamilyBlocks {
    private static final String ATTENTION_NORM = "input_layernorm.weight";
    private static final String FEED_FORWARD_NORM = "post_attention_layernorm.weight";
    private static final String QUERY = "self_attn.q_proj";
    private static final String QUERY_DOWN = "self_attn.q_a_proj";
    private static final String QUERY_NORM = "self_attn.q_a_layernorm.weight";
    private static final String QUERY_UP = "self_attn.q_b_proj";
    private static final String DOWN = "self_attn.kv_a_proj_with_mqa";
    private static final String NORM = "self_attn.kv_a_layernorm.weight";
    private static final String UP = "self_attn.kv_b_proj";
    private static final String OUTPUT = "self_attn.o_proj";

    /** Of the norms within attention, whatever {@code rms_norm_eps} says. */
    private static final double INNER_EPS = 1e-6;

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        long hidden = config.sizes().hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(path + ATTENTION_NORM, Initial.ONES, hidden));
        specs.addAll(attention(path));
        specs.add(new ParameterSpec(path + FEED_FORWARD_NORM, Initial.ONES, hidden));
        if (config.experts().at().test(i)) {
            specs.addAll(config.experts().parameters(i, path, hidden));
        } else {
            long width = config.sizes().intermediateSize();
            specs.addAll(Parameters.linear(path + "mlp.gate_proj", width, hidden, false));
            specs.addAll(Parameters.linear(path + "mlp.up_proj", width, hidden, false));
            specs.addAll(Parameters.linear(path + "mlp.down_proj", hidden, width, false));
        }
        return specs;
    }

    private List<ParameterSpec> attention(String path) {
        DecoderConfig sizes = config.sizes();
        Latent.Sizes head = config.heads();
        long hidden = sizes.hiddenSize();
        long heads = sizes.heads();
        long queries = heads * head.headDim();
        int low = config.queryRank();
        int rank = config.keyValueRank();
        boolean bias = config.attentionBias();
        List<ParameterSpec> specs = new ArrayList<>();
        if (low == 0) {
            specs.addAll(Parameters.linear(path + QUERY, queries, hidden, false));
        } else {
            specs.addAll(Parameters.linear(path + QUERY_DOWN, low, hidden, bias));
            specs.add(new ParameterSpec(path + QUERY_NORM, Initial.ONES, low));
            specs.addAll(Parameters.linear(path + QUERY_UP, queries, low, false));
        }
        specs.addAll(Parameters.linear(path + DOWN, rank + head.turned(), hidden, bias));
        specs.add(new ParameterSpec(path + NORM, Initial.ONES, rank));
        specs.addAll(Parameters.linear(path + UP, heads * (head.plain() + head.value()), rank, false));
        specs.addAll(Parameters.linear(path + OUTPUT, hidden, heads * head.value(), bias));
        return specs;
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        return new DecoderBlock(
                norm(weights, path + ATTENTION_NORM, config.sizes().rmsNormEps()),
                new DecoderAttention(i, shape, projection(path, weights), null, null, weights.linear(path + OUTPUT)),
                null,
                norm(weights, path + FEED_FORWARD_NORM, config.sizes().rmsNormEps()),
                feedForward(i, path, weights),
                null,
                0,
                1);
    }

    private Latent projection(String path, Weights weights) {
        Linear down = weights.linear(path + DOWN);
        Norm norm = norm(weights, path + NORM, INNER_EPS);
        Linear up = weights.linear(path + UP);
        if (config.queryRank() == 0) {
            return new Latent(weights.linear(path + QUERY), null, down, norm, up, config.heads());
        }
        Latent.Low low = new Latent.Low(weights.linear(path + QUERY_DOWN), norm(weights, path + QUERY_NORM, INNER_EPS));
        return new Latent(weights.linear(path + QUERY_UP), low, down, norm, up, config.heads());
    }

    private FeedForward feedForward(int i, String path, Weights weights) {
        return config.experts().at().test(i)
                ? config.experts().feedForward(path, weights, config.sizes().activation())
                : new FeedForward.Gated(
                        weights.linear(path + "mlp.gate_proj"),
                        weights.linear(path + "mlp.up_proj"),
                        weights.linear(path + "mlp.down_proj"),
                        config.sizes().activation());
    }

    private static Norm norm(Weights weights, String name, double eps) {
        return new RmsNorm(name, weights.get(name), eps);
    }
}
