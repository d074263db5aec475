package org.loft4j.model.lfm2;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderFrame;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.GatedConvolution;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.TokenMixer;
import org.loft4j.nn.Weights;

/** Names, shapes and parts of LFM2's blocks. */
record Lfm2Blocks(Lfm2Config config) implements FamilyBlocks {
    private static final String ATTENTION_NORM = "operator_norm.weight";
    private static final String FEED_FORWARD_NORM = "ffn_norm.weight";
    private static final String QUERY_NORM = "self_attn.q_layernorm.weight";
    private static final String KEY_NORM = "self_attn.k_layernorm.weight";

    @Override
    public DecoderFrame frame() {
        return DecoderFrame.LLAMA.withNorm("embedding_norm", false);
    }

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        DecoderConfig sizes = config.sizes();
        long hidden = sizes.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(path + ATTENTION_NORM, Initial.ONES, hidden));
        if (config.convolves().get(i)) {
            boolean bias = config.convolutionBias();
            specs.addAll(Parameters.linear(path + "conv.in_proj", 3 * hidden, hidden, bias));
            specs.add(new ParameterSpec(path + "conv.conv.weight", Initial.NORMAL, hidden, 1, config.kernel()));
            if (bias) {
                specs.add(new ParameterSpec(path + "conv.conv.bias", Initial.ZEROS, hidden));
            }
            specs.addAll(Parameters.linear(path + "conv.out_proj", hidden, hidden, bias));
        } else {
            long queries = (long) sizes.heads() * sizes.headDim();
            long keys = (long) sizes.keyValueHeads() * sizes.headDim();
            specs.addAll(Parameters.linear(path + "self_attn.q_proj", queries, hidden, false));
            specs.addAll(Parameters.linear(path + "self_attn.k_proj", keys, hidden, false));
            specs.addAll(Parameters.linear(path + "self_attn.v_proj", keys, hidden, false));
            specs.add(new ParameterSpec(path + QUERY_NORM, Initial.ONES, sizes.headDim()));
            specs.add(new ParameterSpec(path + KEY_NORM, Initial.ONES, sizes.headDim()));
            specs.addAll(Parameters.linear(path + "self_attn.out_proj", hidden, queries, false));
        }
        specs.add(new ParameterSpec(path + FEED_FORWARD_NORM, Initial.ONES, hidden));
        specs.addAll(Parameters.linear(path + "feed_forward.w1", sizes.intermediateSize(), hidden, false));
        specs.addAll(Parameters.linear(path + "feed_forward.w3", sizes.intermediateSize(), hidden, false));
        specs.addAll(Parameters.linear(path + "feed_forward.w2", hidden, sizes.intermediateSize(), false));
        return specs;
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        return new DecoderBlock(
                norm(weights, path + ATTENTION_NORM),
                mixer(i, path, shape, weights),
                null,
                norm(weights, path + FEED_FORWARD_NORM),
                new FeedForward.Gated(
                        weights.linear(path + "feed_forward.w1"),
                        weights.linear(path + "feed_forward.w3"),
                        weights.linear(path + "feed_forward.w2"),
                        config.sizes().activation()),
                null,
                0,
                1);
    }

    private TokenMixer mixer(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        if (config.convolves().get(i)) {
            return new GatedConvolution(
                    i,
                    weights.linear(path + "conv.in_proj"),
                    weights.get(path + "conv.conv.weight"),
                    weights.find(path + "conv.conv.bias"),
                    weights.linear(path + "conv.out_proj"));
        }
        return new DecoderAttention(
                i,
                shape,
                new HeadProjection.Separate(
                        weights.linear(path + "self_attn.q_proj"),
                        weights.linear(path + "self_attn.k_proj"),
                        weights.linear(path + "self_attn.v_proj")),
                norm(weights, path + QUERY_NORM),
                norm(weights, path + KEY_NORM),
                null,
                null,
                weights.linear(path + "self_attn.out_proj"));
    }

    private Norm norm(Weights weights, String name) {
        return new RmsNorm(name, weights.get(name), config.sizes().rmsNormEps());
    }
}
