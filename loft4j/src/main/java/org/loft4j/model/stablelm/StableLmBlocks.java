package org.loft4j.model.stablelm;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderFrame;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadByHead;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.Weights;

/** Names, shapes and parts of blocks with layer norms and a gated feed-forward part, whose heads may have norms of their own. */
record StableLmBlocks(StableLmConfig config) implements FamilyBlocks {
    private static final String FIRST_NORM = "input_layernorm";
    private static final String SECOND_NORM = "post_attention_layernorm";
    private static final String QUERY_NORMS = "self_attn.q_layernorm.norms.";
    private static final String KEY_NORMS = "self_attn.k_layernorm.norms.";

    @Override
    public DecoderFrame frame() {
        return DecoderFrame.LLAMA.withNorm("norm", true);
    }

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        DecoderConfig sizes = config.sizes();
        long hidden = sizes.hiddenSize();
        long keys = (long) sizes.keyValueHeads() * sizes.headDim();
        long width = sizes.intermediateSize();
        boolean bias = config.attentionBias();
        List<ParameterSpec> specs = new ArrayList<>(Parameters.layerNorm(path + FIRST_NORM, hidden));
        specs.addAll(Parameters.linear(path + "self_attn.q_proj", hidden, hidden, bias));
        specs.addAll(Parameters.linear(path + "self_attn.k_proj", keys, hidden, bias));
        specs.addAll(Parameters.linear(path + "self_attn.v_proj", keys, hidden, bias));
        if (config.headNorms()) {
            for (String name : names(path + QUERY_NORMS, sizes.heads())) {
                specs.add(new ParameterSpec(name, Initial.ONES, sizes.headDim()));
            }
            for (String name : names(path + KEY_NORMS, sizes.keyValueHeads())) {
                specs.add(new ParameterSpec(name, Initial.ONES, sizes.headDim()));
            }
        }
        specs.addAll(Parameters.linear(path + "self_attn.o_proj", hidden, hidden, false));
        if (!config.parallel()) {
            specs.addAll(Parameters.layerNorm(path + SECOND_NORM, hidden));
        }
        specs.addAll(Parameters.linear(path + "mlp.gate_proj", width, hidden, false));
        specs.addAll(Parameters.linear(path + "mlp.up_proj", width, hidden, false));
        specs.addAll(Parameters.linear(path + "mlp.down_proj", hidden, width, false));
        return specs;
    }

    private static List<String> names(String norms, int heads) {
        return IntStream.range(0, heads)
                .mapToObj(head -> norms + head + ".weight")
                .toList();
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        DecoderConfig sizes = config.sizes();
        boolean norms = config.headNorms();
        DecoderBlock block = new DecoderBlock(
                Parameters.layerNorm(weights, path + FIRST_NORM, sizes.rmsNormEps()),
                new DecoderAttention(
                        i,
                        shape,
                        new HeadProjection.Separate(
                                weights.linear(path + "self_attn.q_proj"),
                                weights.linear(path + "self_attn.k_proj"),
                                weights.linear(path + "self_attn.v_proj")),
                        norms ? headNorm(path + QUERY_NORMS, sizes.heads(), weights) : null,
                        norms ? headNorm(path + KEY_NORMS, sizes.keyValueHeads(), weights) : null,
                        weights.linear(path + "self_attn.o_proj")),
                null,
                config.parallel() ? null : Parameters.layerNorm(weights, path + SECOND_NORM, sizes.rmsNormEps()),
                new FeedForward.Gated(
                        weights.linear(path + "mlp.gate_proj"),
                        weights.linear(path + "mlp.up_proj"),
                        weights.linear(path + "mlp.down_proj"),
                        sizes.activation()),
                null,
                0,
                1);
        return config.parallel() ? block.inParallel() : block;
    }

    private Norm headNorm(String path, int heads, Weights weights) {
        List<Tensor> each = names(path, heads).stream().map(weights::get).toList();
        return new HeadByHead(path + "weight", each, config.sizes().rmsNormEps());
    }
}
