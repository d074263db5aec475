package org.loft4j.model.gemma4;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LayerInputs;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.ParameterSpec.Role;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.UnweightedNorm;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.Tensors;

/** Names, shapes and parts of Gemma 4's blocks. */
record Gemma4Blocks(Gemma4Config config) implements FamilyBlocks {
    private static final String TABLE = "embed_tokens_per_layer.weight";
    private static final String PROJECTION = "per_layer_model_projection";
    private static final String PROJECTION_NORM = "per_layer_projection_norm.weight";

    /** Files hold these of blocks that take the keys and values of others, too. */
    private static final Pattern OF_KEYS =
            Pattern.compile(".*\\.layers\\.(\\d{1,9})\\.self_attn\\.[kv]_(?:proj|norm)\\..*");

    @Override
    public List<ParameterSpec> around(String base) {
        long width = config.inputs().width();
        if (width == 0) {
            return List.of();
        }
        long all = width * config.blocks().size();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(ParameterSpec.tokens(base + TABLE, config.inputs().vocabulary(), all));
        specs.addAll(Parameters.linear(base + PROJECTION, all, hidden(), false));
        specs.add(norm(base + PROJECTION_NORM, width));
        return specs;
    }

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        Gemma4Config.Block block = config.blocks().get(i);
        boolean bias = config.attentionBias();
        long queries = (long) config.sizes().heads() * block.headDim();
        long keys = (long) block.keyValueHeads() * block.headDim();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(norm(path + "input_layernorm.weight", hidden()));
        specs.addAll(Parameters.linear(path + "self_attn.q_proj", queries, hidden(), bias));
        specs.add(norm(path + "self_attn.q_norm.weight", block.headDim()));
        if (block.lender() < 0) {
            specs.addAll(Parameters.linear(path + "self_attn.k_proj", keys, hidden(), bias));
            if (!block.keyAsValue()) {
                specs.addAll(Parameters.linear(path + "self_attn.v_proj", keys, hidden(), bias));
            }
            specs.add(norm(path + "self_attn.k_norm.weight", block.headDim()));
        }
        specs.addAll(Parameters.linear(path + "self_attn.o_proj", hidden(), queries, bias));
        specs.add(norm(path + "post_attention_layernorm.weight", hidden()));
        specs.add(norm(path + "pre_feedforward_layernorm.weight", hidden()));
        specs.addAll(Parameters.linear(path + "mlp.gate_proj", block.width(), hidden(), false));
        specs.addAll(Parameters.linear(path + "mlp.up_proj", block.width(), hidden(), false));
        specs.addAll(Parameters.linear(path + "mlp.down_proj", hidden(), block.width(), false));
        if (config.experts() != null) {
            specs.addAll(config.experts().parameters(path, hidden()));
        }
        specs.add(norm(path + "post_feedforward_layernorm.weight", hidden()));
        long width = config.inputs().width();
        if (width > 0) {
            specs.addAll(Parameters.linear(path + "per_layer_input_gate", width, hidden(), false));
            specs.addAll(Parameters.linear(path + "per_layer_projection", hidden(), width, false));
            specs.add(norm(path + "post_per_layer_input_norm.weight", hidden()));
        }
        specs.add(new ParameterSpec(path + "layer_scalar", Initial.ONES, Role.FIXED, 1));
        return specs;
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        Gemma4Config.Block block = config.blocks().get(i);
        boolean own = block.lender() < 0;
        DecoderAttention attention = new DecoderAttention(
                i,
                new DecoderAttention.Shape(block.headDim(), shape.scale(), shape.softcap(), shape.dropout()),
                projection(block, path + "self_attn.", weights),
                norm(weights, path + "self_attn.q_norm.weight"),
                own ? norm(weights, path + "self_attn.k_norm.weight") : null,
                own ? new UnweightedNorm(config.sizes().rmsNormEps()) : null,
                null,
                weights.linear(path + "self_attn.o_proj"));
        Norm before = norm(weights, path + "pre_feedforward_layernorm.weight");
        FeedForward.Gated dense = new FeedForward.Gated(
                weights.linear(path + "mlp.gate_proj"),
                weights.linear(path + "mlp.up_proj"),
                weights.linear(path + "mlp.down_proj"),
                config.sizes().activation());
        Gemma4Experts experts = config.experts();
        return new DecoderBlock(
                norm(weights, path + "input_layernorm.weight"),
                attention,
                norm(weights, path + "post_attention_layernorm.weight"),
                experts == null ? before : null,
                experts == null
                        ? dense
                        : experts.beside(
                                dense, before, path, weights, config.sizes().rmsNormEps()),
                norm(weights, path + "post_feedforward_layernorm.weight"),
                0,
                1,
                inputGate(path, weights),
                weights.get(path + "layer_scalar"),
                false,
                false);
    }

    private static HeadProjection projection(Gemma4Config.Block block, String path, Weights weights) {
        Linear query = weights.linear(path + "q_proj");
        if (block.lender() >= 0) {
            return new HeadProjection.Borrowing(query, block.lender());
        }
        Linear key = weights.linear(path + "k_proj");
        return block.keyAsValue()
                ? new HeadProjection.KeyAsValue(query, key)
                : new HeadProjection.Separate(query, key, weights.linear(path + "v_proj"));
    }

    private DecoderBlock.@Nullable InputGate inputGate(String path, Weights weights) {
        return config.inputs().width() == 0
                ? null
                : new DecoderBlock.InputGate(
                        weights.linear(path + "per_layer_input_gate"),
                        config.sizes().activation(),
                        weights.linear(path + "per_layer_projection"),
                        norm(weights, path + "post_per_layer_input_norm.weight"));
    }

    @Override
    public @Nullable LayerInputs layerInputs(String base, Weights weights) {
        if (config.inputs().width() == 0) {
            return null;
        }
        return new LayerInputs(
                weights.matrix(base + TABLE),
                Tensors.rounded(
                        Math.sqrt(config.inputs().width()),
                        weights.matrix(base + TABLE).dtype()),
                weights.linear(base + PROJECTION),
                1 / Math.sqrt(hidden()),
                norm(weights, base + PROJECTION_NORM),
                config.blocks().size(),
                config.sizes().padTokenId());
    }

    @Override
    public boolean isUnused(String name) {
        var layer = OF_KEYS.matcher(name);
        return layer.matches()
                && Integer.parseInt(layer.group(1)) < config.blocks().size()
                && config.blocks().get(Integer.parseInt(layer.group(1))).lender() >= 0;
    }

    private long hidden() {
        return config.sizes().hiddenSize();
    }

    private static ParameterSpec norm(String name, long size) {
        return new ParameterSpec(name, Initial.ONES, size);
    }

    private Norm norm(Weights weights, String name) {
        return new RmsNorm(name, weights.get(name), config.sizes().rmsNormEps());
    }
}
