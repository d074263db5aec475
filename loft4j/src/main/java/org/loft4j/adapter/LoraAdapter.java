package org.loft4j.adapter;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

/**
 * The low-rank adapters of one fine-tuning on a model. A model can have several, of which at most one is attached: attaching
 * one detaches the other. All of them share the model's frozen weights.
 *
 * <p>Modules that are trained in full ({@code modules_to_save}) live in the model's own weights while the adapter is
 * attached, and are exchanged for the model's values when it is detached, bit for bit in both directions.
 *
 * <p>The adapter owns its tensors. It needs the model for everything but {@link #close}.
 */
public final class LoraAdapter implements AutoCloseable {
    private final Model model;
    private final LoraConfig config;
    private final Map<String, LoraLinear> layers = new LinkedHashMap<>();
    private final Weights factors = new Weights();
    /** For each module saved in full: the model's values while attached, the adapter's while detached. */
    private final Weights exchanged = new Weights();

    private final Merging merging;
    private final Weights probes = new Weights();
    private State state = State.DETACHED;
    private Weights.@Nullable PutBy edition;

    private enum State {
        DETACHED,
        ATTACHED,
        MERGED,
        CLOSED
    }

    private LoraAdapter(Model model, LoraConfig config) {
        this.model = model;
        this.config = config;
        this.merging = new Merging(layers.values(), model.weights());
    }

