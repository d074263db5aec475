package org.loft4j.export;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.MergeReport;
import org.loft4j.io.ExpertStacks;
import org.loft4j.io.InnerNames;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.ModelShards;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * A model that an adapter was merged into, laid out as its base is on the disk: what the adapter has not changed is taken from
 * the base's files as it stands, bit for bit, and what it has is written in the base's type, or all in one that is asked for. The
 * names are those of the base's files, but where these lack the module of the base model and there is a head beside it, or have the
 * output embedding for the input embedding: then all names are in full.
 */
public final class MergedModel {
    private static final Set<String> HEADS = Set.of("lm_head.weight", "embed_out.weight");

    /** A buffer of float32, in blocks that are not read too. */
    private static final String ROUTER_BIAS = ".e_score_correction_bias";

    private final Model model;
    private final Path base;
    private final @Nullable Dtype dtype;
    private final MergeReport report;
    private final Set<String> changed;
    private final StoredTypes stored;

    private MergedModel(
            Model model,
            Path base,
            @Nullable Dtype dtype,
            MergeReport report,
            Set<String> changed,
            StoredTypes stored) {
        this.model = model;
        this.base = base;
        this.dtype = dtype;
        this.report = report;
        this.changed = changed;
        this.stored = stored;
    }

    /**
     * Merges an adapter, which is closed by that; the model stays merged.
     *
     * @param base directory that the model was read from
     * @param dtype of all floating tensors that are written but buffers, no finer than the model's; null for that of each in the base's
     *     files, of which a model that is opened as {@link StoredTypes#toMerge} says has all digits
     */
    public static MergedModel of(Model model, LoraAdapter adapter, Path base, @Nullable Dtype dtype)
            throws CheckpointException {
        Set<String> changed = StoredTypes.changed(adapter);
        changed.addAll(model.weights().created());
        StoredTypes stored = StoredTypes.of(model, base);
        MergeReport report = adapter.mergeAndClose(layer -> dtype == null ? stored.of(layer.base()) : dtype);
        return new MergedModel(model, base, dtype, report, changed, stored);
    }

    /** The type that {@code config.json} is to name: the one that was asked for, or that of the first parameter in the base's files. */
    public Dtype dtype() {
        return dtype != null
                ? dtype
                : stored.of(model.weights().asMap().keySet().iterator().next());
    }

    public MergeReport report() {
        return report;
    }

    /**
     * Writes the weights.
     *
     * @param maxShardBytes of a file's tensors
     * @return the names of the files
     */
    public List<String> writeWeights(Path directory, long maxShardBytes) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(base)) {
            Map<String, Part> parts = parts(source);
            List<TensorInfo> infos = new ArrayList<>();
            for (Map.Entry<String, Part> part : parts.entrySet()) {
                infos.add(info(source, part.getKey(), part.getValue()));
            }
            Map<String, Dtype> types = new TreeMap<>();
            infos.forEach(info -> types.put(info.name(), info.dtype()));
            return ModelShards.write(
                    directory,
                    infos,
                    name -> {
                        Part part = Objects.requireNonNull(parts.get(name));
                        Tensor tensor =
                                part.stored() == null || part.isChanged() ? ours(part) : source.read(part.stored());
                        Dtype type = types.getOrDefault(name, Dtype.of(tensor));
                        return Dtype.of(tensor) == type ? tensor : tensor.to(type.scalarType());
                    },
                    maxShardBytes);
        }
    }

    /** The values of the model, of one expert where the base's files have each by itself. */
    private Tensor ours(Part part) {
        Tensor all = model.weights().get(part.ours()).detach();
        return part.isOfStack() ? ExpertStacks.part(all, Objects.requireNonNull(part.stored())) : all;
    }

    /**
     * A tensor to write.
     *
     * @param ours its name in the model
     * @param stored its name in the base's files; null if they lack it
     * @param isChanged whether the model's values differ from the stored ones
     */
    private record Part(String ours, @Nullable String stored, boolean isChanged) {
        /** Whether the model has it in one tensor with others, and the base's files have not. */
        boolean isOfStack() {
            return stored != null && ExpertStacks.isPart(stored) && !ExpertStacks.isPart(ours);
        }
    }

    /** What is to be written, by the name that it gets: that of the base's files, or the model's if {@link #isMixed}. */
    private Map<String, Part> parts(TensorSource source) {
        List<Part> parts = new ArrayList<>();
        Set<String> missing = new LinkedHashSet<>(changed);
        for (String stored : source.names()) {
            String ours = model.weights().nameOf(stored);
            String stack = ExpertStacks.stackOf(ours);
            if (stack != null && changed.contains(stack)) {
                ours = stack;
            }
            missing.remove(ours);
            if (!isLeftOut(ours)) {
                parts.add(new Part(ours, stored, changed.contains(ours)));
            }
        }
        missing.forEach(ours -> parts.add(new Part(ours, null, true)));
        boolean full = isMixed(parts) || parts.stream().anyMatch(MergedModel::isHeadForBoth);
        Map<String, Part> byName = new LinkedHashMap<>();
        for (Part part : parts) {
            String name = name(part, full);
            if (byName.put(name, part) != null) {
                throw new IllegalStateException("two tensors of " + base + " would be written as " + name);
            }
        }
        return byName;
    }

    private String name(Part part, boolean full) {
        if (part.stored() == null || (full && !part.isOfStack())) {
            return part.ours();
        }
        return full ? model.weights().nameOf(part.stored()) : part.stored();
    }

    /**
     * An output embedding that a language model has as its input's, which may have changed, or that any other model has no place
     * for.
     */
    private boolean isLeftOut(String name) {
        return HEADS.contains(name) && model.weights().find(name) == null;
    }

    /** An output embedding that is read as the input embedding too: Transformers looks for that. */
    private static boolean isHeadForBoth(Part part) {
        return part.stored() != null && HEADS.contains(InnerNames.today(part.stored())) && !HEADS.contains(part.ours());
    }

    /**
     * Whether the files name what lies in the base model without its module and something else lies beside it, such as a head:
     * Transformers 4 takes such a file for one of the base model alone, and refuses it for the head.
     */
    private static boolean isMixed(List<Part> parts) {
        String module = parts.stream()
                .filter(part -> part.stored() != null
                        && !InnerNames.isBeside(part.ours())
                        && part.ours().endsWith("." + part.stored()))
                .map(part -> part.ours()
                        .substring(0, part.ours().length() - part.stored().length()))
                .findFirst()
                .orElse(null);
        return module != null && parts.stream().anyMatch(part -> !part.ours().startsWith(module));
    }

    private TensorInfo info(TensorSource source, String name, Part part) throws CheckpointException {
        TensorInfo before = part.stored() == null ? null : source.info(part.stored());
        long[] shape = before == null || (part.isChanged() && !part.isOfStack())
                ? Shapes.of(model.weights().get(part.ours()))
                : before.shape();
        Dtype kept = before != null ? before.dtype() : Dtype.of(model.weights().get(part.ours()));
        boolean fixed = model.weights().isFixed(part.ours()) || part.ours().endsWith(ROUTER_BIAS);
        boolean converted = dtype != null && kept.isFloating() && !fixed;
        Dtype type = converted ? Objects.requireNonNull(dtype) : kept;
        long elements = 1;
        for (long size : shape) {
            elements *= size;
        }
        return new TensorInfo(name, type, shape, elements * type.bytes());
    }
}
