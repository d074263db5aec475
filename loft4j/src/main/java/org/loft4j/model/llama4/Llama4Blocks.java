package org.loft4j.model.llama4;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.UnweightedNorm;
import org.loft4j.nn.Weights;

/** Names, shapes and parts of Llama 4's blocks. */
record Llama4Blocks(Llama4Config config) implements FamilyBlocks {
    /** The module behind attention, be it dense or a mixture. */
    static final String FEED_FORWARD = "feed_forward";

    private static final String ATTENTION = "self_attn.";
    private static final String FIRST_NORM = "input_layernorm.weight";
    private static final String SECOND_NORM = "post_attention_layernorm.weight";

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        DecoderConfig sizes = config.sizes();
        long hidden = sizes.hiddenSize();
        long queries = (long) sizes.heads() * sizes.headDim();
        long keys = (long) sizes.keyValueHeads() * sizes.headDim();
        boolean bias = config.attentionBias();
        String attention = path + ATTENTION;
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(path + FIRST_NORM, Initial.ONES, hidden));
        specs.addAll(Parameters.linear(attention + "q_proj", queries, hidden, bias));
        specs.addAll(Parameters.linear(attention + "k_proj", keys, hidden, bias));
        specs.addAll(Parameters.linear(attention + "v_proj", keys, hidden, bias));
        specs.addAll(Parameters.linear(attention + "o_proj", hidden, queries, bias));
        specs.add(new ParameterSpec(path + SECOND_NORM, Initial.ONES, hidden));
        specs.addAll(
                config.experts().at().test(i)
                        ? config.experts().parameters(i, path, hidden)
                        : Parameters.gated(path + FEED_FORWARD, config.denseWidth(), hidden));
        return specs;
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        DecoderConfig sizes = config.sizes();
        String attention = path + ATTENTION;
        Norm ofHeads = config.norms() && config.turned().get(i) ? new UnweightedNorm(sizes.rmsNormEps()) : null;
        return new DecoderBlock(
                norm(weights, path + FIRST_NORM),
                new DecoderAttention(
                        i,
                        shape,
                        new HeadProjection.Separate(
                                weights.linear(attention + "q_proj"),
                                weights.linear(attention + "k_proj"),
                                weights.linear(attention + "v_proj")),
                        ofHeads,
                        ofHeads,
                        null,
                        null,
                        weights.linear(attention + "o_proj"),
                        true),
                null,
                norm(weights, path + SECOND_NORM),
                config.experts().at().test(i)
                        ? config.experts().feedForward(path, weights, sizes.activation())
                        : Parameters.gated(weights, path + FEED_FORWARD, sizes.activation()),
                null,
                0,
                1);
    }

    private Norm norm(Weights weights, String name) {
        return new RmsNorm(name, weights.get(name), config.sizes().rmsNormEps());
    }
}
