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
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomState;

/**
 * A layer, or a few, of which only the input is kept until the backward pass, where it is computed once more; Chen et al. 2016
 * (arXiv:1604.06174), section 4. The random numbers are those of the first time, so the gradients are the same.
 *
 * <p>The layer is first computed outside autograd. What autograd sees is {@code y + sum(x[:0])}, a sum of no numbers, which
 * leads from y to x. A hook on y computes the layer anew from x, within autograd, and sends {@code ∂y} back through it: what
 * the layer trains gets its gradient there. A hook on x writes {@code ∂x} over the zeros that arrive.
 */
public final class ActivationCheckpoint {
    private final Function<List<Tensor>, Tensor> layer;
    private final List<Tensor> inputs;
    private final RandomState random;
    private final List<@Nullable Tensor> gradients = new ArrayList<>();

    /**
     * How many layers of a stack are computed again as one. A layer keeps about twenty times its input for the backward pass, so
     * that L layers in groups of k take {@code L/k + 20·k} inputs: least at {@code k = √(L/20)}, which is one up to 44 layers;
     * memory then grows with √L.
     */
    public static int group(int layers) {
        return (int) Math.max(1, Math.round(Math.sqrt(layers / 20.0)));
    }

    private ActivationCheckpoint(Function<List<Tensor>, Tensor> layer, List<Tensor> inputs) {
        this.layer = layer;
        this.inputs = List.copyOf(inputs);
        this.random = RandomState.of(DeviceSpec.of(inputs.get(0)));
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
        return GradMode.is_enabled() ? new ActivationCheckpoint(layer, inputs).forward() : layer.apply(inputs);
    }

    private Tensor forward() {
        Tensor y;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            y = layer.apply(inputs);
        }
        boolean led = false;
        for (int i = 0; i < inputs.size(); i++) {
            gradients.add(null);
            if (inputs.get(i).requires_grad()) {
                Tensor origin = torch.alias(inputs.get(i));
                origin.register_hook(new InputHook(i));
                y.add_(origin.narrow(0, 0, 0).sum());
                led = true;
            }
        }
        if (!led) {
            // the first layer of a frozen model: nobody asks for the gradient of its input, but for those of its
            // adapters
            Tensor anchor = torch.empty(new long[] {0}, y.options(), null);
            anchor.set_requires_grad(true);
            y.add_(anchor.sum());
        }
        y.register_hook(new OutputHook());
        return y;
    }

    private void recompute(Tensor gradient) {
        RandomState now = RandomState.of(DeviceSpec.of(gradient));
        List<Tensor> leaves = new ArrayList<>();
        for (Tensor input : inputs) {
            Tensor leaf = input.detach();
            leaf.set_requires_grad(input.requires_grad());
            leaves.add(leaf);
        }
        Tensor y;
        random.restore();
        try (AutoGradMode recording = new AutoGradMode(true)) {
            y = layer.apply(leaves);
        } finally {
            now.restore();
        }
        if (y.requires_grad()) {
            y.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
        }
        for (int i = 0; i < leaves.size(); i++) {
            // what grad() yields points into the leaf; a handle of our own outlives it
            Tensor of = leaves.get(i).grad();
            gradients.set(i, of.defined() ? NativeScope.keep(new Tensor(of)) : null);
        }
    }

    /** As in {@link TiledProduct}, a hook closes the handle that it is called with. */
    private final class OutputHook extends VoidTensorHook {
        @Override
        public void call(TensorBase arrival) {
            try (arrival) {
                if (GradMode.is_enabled()) {
                    throw new IllegalStateException(
                            "a recomputed layer has no second derivative: switch gradient checkpointing off");
                }
                try (NativeScope scope = new NativeScope()) {
                    recompute(new Tensor(arrival));
                }
            }
        }
    }

    private final class InputHook extends VoidTensorHook {
        private final int index;

        private InputHook(int index) {
            this.index = index;
        }

        @Override
        public void call(TensorBase zeros) {
            Tensor gradient = gradients.set(index, null);
            if (gradient == null) {
                zeros.close();
                return;
            }
            try (zeros;
                    gradient;
                    NativeScope scope = new NativeScope()) {
                new Tensor(zeros).copy_(gradient);
            }
        }
    }
}
