package org.loft4j.nn;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * A function whose gradient is computed here and not by autograd: what {@code torch.autograd.Function} is in PyTorch.
 *
 * <p>The function itself is computed outside autograd. What autograd sees is {@code y + witness·Σᵢ sum(xᵢ[:0])}, sums of no
 * numbers: they change nothing, but lead from y to each x. A hook on y computes the gradients when {@code ∂y} comes by, and
 * hooks on the x write them over the zeros that arrive there.
 *
 * <p>Hooks and saved tensors must live as long as autograd's graph, whatever scopes are closed before. Nobody tells when a
 * graph goes, but it holds the witness: when it no longer does, all is freed. That is at the end of the walk; a graph that is
 * never walked is found when the same thread next builds such a function.
 */
final class AutogradFunction {
    /** Computes the gradients, outside autograd unless it switches that on. */
    interface Backward {
        /**
         * @param saved what was handed over, detached
         * @param gradient of y
         * @return one for each input, in its shape, or null where it is zero
         */
        List<? extends @Nullable Tensor> gradients(List<Tensor> saved, Tensor gradient);
    }

    private static final ThreadLocal<Mine> MINE = ThreadLocal.withInitial(Mine::new);

    /** Functions that are looked at when one is built, so that a graph that somebody keeps does not hide those behind it. */
    private static final int LOOKS = 2;

    private final String refusal;
    private final Backward backward;
    private final Tensor witness;
    private final List<Tensor> saved = new ArrayList<>();
    private final List<VoidTensorHook> hooks = new ArrayList<>();
    private final List<@Nullable Tensor> gradients = new ArrayList<>();
    private int awaited;

    /** What a thread has built, oldest first. */
    private static final class Mine {
        private final Deque<AutogradFunction> built = new ArrayDeque<>();

        /** How many backward passes of such functions it is in: then a graph may be on its way whose witness is gone already. */
        private int walking;

        private void freeTheDone() {
            int kept = 0;
            while (walking == 0 && kept < Math.min(LOOKS, built.size())) {
                AutogradFunction oldest = built.removeFirst();
                if (oldest.isDone()) {
                    oldest.dispose();
                } else {
                    built.addLast(oldest);
                    kept++;
                }
            }
        }
    }

    private AutogradFunction(String refusal, List<Tensor> saved, Tensor witness, Backward backward) {
        this.refusal = refusal;
        this.backward = backward;
        this.witness = NativeScope.keep(witness);
        saved.forEach(tensor -> this.saved.add(NativeScope.keep(tensor.detach())));
    }

    /**
     * Leads the gradient of y to the inputs, if autograd records and one of them requires it; else does nothing.
     *
     * @param refusal what is said of a second derivative, which there is none of
     * @param y just computed outside autograd; a small sum is added in place
     * @param inputs of which those that require a gradient get one
     * @param saved what the backward pass needs; y may be among it
     */
    static void lead(String refusal, Tensor y, List<Tensor> inputs, List<Tensor> saved, Backward backward) {
        if (!GradMode.is_enabled() || inputs.stream().noneMatch(Tensor::requires_grad)) {
            return;
        }
        Mine mine = MINE.get();
        mine.freeTheDone();
        AutogradFunction function =
                new AutogradFunction(refusal, saved, torch.full(new long[] {}, new Scalar(1.0), y.options()), backward);
        Tensor path = torch.full(new long[] {}, new Scalar(0.0), y.options());
        for (int i = 0; i < inputs.size(); i++) {
            function.gradients.add(null);
            if (inputs.get(i).requires_grad()) {
                Tensor origin = torch.alias(inputs.get(i));
                origin.register_hook(function.kept(function.new InputHook(i)));
                path = path.add(origin.narrow(0, 0, 0).sum());
            }
        }
        y.add_(path.mul(function.witness));
        y.register_hook(function.kept(function.new OutputHook()));
        mine.built.addLast(function);
    }

    private VoidTensorHook kept(VoidTensorHook hook) {
        hooks.add(NativeScope.keep(hook));
        return hook;
    }

    /** Whether no graph leads through here any longer: then nobody but us holds the witness. */
    private boolean isDone() {
        return witness.use_count() == 1;
    }

    private void dispose() {
        forget();
        hooks.forEach(VoidTensorHook::close);
        gradients.forEach(AutogradFunction::release);
        witness.close();
    }

    private void forget() {
        saved.forEach(Tensor::close);
        saved.clear();
    }

    private static void release(@Nullable Tensor tensor) {
        if (tensor != null) {
            tensor.close();
        }
    }

    private List<? extends @Nullable Tensor> walk(Tensor gradient) {
        Mine mine = MINE.get();
        mine.walking++;
        try {
            return backward.gradients(List.copyOf(saved), gradient);
        } finally {
            mine.walking--;
        }
    }

    /** What a hook is called with is a copy of the engine's handle, which it closes. */
    private final class OutputHook extends VoidTensorHook {
        @Override
        public void call(TensorBase arrival) {
            try (arrival) {
                if (GradMode.is_enabled()) {
                    throw new IllegalStateException(refusal);
                }
                try (NativeScope scope = new NativeScope()) {
                    awaited = hooks.size() - 1;
                    List<? extends @Nullable Tensor> found = walk(new Tensor(arrival));
                    for (int i = 0; i < found.size(); i++) {
                        Tensor of = found.get(i);
                        release(gradients.set(i, of == null ? null : NativeScope.keep(of)));
                    }
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
            try (zeros;
                    NativeScope scope = new NativeScope()) {
                Tensor gradient = gradients.set(index, null);
                if (gradient != null) {
                    try (gradient) {
                        new Tensor(zeros).copy_(gradient);
                    }
                }
                awaited--;
            }
            if (isDone()) {
                forget();
                if (awaited == 0 && MINE.get().built.removeLastOccurrence(AutogradFunction.this)) {
                    dispose();
                }
            }
        }
    }
}
