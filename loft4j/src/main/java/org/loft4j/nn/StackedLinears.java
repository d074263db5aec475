package org.loft4j.nn;

import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Linear layers of one shape whose matrices are one parameter. Their paths are that parameter's name with their number, such as {@code
 * model.layers.0.mlp.experts.down_proj[3]}, which no module has.
 *
 * @param parameter the name
 * @param stack the matrices
 * @param all a layer for each, without its bias: what takes one of them over computes it in each pass
 * @param exchanged whether PEFT takes in and out of the matrices for one another: they are stored {@code (count, in, out)}, and their
 *     module in Transformers does not say so ({@code is_transposed})
 */
public record StackedLinears(String parameter, MatrixStack stack, List<Linear> all, boolean exchanged) {
    public StackedLinears {
        all = List.copyOf(all);
    }

    static StackedLinears of(String parameter, MatrixStack stack) {
        return new StackedLinears(
                parameter,
                stack,
                IntStream.range(0, stack.count())
                        .mapToObj(i -> new Linear(parameter + "[" + i + "]", stack.at(i), null))
                        .toList(),
                false);
    }

    private StackedLinears withExchanged() {
        return new StackedLinears(parameter, stack, all, true);
    }

    /** The same, which PEFT takes for stored the other way round. */
    static List<StackedLinears> exchanged(List<StackedLinears> stacks) {
        return stacks.stream().map(StackedLinears::withExchanged).toList();
    }

    /** Numbers that each of the matrices which a model's parameter holds takes in; 0 where it holds none. */
    public static long inOf(Model model, String parameter) {
        return model.mixtures().stream()
                .flatMap(mixture -> mixture.among().matrices().stream())
                .filter(stack -> stack.parameter().equals(parameter))
                .mapToLong(stack -> stack.all().get(0).inFeatures())
                .findFirst()
                .orElse(0);
    }

    /** The parameter that a layer's matrix lies in, by the layer's path; the path itself for a layer that is a module. */
    public static String parameterOf(String path) {
        return isOne(path) ? path.substring(0, path.lastIndexOf('[')) : path;
    }

    /** Whether a path is that of a layer whose matrix lies in one parameter with others. */
    public static boolean isOne(String path) {
        return path.endsWith("]") && path.lastIndexOf('[') > 0;
    }

    /** The name of the model's parameter that has the matrix of the layer at a path, be it a module's or one of several. */
    public static String weightOf(String path) {
        return isOne(path) ? parameterOf(path) : path + ".weight";
    }

    /**
     * The layers by number, for one pass.
     *
     * @param biases {@code (count, out)} or null
     */
    IntFunction<Linear> open(@Nullable Tensor biases) {
        IntFunction<WeightMatrix> matrices = stack.open();
        IntFunction<@Nullable Tensor> bias = slices(biases);
        return i -> {
            Linear kept = all.get(i);
            Linear linear = new Linear(kept.path(), matrices.apply(i), bias.apply(i));
            linear.setForward(kept.override());
            return linear;
        };
    }

    private static IntFunction<@Nullable Tensor> slices(@Nullable Tensor biases) {
        if (biases == null) {
            return i -> null;
        }
        IntFunction<Tensor> slices = Experts.slices(biases);
        return slices::apply;
    }
}
