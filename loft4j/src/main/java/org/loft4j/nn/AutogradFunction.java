package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DispatchKey;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * A function whose gradient is computed here and not by autograd: what {@code torch.autograd.Function} is in PyTorch.
 *
 * <p>The function itself is computed outside autograd. What autograd sees is that {@code witness·(life + Σᵢ sum(xᵢ[:0]))}, a sum
 * of no numbers, is added to no row of y: this changes nothing and costs nothing, but leads from y to each x. A hook on y computes
 * the gradients when {@code ∂y} comes by, and hooks on the x put them in place of the zeros that arrive there. A single x of y's
 * shape needs no zeros ({@link #inPlaceOf}): autograd sees x itself, whose numbers are exchanged for those of y, and whose gradient
 * for that of x.
 *
 * <p>Of a function of several results the gradients are computed as each result's comes by, and are whole when autograd reaches the x,
 * which comes behind all of them.
 *
 * <p>Saved tensors must live as long as autograd keeps its own, and the hooks as long as its graph, whatever scopes are closed
 * before. Nobody tells when they go, but two numbers do by who holds them: the witness is saved for the backward pass, and the
 * leaf {@code life} belongs to a node of the graph. Saved tensors are freed at the end of the pass, the rest by {@link #sweep}.
 */
public final class AutogradFunction {
    /** Computes the gradients, outside autograd unless it switches that on. */
    public interface Backward {
        /**
         * @param saved what was handed over, detached
         * @param gradient of y
         * @return one for each input, in its shape and type, or null where it is zero
         */
        List<? extends @Nullable Tensor> gradients(List<Tensor> saved, Tensor gradient);
    }

    /** The same of a function of several results. */
    public interface BackwardOfSeveral {
        /**
         * Adds what comes by one result.
         *
         * @param saved what was handed over, detached
         * @param result which one
         * @param gradient of it
         * @param sums of each input so far, null for none, to be written to: a tensor that was put here may be added to in place
         */
        void add(List<Tensor> saved, int result, Tensor gradient, @Nullable Tensor[] sums);
    }

    /** All that may still be part of a graph, oldest first. */
    private static final Queue<AutogradFunction> BUILT = new ConcurrentLinkedQueue<>();

    /** Functions that are looked at when one is built, so that a graph that somebody keeps does not hide those behind it. */
    private static final int LOOKS = 2;

    private final String refusal;
    private final BackwardOfSeveral backward;
    private final Tensor witness;
    private final Tensor life;
    private final List<Tensor> saved = new ArrayList<>();
    private final List<Long> versions = new ArrayList<>();
    private final List<VoidTensorHook> hooks = new ArrayList<>();
    private final List<@Nullable Tensor> gradients = new ArrayList<>();
    private final List<Boolean> wanted = new ArrayList<>();

    private AutogradFunction(String refusal, Tensor y, BackwardOfSeveral backward) {
        this.refusal = refusal;
        this.backward = backward;
        this.witness = NativeScope.keep(torch.full(new long[] {}, new Scalar(1.0), y.options()));
        this.life = NativeScope.keep(torch.full(new long[] {}, new Scalar(0.0), y.options()));
        life.set_requires_grad(true);
    }

    /**
     * Leads the gradient of y to the inputs, if autograd records and one of them requires it; else does nothing.
     *
     * @param refusal what is said of a second derivative, which there is none of
     * @param y just computed outside autograd, of at least one dimension
     * @param inputs of which those that require a gradient get one
     * @param saved what the backward pass needs; y may be among it
     */
    public static void lead(String refusal, Tensor y, List<Tensor> inputs, List<Tensor> saved, Backward backward) {
        leadSeveral(refusal, List.of(y), inputs, saved, single(backward));
    }

    private static BackwardOfSeveral single(Backward backward) {
        return (saved, result, gradient, sums) ->
                backward.gradients(saved, gradient).toArray(sums);
    }

    /**
     * The same for a function of several results, whichever of them are used.
     *
     * @param results just computed outside autograd, of one type, each of at least one dimension and in memory of its own
     */
    public static void leadSeveral(
            String refusal, List<Tensor> results, List<Tensor> inputs, List<Tensor> saved, BackwardOfSeveral backward) {
        if (!GradMode.is_enabled() || inputs.stream().noneMatch(Tensor::requires_grad)) {
            return;
        }
        AutogradFunction function = new AutogradFunction(refusal, results.get(0), backward);
        Tensor path = function.life;
        for (int i = 0; i < inputs.size(); i++) {
            function.gradients.add(null);
            function.wanted.add(inputs.get(i).requires_grad());
            if (inputs.get(i).requires_grad()) {
                Tensor origin = torch.alias(inputs.get(i));
                origin.register_hook(function.kept(function.new InputHook(i)));
                // an input of another type must not make y's path one of that
                path = path.add(origin.narrow(0, 0, 0).sum().to(results.get(0).scalar_type()));
            }
        }
        Tensor nothing = path.mul(function.witness);
        for (int i = 0; i < results.size(); i++) {
            addPath(results.get(i), nothing);
            results.get(i).register_hook(function.kept(function.new OutputHook(i)));
        }
        function.save(saved);
    }

    /**
     * The same for a function of one input whose result has its shape and type.
     *
     * @param y just computed outside autograd, of at least one dimension
     * @return y, with the gradient led to x
     */
    public static Tensor inPlaceOf(Tensor x, String refusal, Tensor y, List<Tensor> saved, Backward backward) {
        if (!GradMode.is_enabled() || !x.requires_grad()) {
            return y;
        }
        AutogradFunction function = new AutogradFunction(refusal, y, single(backward));
        Tensor exchanged = sameTo(x);
        exchanged.register_hook(function.kept(function.new ExchangeHook()));
        exchanged.set_data(y);
        addPath(exchanged, function.life.mul(function.witness));
        function.save(saved);
        // a view, so that what arrives at x is nobody else's
        return exchanged.view(exchanged.sizes());
    }

    /** x as autograd sees it, but no view of it: what is done to it later is not done to x. */
    private static Tensor sameTo(Tensor x) {
        boolean before = torch.tls_is_dispatch_key_excluded(DispatchKey.ADInplaceOrView);
        torch.tls_set_dispatch_key_excluded(DispatchKey.ADInplaceOrView, true);
        try {
            return torch.alias(x);
        } finally {
            torch.tls_set_dispatch_key_excluded(DispatchKey.ADInplaceOrView, before);
        }
    }

    /** Leads from y to where nothing comes from. */
    private static void addPath(Tensor y, Tensor nothing) {
        long[] noRows = Shapes.of(y);
        noRows[0] = 0;
        Tensor none = torch.empty(new long[] {0}, y.options().dtype(new ScalarTypeOptional(ScalarType.Long)), null);
        y.index_add_(0, none, nothing.expand(noRows));
    }

    private void save(List<Tensor> tensors) {
        for (int i = 0; i < LOOKS; i++) {
            look();
        }
        for (Tensor tensor : tensors) {
            Tensor own = NativeScope.keep(tensor.detach());
            saved.add(own);
            versions.add(own._version());
        }
        // not before y leads to it: another thread may look
        BUILT.add(this);
    }

    private VoidTensorHook kept(VoidTensorHook hook) {
        hooks.add(NativeScope.keep(hook));
        return hook;
    }

    /** Frees what belongs to graphs that are gone; {@link #lead} does so bit by bit. */
    public static void sweep() {
        for (int i = BUILT.size(); i > 0; i--) {
            look();
        }
    }

    /** At the oldest, which becomes the newest if its graph is there still. */
    private static void look() {
        AutogradFunction oldest = BUILT.poll();
        if (oldest == null) {
            return;
        }
        if (oldest.life.use_count() > 1) {
            BUILT.add(oldest);
            return;
        }
        oldest.forget();
        oldest.hooks.forEach(VoidTensorHook::close);
        oldest.gradients.forEach(AutogradFunction::release);
        oldest.witness.close();
        oldest.life.close();
    }

    private void forget() {
        saved.forEach(Tensor::close);
        saved.clear();
    }

    private void forgetIfWalked() {
        if (witness.use_count() == 1) {
            forget();
        }
    }

    private static void release(@Nullable Tensor tensor) {
        if (tensor != null) {
            tensor.close();
        }
    }

    private void check() {
        if (GradMode.is_enabled()) {
            throw new IllegalStateException(refusal);
        }
        if (saved.size() < versions.size()) {
            throw new IllegalStateException(
                    "a second backward pass through the same graph: let the first one retain it");
        }
        for (int i = 0; i < saved.size(); i++) {
            if (saved.get(i)._version() != versions.get(i)) {
                throw new IllegalStateException("a tensor that a gradient needs has been changed in place since");
            }
        }
    }

    /** What a hook is called with is a copy of the engine's handle, which it closes. */
    private final class OutputHook extends VoidTensorHook {
        private final int result;

        private OutputHook(int result) {
            this.result = result;
        }

        @Override
        public void call(TensorBase arrival) {
            try (arrival;
                    NativeScope scope = new NativeScope()) {
                check();
                @Nullable Tensor[] sums = gradients.toArray(new Tensor[0]);
                backward.add(List.copyOf(saved), result, new Tensor(arrival), sums);
                for (int i = 0; i < sums.length; i++) {
                    if (!wanted.get(i)) {
                        continue;
                    }
                    Tensor before = gradients.get(i);
                    if (sums[i] != before) {
                        release(before);
                        Tensor found = sums[i];
                        gradients.set(i, found == null ? null : NativeScope.keep(found));
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
                        zeros.set_data(gradient);
                    }
                }
            }
            forgetIfWalked();
        }
    }

    /** By now autograd is past the witness. */
    private final class ExchangeHook extends VoidTensorHook {
        @Override
        public void call(TensorBase arrival) {
            try (arrival;
                    NativeScope scope = new NativeScope()) {
                check();
                Tensor gradient = new Tensor(arrival);
                @Nullable Tensor[] sums = new Tensor[1];
                backward.add(List.copyOf(saved), 0, gradient, sums);
                Tensor of = sums[0];
                arrival.set_data(of == null ? torch.zeros_like(gradient) : of);
            }
            forgetIfWalked();
        }
    }
}