    /**
     * Puts new adapters on a model, freezes its weights and attaches them. A is uniform in ±1/√in, as PEFT draws it (Kaiming
     * with a = √5), B is zero and DoRA's magnitudes are the norms of the weight's rows, so the model computes what it did before. Each layer draws from a stream of its own, so its
     * numbers depend on seed and path alone. For classification the head is saved in full too, as PEFT does for
     * {@code SEQ_CLS}.
     *
     * @throws ConfigException if a target or a module to save does not exist; the message lists those that do
     */
    public static LoraAdapter create(Model model, LoraConfig config, long seed) {
        LoraConfig complete = config.withHead(model);
        Map<String, Linear> selected = ModuleSelection.select(model, complete);
        ModuleSelection.requireSaved(model, complete);
        ModuleSelection.warnOfRanks(complete, selected);
        return attached(model, complete, adapter -> {
            selected.forEach((path, layer) -> {
                int rank = complete.rankOf(path);
                Tensor a = Drawn.kaiming(Seeds.derive(seed, path + ".lora_A", 0), rank, layer.inFeatures());
                Tensor b = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, layer.outFeatures(), rank);
                adapter.add(layer, new Factors(a, b, null));
            });
            for (String name : ModuleSelection.savedNames(model, complete)) {
                adapter.exchanged.put(name, model.weights().get(name).detach().clone());
            }
        });
    }

    /** A new adapter in place of the one that is attached, which stays so where this fails. */
    private static LoraAdapter attached(Model model, LoraConfig config, Consumer<LoraAdapter> values) {
        LoraAdapter before = detachAny(model);
        LoraAdapter adapter = new LoraAdapter(model, config);
        try {
            try (NativeScope scope = new NativeScope()) {
                values.accept(adapter);
            }
            adapter.attach();
            return adapter;
        } catch (RuntimeException | Error e) {
            adapter.close();
            if (before != null) {
                before.attach();
            }
            throw e;
        }
    }

    /**
     * An adapter with given values, attached.
     *
     * @param factors by layer, of any floating dtype
     * @param saved values of modules saved in full, by the model's own names
     */
    static LoraAdapter of(Model model, LoraConfig config, Map<Linear, Factors> factors, Map<String, Tensor> saved) {
        return attached(model, config, adapter -> {
            factors.forEach(adapter::add);
            saved.forEach((name, value) -> {
                Tensor ours = model.weights().get(name);
                adapter.exchanged.put(
                        name, value.to(ours.device(), ours.scalar_type()).clone());
            });
        });
    }

    private void add(Linear layer, Factors values) {
        Dtype dtype = layer.matrix().dtype() == Dtype.F64 ? Dtype.F64 : Dtype.F32;
        Tensor loraA = factors.put(layer.path() + ".lora_A", leaf(layer, dtype, values.loraA()));
        Tensor loraB = factors.put(layer.path() + ".lora_B", leaf(layer, dtype, values.loraB()));
        Tensor magnitude = null;
        if (config.useDora()) {
            Tensor value = values.magnitude() == null ? Magnitude.initial(layer.matrix(), dtype) : values.magnitude();
            magnitude = factors.put(layer.path() + ".lora_magnitude_vector", leaf(layer, dtype, value));
        }
        double scale = config.scaleOf(layer.path());
        layers.put(layer.path(), new LoraLinear(this, layer, loraA, loraB, magnitude, scale, config.dropout()));
    }

    private static Tensor leaf(Linear layer, Dtype dtype, Tensor value) {
        Tensor leaf = value.detach()
                .to(layer.matrix().device().torch(), dtype.scalarType())
                .clone();
        leaf.set_requires_grad(true);
        return leaf;
    }

    /** Gives every layer a probe of its full gradient, in training: see {@link LoraLinear#probeSink}. Nothing of it is saved. */
    public void addProbes() {
        try (NativeScope scope = new NativeScope()) {
            layers.forEach((path, layer) -> {
                Tensor a = layer.loraA().detach();
                Tensor direction = probes.put(
                        path + ".direction",
                        torch.zeros(new long[] {1, layer.base().inFeatures()}, a.options()));
                Tensor sink = probes.put(
                        path + ".sink", torch.zeros(new long[] {layer.base().outFeatures(), 1}, a.options()));
                sink.set_requires_grad(true);
                layer.setProbe(direction, sink);
            });
        }
    }

    /**
     * Draws the directions of the probes anew: independent signs, a function of the seed, the layer's path and the step alone, times
     * the power of two next to 1/√in, which rounds nothing and makes them as long as a row of A, so that float16 holds both alike.
     * Does nothing if there are no probes.
     */
    public void drawProbes(long seed, long step) {
        try (NativeScope scope = new NativeScope()) {
            layers.forEach((path, layer) -> {
                Tensor direction = layer.probeDirection();
                if (direction != null) {
                    long in = layer.base().inFeatures();
                    copy(direction, Drawn.signs(Seeds.derive(seed, path + ".probe", step), in));
                }
            });
        }
    }

    /** Computes DoRA's norms if a factor has changed since: else each of the threads that need them would wait for the first. */
    public void renewNorms() {
        layers.values().forEach(LoraLinear::renewNorms);
    }

    /** The adapted layers by module path, in the model's order. */
    public Map<String, LoraLinear> layers() {
        return Collections.unmodifiableMap(layers);
    }

    /** The configuration; for classification its {@code modulesToSave} names the head. */
    public LoraConfig config() {
        return config;
    }

    /**
     * The adapter's values of the modules that are saved in full, by the model's names. While the adapter is attached these
     * are the model's own tensors, and ask for their gradients.
     */
    public Map<String, Tensor> savedModules() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        exchanged
                .asMap()
                .forEach((name, tensor) -> tensors.put(
                        name, state == State.DETACHED ? tensor : model.weights().get(name)));
        return tensors;
    }

    /** Number of elements that are trained: factors that ask for their gradient, and modules saved in full. */
    public long trainableElements() {
        long factorElements = factors.asMap().values().stream()
                .filter(Tensor::requires_grad)
                .mapToLong(Tensor::numel)
                .sum();
        return factorElements + exchanged.elements();
    }

    public boolean isAttached() {
        return state == State.ATTACHED;
    }

    public boolean isMerged() {
        return state == State.MERGED;
    }

    /** Switches the adapter's dropout on (training) or off (evaluation, the initial state). */
    public void setTraining(boolean training) {
        layers.values().forEach(layer -> layer.setTraining(training));
    }

    /**
     * Lets this adapter take part in the model's output, in place of the one that did. Does nothing if it does already. It goes layer
     * by layer, and so do {@link #detach} and {@link #merge}: a pass that another thread makes meanwhile would be partly of each, and
     * who lets several threads switch and compute locks them out of each other.
     */
    public void attach() {
        requireState("attach", State.DETACHED, State.ATTACHED);
        if (state == State.ATTACHED) {
            return;
        }
        detachAny(model);
        model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(false));
        exchange();
        layers.values().forEach(layer -> layer.base().setForward(layer));
        state = State.ATTACHED;
        exchanged.asMap().keySet().forEach(name -> model.weights().get(name).set_requires_grad(true));
    }

    /** Gives the model back as it was before {@link #attach}. Does nothing if the adapter is detached already. */
    public void detach() {
        requireState("detach", State.DETACHED, State.ATTACHED);
        if (state == State.ATTACHED) {
            layers.values().forEach(layer -> layer.base().setForward(null));
            freezeSaved();
            exchange();
            state = State.DETACHED;
        }
    }

    /**
     * Adds the adapter to the model's weights. The sum is computed in float32 (float64 for a float64 model) and rounded to
     * the dtype of the model once. A copy of the weights is kept, so that {@link #unmerge} restores them bit for bit; where a
     * merge fails half way, for want of memory say, they are as they were.
     *
     * @throws IllegalStateException if an adapter is merged already
     * @throws ConfigException if a layer shares its weight with another module, which the merge would change too, or if it is
     *     quantised
     */
    public MergeReport merge() {
        return merge(true, LoraAdapter::typeOf);
    }

    /**
     * Merges without a copy of the weights, and closes the adapter: the model stays merged, and needs no more memory. Where this
     * fails half way, some layers are merged for good, and the model is of no more use.
     *
     * @param types that the sums of the layers are rounded to, which are then kept in the model's
     */
    public MergeReport mergeAndClose(Function<LoraLinear, Dtype> types) {
        MergeReport report = merge(false, types);
        close();
        return report;
    }

    /** The same, rounded to the model's type. */
    public MergeReport mergeAndClose() {
        return mergeAndClose(LoraAdapter::typeOf);
    }

    private static Dtype typeOf(LoraLinear layer) {
        return Dtype.of(layer.base().weight());
    }

    /**
     * Refuses what {@link #merge} would, and attaches the adapter.
     *
     * @throws ConfigException if a layer shares its weight with another module, which a merge would change too, or if it is
     *     quantised
     */
    public void requireMergeable() {
        requireState("merge", State.DETACHED, State.ATTACHED);
        merging.refuseQuantized();
        merging.refuseTied(model);
        attach();
    }

    private MergeReport merge(boolean keepOriginals, Function<LoraLinear, Dtype> types) {
        requireMergeable();
        MergeReport report = merging.merge(keepOriginals, types);
        freezeSaved();
        state = State.MERGED;
        return report;
    }

    /** Takes the adapter out of the model's weights again, bit for bit, and leaves it attached. */
    public void unmerge() {
        requireState("unmerge", State.MERGED);
        merging.undo();
        state = State.ATTACHED;
        exchanged.asMap().keySet().forEach(name -> model.weights().get(name).set_requires_grad(true));
    }

    /** Frees the adapter and gives the model back as it was, unless it has been closed; a merged model stays merged. */
    @Override
    public void close() {
        if (state == State.CLOSED) {
            return;
        }
        if (state == State.ATTACHED && !model.weights().areClosed()) {
            detach();
        }
        layers.values().stream()
                .map(LoraLinear::base)
                .filter(base -> base.override() instanceof LoraLinear ours && ours.adapter() == this)
                .forEach(base -> base.setForward(null));
        layers.values().forEach(LoraLinear::close);
        state = State.CLOSED;
        factors.close();
        exchanged.close();
        merging.close();
        probes.close();
    }

    private void freezeSaved() {
        exchanged.asMap().keySet().forEach(name -> {
            Tensor weight = model.weights().get(name);
            weight.mutable_grad().reset();
            weight.set_requires_grad(false);
        });
    }

    /** Swaps the values of the modules saved in full, and what stands for all values, with those that are put by. */
    private void exchange() {
        edition = model.weights().exchangeEdition(edition);
        exchanged.asMap().forEach((name, other) -> {
            try (NativeScope scope = new NativeScope()) {
                Tensor weight = model.weights().get(name);
                Tensor old = weight.detach().clone();
                copy(weight, other);
                copy(other, old);
            }
        });
    }

    private static void copy(Tensor target, Tensor source) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            target.copy_(source);
        }
    }

    /** Detaches the adapter that is attached, and returns it; null if none is. */
    private static @Nullable LoraAdapter detachAny(Model model) {
        LoraAdapter detached = null;
        for (Linear layer : ModuleSelection.adaptable(model)) {
            if (layer.override() instanceof LoraLinear other) {
                if (other.adapter().isMerged()) {
                    throw new IllegalStateException("another adapter is merged into the model: unmerge it first");
                }
                detached = other.adapter();
                detached.detach();
            } else if (layer.override() != null) {
                throw new IllegalStateException(layer.path() + " is computed by something that is not an adapter");
            }
        }
        return detached;
    }

    private void requireState(String action, State... allowed) {
        if (!List.of(allowed).contains(state)) {
            throw new IllegalStateException("cannot " + action + ": the adapter is "
                    + state.name().toLowerCase(Locale.ROOT)
                    + (state == State.MERGED ? "; unmerge it first" : ""));
        }
    }
}
