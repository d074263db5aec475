package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.nn.Activation;
import org.loft4j.nn.DeltaProjection;
import org.loft4j.nn.GatedDeltaNet;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.Weights;

/**
 * The names and sizes of linear attention in a decoder some of whose blocks have it for attention
 * ({@code model.layers.0.linear_attn.in_proj_qkv.weight}); see {@link GatedDeltaNet}.
 *
 * @param keyHeads {@code linear_num_key_heads}
 * @param valueHeads {@code linear_num_value_heads}, a multiple of them
 * @param keyDim {@code linear_key_head_dim}
 * @param valueDim {@code linear_value_head_dim}
 * @param kernel {@code linear_conv_kernel_dim}: how many tokens the convolution sees
 * @param projections from the hidden states
 * @param at the blocks, by number, that have it
 */
public record DeltaLayout(
        int keyHeads, int valueHeads, int keyDim, int valueDim, int kernel, Projections projections, IntPredicate at) {
    private static final String MODULE = "linear_attn.";

    /** How the projections of the hidden states lie in files. */
    public enum Projections {
        /** Each is a matrix of its own, as in Qwen 3.5. */
        SEPARATE,
        /** Two matrices with the rows of each head of keys together, as in Qwen3-Next. */
        GROUPED
    }

    public DeltaLayout {
        Checks.atLeast("linear_num_key_heads", keyHeads, 1);
        Checks.atLeast("linear_num_value_heads", valueHeads, 1);
        Checks.atLeast("linear_key_head_dim", keyDim, 1);
        Checks.atLeast("linear_value_head_dim", valueDim, 1);
        Checks.atLeast("linear_conv_kernel_dim", kernel, 1);
        if (valueHeads % keyHeads != 0) {
            throw new ConfigException("linear_num_value_heads must be a multiple of linear_num_key_heads, got "
                    + valueHeads + " and " + keyHeads);
        }
    }

    /** The parameters of a block's linear attention, in the order of use. */
    List<ParameterSpec> parameters(String block, long hidden) {
        String module = block + MODULE;
        long values = (long) valueHeads * valueDim;
        long channels = 2L * keyHeads * keyDim + values;
        List<ParameterSpec> specs = new ArrayList<>();
        if (projections == Projections.GROUPED) {
            specs.addAll(Parameters.linear(module + "in_proj_qkvz", channels + values, hidden, false));
            specs.addAll(Parameters.linear(module + "in_proj_ba", 2L * valueHeads, hidden, false));
        } else {
            specs.addAll(Parameters.linear(module + "in_proj_qkv", channels, hidden, false));
            specs.addAll(Parameters.linear(module + "in_proj_z", values, hidden, false));
            specs.addAll(Parameters.linear(module + "in_proj_b", valueHeads, hidden, false));
            specs.addAll(Parameters.linear(module + "in_proj_a", valueHeads, hidden, false));
        }
        specs.add(new ParameterSpec(module + "conv1d.weight", Initial.NORMAL, channels, 1, kernel));
        specs.add(new ParameterSpec(module + "A_log", Initial.LOG_RATES, valueHeads));
        specs.add(new ParameterSpec(module + "dt_bias", Initial.ONES, valueHeads));
        specs.add(new ParameterSpec(module + "norm.weight", Initial.ONES, valueDim));
        specs.addAll(Parameters.linear(module + "out_proj", hidden, values, false));
        return specs;
    }

    GatedDeltaNet mixer(int layer, String block, Weights weights, Activation activation, double eps) {
        String module = block + MODULE;
        return new GatedDeltaNet(
                layer,
                new GatedDeltaNet.Shape(keyHeads, valueHeads, keyDim, valueDim, activation),
                projection(module, weights),
                weights.get(module + "conv1d.weight"),
                weights.get(module + "A_log"),
                weights.get(module + "dt_bias"),
                new RmsNorm(module + "norm.weight", weights.get(module + "norm.weight"), eps),
                weights.linear(module + "out_proj"));
    }

    private DeltaProjection projection(String module, Weights weights) {
        return projections == Projections.GROUPED
                ? new DeltaProjection.Grouped(
                        weights.linear(module + "in_proj_qkvz"), weights.linear(module + "in_proj_ba"))
                : new DeltaProjection.Separate(
                        weights.linear(module + "in_proj_qkv"),
                        weights.linear(module + "in_proj_z"),
                        weights.linear(module + "in_proj_b"),
                        weights.linear(module + "in_proj_a"));
    }
}
