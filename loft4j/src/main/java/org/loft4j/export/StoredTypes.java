package org.loft4j.export;

import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.io.ExpertStacks;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.JoinedWeight;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;

/**
 * The types that a model's files have of its parameters: several, where some matrices or vectors of a model in bfloat16 are kept in
 * float32. An open model has one, and so fewer digits of those than its files.
 */
public final class StoredTypes {
    private final Dtype own;
    private final Map<String, Dtype> types = new HashMap<>();

    private StoredTypes(Dtype own) {
        this.own = own;
    }

    /**
     * Reads the heads of a model's files.
     *
     * @param base directory that the model was read from
     */
    public static StoredTypes of(Model model, Path base) throws CheckpointException {
        try (ModelDirectory source = ModelDirectory.open(base)) {
            return of(model, source);
        }
    }

    static StoredTypes of(Model model, TensorSource source) throws CheckpointException {
        StoredTypes stored = new StoredTypes(model.description().dtype());
        for (String inFile : source.names()) {
            Dtype type = source.info(inFile).dtype();
            if (type.isFloating()) {
                String name = model.weights().nameOf(inFile);
                String stack = model.weights().find(name) == null ? ExpertStacks.stackOf(name) : null;
                stored.types.merge(stack == null ? name : stack, type, StoredTypes::wider);
            }
        }
        return stored;
    }

    /** The type of a parameter in the files, of one that they have in parts the widest; the model's where they lack it. */
    Dtype of(String name) {
        return types.getOrDefault(name, own);
    }

    /** The type of a layer's matrix in the files, the widest where several parameters make it. */
    Dtype of(Linear layer) {
        return widest(JoinedWeight.parametersOf(layer));
    }

    private Dtype widest(Collection<String> names) {
        return names.stream().map(this::of).reduce(StoredTypes::wider).orElse(own);
    }

    /**
     * The type in which the model is to be opened for a merge of this adapter, so that the sums alone are rounded: the files have
     * something that the adapter changes with more digits than the model. Null where its own does.
     */
    public @Nullable Dtype toMerge(LoraAdapter adapter) {
        Dtype widest = widest(changed(adapter));
        boolean holds = widest == own || widest.bytes() < own.bytes();
        return holds ? null : wider(widest, Dtype.F32);
    }

    /** The parameters of the base model that an adapter changes. */
    static Set<String> changed(LoraAdapter adapter) {
        Set<String> changed = new LinkedHashSet<>(adapter.savedModules().keySet());
        adapter.layers().values().forEach(layer -> changed.addAll(JoinedWeight.parametersOf(layer.base())));
        return changed;
    }

    private static Dtype wider(Dtype one, Dtype other) {
        return other.bytes() > one.bytes() ? other : one;
    }
}
