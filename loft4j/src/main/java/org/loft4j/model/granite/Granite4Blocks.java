package org.loft4j.model.granite;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.Activation;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.MixtureOfExperts.SharedExpert;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.StateSpace;
import org.loft4j.nn.TokenMixer;
import org.loft4j.nn.Weights;

/** Names, shapes and parts of Granite 4's blocks. */
record Granite4Blocks(Granite4Config config) implements FamilyBlocks {
    private static final String ATTENTION_NORM = "input_layernorm.weight";
    private static final String FEED_FORWARD_NORM = "post_attention_layernorm.weight";
    private static final String WIDENING = "shared_mlp.input_linear";
    private static final String NARROWING = "shared_mlp.output_linear";

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        DecoderConfig sizes = config.sizes();
        long hidden = sizes.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(path + ATTENTION_NORM, Initial.ONES, hidden));
        specs.addAll(config.remembers().get(i) ? states(path + "mamba.") : attention(path + "self_attn."));
        specs.add(new ParameterSpec(path + FEED_FORWARD_NORM, Initial.ONES, hidden));
        specs.addAll(Parameters.linear(path + WIDENING, 2 * sizes.intermediateSize(), hidden, false));
        specs.addAll(Parameters.linear(path + NARROWING, hidden, sizes.intermediateSize(), false));
        if (config.experts() != null) {
            specs.addAll(config.experts().parameters(i, path, hidden));
        }
        return specs;
    }

    private List<ParameterSpec> attention(String module) {
        DecoderConfig sizes = config.sizes();
        long hidden = sizes.hiddenSize();
        long queries = (long) sizes.heads() * sizes.headDim();
        long keys = (long) sizes.keyValueHeads() * sizes.headDim();
        boolean bias = config.attentionBias();
        List<ParameterSpec> specs = new ArrayList<>(Parameters.linear(module + "q_proj", queries, hidden, bias));
        specs.addAll(Parameters.linear(module + "k_proj", keys, hidden, bias));
        specs.addAll(Parameters.linear(module + "v_proj", keys, hidden, bias));
        specs.addAll(Parameters.linear(module + "o_proj", hidden, queries, bias));
        return specs;
    }

    private List<ParameterSpec> states(String module) {
        Granite4Config.States states = config.states();
        StateSpace.Shape shape = states.shape();
        long hidden = config.sizes().hiddenSize();
        long made = shape.inner() + shape.channels() + shape.heads();
        List<ParameterSpec> specs =
                new ArrayList<>(Parameters.linear(module + "in_proj", made, hidden, states.linearBias()));
        specs.add(new ParameterSpec(module + "conv1d.weight", Initial.NORMAL, shape.channels(), 1, states.kernel()));
        if (states.convolutionBias()) {
            specs.add(new ParameterSpec(module + "conv1d.bias", Initial.ZEROS, shape.channels()));
        }
        specs.add(new ParameterSpec(module + "A_log", Initial.LOG_NUMBERS, shape.heads()));
        specs.add(new ParameterSpec(module + "dt_bias", Initial.ONES, shape.heads()));
        specs.add(new ParameterSpec(module + "D", Initial.ONES, shape.heads()));
        specs.add(new ParameterSpec(module + "norm.weight", Initial.ONES, shape.inner()));
        specs.addAll(Parameters.linear(module + "out_proj", hidden, shape.inner(), states.linearBias()));
        return specs;
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        return new DecoderBlock(
                norm(weights, path + ATTENTION_NORM),
                config.remembers().get(i)
                        ? states(i, path + "mamba.", weights)
                        : attention(i, path + "self_attn.", shape, weights),
                null,
                norm(weights, path + FEED_FORWARD_NORM),
                feedForward(path, weights),
                null,
                0,
                config.multipliers().residual());
    }

    private FeedForward feedForward(String path, Weights weights) {
        Activation activation = config.sizes().activation();
        FeedForward.FusedGated ofAll = new FeedForward.FusedGated(
                weights.linear(path + WIDENING), weights.linear(path + NARROWING), activation);
        return config.experts() == null
                ? ofAll
                : config.experts().feedForward(path, weights, activation, new SharedExpert.Plain(ofAll));
    }

    private TokenMixer attention(int i, String module, DecoderAttention.Shape shape, Weights weights) {
        return new DecoderAttention(
                i,
                shape,
                new HeadProjection.Separate(
                        weights.linear(module + "q_proj"),
                        weights.linear(module + "k_proj"),
                        weights.linear(module + "v_proj")),
                null,
                null,
                null,
                null,
                weights.linear(module + "o_proj"));
    }

    private TokenMixer states(int i, String module, Weights weights) {
        return new StateSpace(
                i,
                config.states().shape(),
                weights.linear(module + "in_proj"),
                weights.get(module + "conv1d.weight"),
                weights.find(module + "conv1d.bias"),
                weights.get(module + "A_log"),
                weights.get(module + "dt_bias"),
                weights.get(module + "D"),
                weights.get(module + "norm.weight"),
                weights.linear(module + "out_proj"));
    }

    private Norm norm(Weights weights, String name) {
        return new RmsNorm(name, weights.get(name), config.sizes().rmsNormEps());
    }
}
