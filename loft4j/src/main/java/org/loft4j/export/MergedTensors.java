package org.loft4j.export;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.SavedInFull;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorMap;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.JoinedWeight;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.StackedLinears;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * The tensors of a model and its adapter with the numbers that a merge into the model in float32 gives, each computed when it is
 * read: the model stays as it is, in its own type, and one tensor at a time is in float32, or of experts that lie in one as many as are
 * asked for. What the adapter changes is read in
 * float32, so that whoever writes it rounds it once; what it leaves has all digits of the files. {@link #info} has the files' types.
 */
public final class MergedTensors implements TensorSource {
    private final TensorMap base;
    private final ModelDirectory files;
    private final StoredTypes types;
    private final Set<String> packed = new HashSet<>();
    /** What the adapter leaves as it is, and the files have in another type than the model: its names there. */
    private final Map<String, String> untouched = new HashMap<>();

    /** By the parameters that their weights lie in. */
    private final Map<String, List<LoraLinear>> adapted = new HashMap<>();

    private final Set<String> saved;
    private final Path adapterFiles;

    /**
     * @param base the model's directory, where what is packed in its files is read again
     * @param adapter on the model, attached; both stay the caller's
     * @param adapterFiles directory that the adapter was read from: its modules saved in full are read there again, since the
     *     model has them in its own type
     * @throws ConfigException if the adapter cannot be merged, as {@link LoraAdapter#requireMergeable} has it
     * @throws CheckpointException if the model's directory cannot be read
     */
    public MergedTensors(Path base, Model model, LoraAdapter adapter, Path adapterFiles) throws CheckpointException {
        adapter.requireMergeable();
        Set<String> matrices = model.weights().quantized().keySet();
        this.files = ModelDirectory.open(base);
        try {
            files.names().stream()
                    .filter(name -> matrices.contains(name.replaceFirst("_(blocks|scales)$", "")))
                    .forEach(packed::add);
            this.types = StoredTypes.of(model, files);
            this.base = new TensorMap(base, model.weights().asMap());
            adapter.layers()
                    .values()
                    .forEach(layer -> JoinedWeight.parametersOf(layer.base())
                            .forEach(name -> adapted.computeIfAbsent(name, each -> new ArrayList<>())
                                    .add(layer)));
            this.saved = adapter.savedModules().keySet();
            this.adapterFiles = adapterFiles;
            for (String inFile : files.names()) {
                String name = model.weights().nameOf(inFile);
                if (!adapted.containsKey(name) && !saved.contains(name) && isInAnotherType(name, files.info(inFile))) {
                    untouched.put(name, inFile);
                }
            }
        } catch (CheckpointException | RuntimeException e) {
            files.close();
            throw e;
        }
    }

    private boolean isInAnotherType(String name, TensorInfo inFile) throws CheckpointException {
        if (!base.names().contains(name) || !inFile.dtype().isFloating()) {
            return false;
        }
        TensorInfo ours = base.info(name);
        return ours.dtype() != inFile.dtype() && Arrays.equals(ours.shape(), inFile.shape());
    }

    @Override
    public Path path() {
        return base.path();
    }

    @Override
    public Set<String> names() {
        Set<String> names = new TreeSet<>(base.names());
        names.addAll(packed);
        return names;
    }

    @Override
    public TensorInfo info(String name) throws CheckpointException {
        TensorInfo info = packed.contains(name) ? files.info(name) : base.info(name);
        if (!info.dtype().isFloating()) {
            return info;
        }
        Dtype type = types.of(name);
        return new TensorInfo(
                name, type, info.shape(), info.bytes() / info.dtype().bytes() * type.bytes());
    }

    @Override
    public Tensor read(String name) throws CheckpointException {
        if (saved.contains(name)) {
            return SavedInFull.tensor(adapterFiles, name).to(Dtype.F32.scalarType());
        }
        List<LoraLinear> layers = adapted.get(name);
        if (layers == null) {
            return inFiles(name).read(untouched.getOrDefault(name, name));
        }
        LoraLinear first = layers.get(0);
        if (first.base().matrix() instanceof JoinedWeight joined) {
            return part(first, joined, name);
        }
        return StackedLinears.isOne(first.path()) ? merged(layers) : merged(first);
    }

    /** Of experts that lie in one tensor those alone that are asked for are merged. */
    @Override
    public Tensor read(String name, long start, long count) throws CheckpointException {
        List<LoraLinear> layers = adapted.get(name);
        boolean inOne = layers != null
                && StackedLinears.isOne(layers.get(0).path())
                && !(layers.get(0).base().matrix() instanceof JoinedWeight);
        if (layers != null && inOne && !saved.contains(name)) {
            return merged(layers.subList((int) start, (int) (start + count)));
        }
        return layers == null && !saved.contains(name)
                ? inFiles(name).read(untouched.getOrDefault(name, name), start, count)
                : read(name).narrow(0, start, count);
    }

    /** Where a tensor is that the adapter leaves as it is. */
    private TensorSource inFiles(String name) {
        return packed.contains(name) || untouched.containsKey(name) ? files : base;
    }

    /** The matrices that lie in one parameter, in its layout. */
    private static Tensor merged(List<LoraLinear> layers) {
        try (NativeScope scope = new NativeScope()) {
            LoraLinear first = layers.get(0);
            boolean turned = first.base().matrix().isStoredTransposed();
            long in = first.base().inFeatures();
            long out = first.base().outFeatures();
            Tensor all = Tensors.empty(
                    Dtype.of(first.loraA()),
                    DeviceSpec.of(first.loraA()),
                    layers.size(),
                    turned ? in : out,
                    turned ? out : in);
            for (int i = 0; i < layers.size(); i++) {
                try (NativeScope one = new NativeScope()) {
                    all.select(0, i).copy_(merged(layers.get(i)));
                }
            }
            return scope.toEnclosing(all);
        }
    }

    /** What one of the layers has of a matrix that they make together. */
    private static Tensor part(LoraLinear layer, JoinedWeight joined, String name) {
        long start = 0;
        for (Linear module : joined.modules()) {
            if (StackedLinears.weightOf(module.path()).equals(name)) {
                try (NativeScope scope = new NativeScope();
                        AutoGradMode frozen = new AutoGradMode(false)) {
                    return scope.toEnclosing(
                            layer.delta(start, module.outFeatures()).add_(module.weight()));
                }
            }
            start += module.outFeatures();
        }
        throw new IllegalArgumentException(layer.path() + " has no " + name);
    }

    /** {@code W0 + ΔW} in the layout of the stored matrix. */
    private static Tensor merged(LoraLinear layer) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor sum = layer.delta().add_(layer.base().weight());
            return scope.toEnclosing(layer.base().matrix().isStoredTransposed() ? sum.t() : sum);
        }
    }

    /** Closes what was opened here: model and adapter are not this object's. */
    @Override
    public void close() {
        files.close();
    }
}
