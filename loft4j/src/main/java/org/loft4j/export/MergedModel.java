package org.loft4j.export;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.MergeReport;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.ModelShards;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * A model that an adapter was merged into, laid out as its base is on the disk: what the adapter has not changed is taken from
 * the base's files as it stands, bit for bit, and what it has is written under the base's name and in the base's type.
 */
public final class MergedModel {
    private final Model model;
    private final Path base;
    private final MergeReport report;
    private final Set<String> changed;

    private MergedModel(Model model, Path base, MergeReport report, Set<String> changed) {
        this.model = model;
        this.base = base;
        this.report = report;
        this.changed = changed;
    }

    /**
     * Merges an adapter, which is closed by that; the model stays merged.
     *
     * @param base directory that the model was read from
     */
    public static MergedModel of(Model model, LoraAdapter adapter, Path base) {
        Set<String> changed = new LinkedHashSet<>(adapter.savedModules().keySet());
        adapter.layers().keySet().forEach(path -> changed.add(path + ".weight"));
        changed.addAll(model.weights().created());
        return new MergedModel(model, base, adapter.mergeAndClose(), changed);
    }

    public MergeReport report() {
        return report;
    }

    /**
     * Writes the weights.
     *
     * @param dtype of all floating tensors; null for that of each in the base's files
     * @param maxShardBytes of a file's tensors
     * @return the names of the files
     */
    public List<String> writeWeights(Path directory, @Nullable Dtype dtype, long maxShardBytes) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(base)) {
            Map<String, String> changedByFile = changedByFile(source);
            List<TensorInfo> infos = new ArrayList<>();
            for (String name : names(source, changedByFile)) {
                infos.add(info(source, name, changedByFile.get(name), dtype));
            }
            Map<String, Dtype> types = new TreeMap<>();
            infos.forEach(info -> types.put(info.name(), info.dtype()));
            return ModelShards.write(
                    directory,
                    infos,
                    name -> {
                        String ours = changedByFile.get(name);
                        Tensor tensor = ours == null
                                ? source.read(name)
                                : model.weights().get(ours).detach();
                        Dtype type = types.getOrDefault(name, Dtype.of(tensor));
                        return Dtype.of(tensor) == type ? tensor : tensor.to(type.scalarType());
                    },
                    maxShardBytes);
        }
    }

    /** The model's name of each changed tensor by the file's, which may lack the module that the model lies in. */
    private Map<String, String> changedByFile(TensorSource source) throws CheckpointException {
        Map<String, String> byFile = new TreeMap<>();
        for (String ours : changed) {
            String theirs = source.names().contains(ours) ? ours : null;
            for (String name : source.names()) {
                if (theirs == null && (ours.endsWith("." + name) || name.endsWith("." + ours))) {
                    theirs = name;
                }
            }
            byFile.put(theirs == null ? ours : theirs, ours);
        }
        return byFile;
    }

    private Set<String> names(TensorSource source, Map<String, String> changedByFile) throws CheckpointException {
        Set<String> names = new LinkedHashSet<>(source.names());
        names.addAll(changedByFile.keySet());
        if (model.task() == Task.CAUSAL_LM && model.weights().find("lm_head.weight") == null) {
            names.remove("lm_head.weight"); // a copy of the input embedding, which may have changed
        }
        return names;
    }

    private TensorInfo info(TensorSource source, String name, @Nullable String ours, @Nullable Dtype dtype)
            throws CheckpointException {
        boolean stored = source.names().contains(name);
        TensorInfo before = stored ? source.info(name) : null;
        long[] shape = before == null || ours != null
                ? Shapes.of(model.weights().get(ours == null ? name : ours))
                : before.shape();
        Dtype kept = before != null ? before.dtype() : Dtype.of(model.weights().get(ours == null ? name : ours));
        Dtype type = dtype != null && kept.isFloating() ? dtype : kept;
        long elements = 1;
        for (long size : shape) {
            elements *= size;
        }
        return new TensorInfo(name, type, shape, elements * type.bytes());
    }
}
