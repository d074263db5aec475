package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.RandomState;

/**
 * A layer, or a few, of which only the input is kept until the backward pass, where it is computed once more; Chen et al. 2016
 * (arXiv:1604.06174), section 4. The random numbers are those of the first time, so the gradients are the same.
 *
 * <p>The layer is first computed outside autograd, then anew from its input, within autograd, when {@code ∂y} arrives: what
 * the layer trains gets its gradient there ({@link AutogradFunction}).
 *
 * <p>The last layer of a stack, or the last group, is better none: it goes back first, while all inputs are there, and what it
 * would then make anew it may as well have kept.
 */
public final class ActivationCheckpoint {
    private final Function<List<Tensor>, Tensor> layer;
    private final Function<List<Tensor>, Tensor> again;
    private final List<Tensor> inputs;
    private final List<Boolean> asks;
    private final @Nullable RandomState random;

    /**
     * How many layers of a stack are computed again as one. A layer keeps about twenty times its input for the backward pass, so
     * that L layers in groups of k take {@code L/k + 20·k} inputs: least at {@code k = √(L/20)}, which is one up to 44 layers;
     * memory then grows with √L.
     */
    public static int group(int layers) {
        return (int) Math.max(1, Math.round(Math.sqrt(layers / 20.0)));
    }

    private ActivationCheckpoint(
            Function<List<Tensor>, Tensor> layer,
            Function<List<Tensor>, Tensor> again,
            List<Tensor> inputs,
            boolean draws) {
        this.layer = layer;
        this.again = again;
        this.inputs = List.copyOf(inputs);
        this.asks = inputs.stream().map(Tensor::requires_grad).toList();
        this.random = draws ? RandomState.of(DeviceSpec.of(inputs.get(0))) : null;
    }

    /** {@code layer(x)}, computed again in the backward pass, before which the open scope must not be closed. */
    public static Tensor apply(UnaryOperator<Tensor> layer, Tensor x) {
        return apply(inputs -> layer.apply(inputs.get(0)), List.of(x));
    }

    /**
     * The same with several inputs.
     *
     * @param layer must be of its inputs alone, and of parameters; yields a tensor that is not one of them
     */
    public static Tensor apply(Function<List<Tensor>, Tensor> layer, List<Tensor> inputs) {
        return apply(layer, layer, inputs);
    }

    /**
     * The same where the last product of the second time can be spared: nobody looks at its numbers.
     *
     * @param again has the graph of {@code layer} and need not have its numbers, as {@link Linear#forGradient}
     */
    public static Tensor apply(
            Function<List<Tensor>, Tensor> layer, Function<List<Tensor>, Tensor> again, List<Tensor> inputs) {
        return GradMode.is_enabled()
                ? new ActivationCheckpoint(layer, again, inputs, true).forward()
                : layer.apply(inputs);
    }

    /**
     * The same of a part of a layer that draws no random numbers, whose inputs alone are asked for gradients: any scope may be
     * closed before the backward pass.
     */
    static Tensor ofPart(Function<List<Tensor>, Tensor> part, List<Tensor> inputs) {
        boolean again = GradMode.is_enabled() && inputs.stream().anyMatch(Tensor::requires_grad);
        return again ? new ActivationCheckpoint(part, part, inputs, false).forward() : part.apply(inputs);
    }

    private Tensor forward() {
        Tensor y;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            y = layer.apply(inputs);
        }
        List<Tensor> ledFrom = inputs;
        if (!asks.contains(true)) {
            // the first layer of a frozen model: nobody asks for the gradient of its input, but for those of its
            // adapters
            Tensor anchor = torch.empty(new long[] {0}, y.options(), null);
            anchor.set_requires_grad(true);
            ledFrom = List.of(anchor);
        }
        AutogradFunction.lead(
                "a recomputed layer has no second derivative: switch gradient checkpointing off",
                y,
                ledFrom,
                inputs,
                this::recompute);
        return y;
    }

    private List<@Nullable Tensor> recompute(List<Tensor> saved, Tensor gradient) {
        RandomState now = random == null ? null : RandomState.of(DeviceSpec.of(gradient));
        List<Tensor> leaves = new ArrayList<>();
        for (int i = 0; i < saved.size(); i++) {
            Tensor leaf = saved.get(i).detach();
            leaf.set_requires_grad(asks.get(i));
            leaves.add(leaf);
        }
        Tensor y;
        if (random != null) {
            random.restore();
        }
        try (AutoGradMode recording = new AutoGradMode(true)) {
            y = again.apply(leaves);
        } finally {
            if (now != null) {
                now.restore();
            }
        }
        if (y.requires_grad()) {
            y.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
        }
        List<@Nullable Tensor> gradients = new ArrayList<>();
        for (int i = 0; i < leaves.size() && asks.contains(true); i++) {
            // what grad() yields points into the leaf; a handle of our own outlives it
            Tensor of = leaves.get(i).grad();
            gradients.add(of.defined() ? new Tensor(of) : null);
        }
        return gradients;
    }
}
