package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.Mxfp4Weight;
import org.loft4j.nn.StackedLinears;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** Writes adapters into the base weights and takes them out again, and checks that this touches nothing else. */
final class Merging implements AutoCloseable {
    private static final String WEIGHT = ".weight";

    private final Collection<LoraLinear> layers;
    private final Weights base;
    /** The base weights as they were, by the layers' paths. */
    private final Weights originals = new Weights();

    /** @param base of the model, which the layers belong to */
    Merging(Collection<LoraLinear> layers, Weights base) {
        this.layers = layers;
        this.base = base;
    }

    /**
     * Merges all layers.
     *
     * @param keepOriginals whether {@link #undo} can take them out again; if not, those merged before a failure stay so
     * @param types that the sums are rounded to, before the weights take them, which hold none that are finer
     */
    MergeReport merge(boolean keepOriginals, Function<LoraLinear, Dtype> types) {
        base.markChanged();
        try {
            if (keepOriginals) {
                // all copies before the first write: if memory runs out, then here, most likely
                keepOriginals();
            }
            List<MergeReport.Layer> report = new ArrayList<>();
            for (LoraLinear layer : layers) {
                report.add(merge(layer, types.apply(layer)));
                layer.setMerged(true);
            }
            return new MergeReport(report);
        } catch (RuntimeException | Error e) {
            if (keepOriginals) {
                undo();
            }
            throw e;
        }
    }

    private void keepOriginals() {
        try (NativeScope scope = new NativeScope()) {
            for (LoraLinear layer : layers) {
                originals.put(layer.path(), layer.base().weight().detach().clone());
            }
        }
    }

    /** Takes out, bit for bit, what is merged. */
    void undo() {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            for (LoraLinear layer : layers) {
                if (layer.isMerged()) {
                    layer.base().matrix().write(originals.get(layer.path()));
                    layer.setMerged(false);
                }
            }
        }
        originals.close();
        base.markChanged();
    }

    /** Writes {@code W0 + ΔW} over the base weight. */
    private static MergeReport.Layer merge(LoraLinear layer, Dtype dtype) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor weight = layer.base().weight();
            boolean rounds = dtype != Dtype.of(layer.loraA()) || dtype != Dtype.of(weight);
            Tensor delta = layer.delta();
            double update = rounds ? delta.norm().item_double() : 0;
            Tensor sum = delta.add_(weight);
            Tensor rounded = sum.to(dtype.scalarType()).to(weight.scalar_type());
            double maxAbs = 0;
            double lost = 0;
            double relative = 0;
            double relativeToUpdate = 0;
            if (rounds) {
                Tensor error = sum.sub(rounded);
                maxAbs = error.abs().max().item_double();
                lost = error.norm().item_double();
                relative = ratio(lost, sum.norm().item_double());
                relativeToUpdate = ratio(lost, update);
            }
            if (!rounded.isfinite().all().item_bool()) {
                throw new ConfigException(layer.path() + " cannot be merged: "
                        + (sum.isfinite().all().item_bool()
                                ? "its sum has values that " + dtype.torchName()
                                        + " cannot hold: take bfloat16 or float32"
                                : "its sum has values that are no numbers, or infinite"));
            }
            layer.base().matrix().write(rounded);
            return new MergeReport.Layer(layer.path(), dtype, maxAbs, relative, relativeToUpdate);
        }
    }

    private static double ratio(double part, double whole) {
        return part == 0 ? 0 : part / whole;
    }

    /** Refuses layers whose weight cannot be written to: their numbers are rounded already, and would be once more. */
    void refuseQuantized() {
        for (LoraLinear layer : layers) {
            if (!layer.base().matrix().takesValues()) {
                boolean inFiles = layer.base().matrix() instanceof Mxfp4Weight;
                throw new ConfigException(layer.path() + " cannot be merged: its weight is "
                        + (inFiles
                                ? "in MXFP4 in the checkpoint; merge the adapter into one in bfloat16"
                                : "quantised; open the base model without load_in, and merge the adapter into that"));
            }
        }
    }

    /** Refuses layers whose weight is also another parameter, such as an output embedding that is the input's too. */
    void refuseTied(Model model) {
        try (NativeScope scope = new NativeScope()) {
            Map<Long, Set<String>> byAddress = byAddress(model);
            for (LoraLinear layer : layers) {
                if (StackedLinears.isOne(layer.path())) {
                    continue;
                }
                Set<String> sharing = new TreeSet<>(Objects.requireNonNull(
                        byAddress.get(layer.base().weight().data_ptr().address())));
                sharing.remove(layer.path());
                if (!sharing.isEmpty()) {
                    throw new ConfigException(layer.path() + " cannot be merged: its weight is also that of "
                            + String.join(", ", sharing) + ", which would change with it; use the adapter unmerged,"
                            + " or train without this target");
                }
            }
        }
    }

    /** The layers and parameters of a model by where their numbers lie; a layer's weight goes by the name of the layer. */
    private static Map<Long, Set<String>> byAddress(Model model) {
        Map<Long, Set<String>> byAddress = new HashMap<>();
        Map<String, Linear> linears = model.linears();
        model.weights().asMap().forEach((name, weight) -> {
            String path = name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
            byAddress
                    .computeIfAbsent(weight.data_ptr().address(), at -> new TreeSet<>())
                    .add(linears.containsKey(path) ? path : name);
        });
        linears.forEach((path, linear) -> {
            if (linear.matrix().isWritable()) {
                byAddress
                        .computeIfAbsent(linear.weight().data_ptr().address(), at -> new TreeSet<>())
                        .add(path);
            }
        });
        return byAddress;
    }

    @Override
    public void close() {
        originals.close();
    }
}
