package org.loft4j.infer;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.nn.Model;

/** Tells a classifier whose head, or what is before it, nobody has trained: it would answer at random. */
public final class UntrainedHead {
    private UntrainedHead() {}

    /**
     * A parameter that is in neither the model's files nor the adapter, the matrix of the head before others; null where there is
     * none, or where no classes are asked for.
     *
     * @param adapter on the model; null for none
     */
    public static @Nullable String of(Model model, @Nullable LoraAdapter adapter) {
        if (!model.task().isClassification()) {
            return null;
        }
        Set<String> brought =
                adapter == null ? Set.of() : adapter.savedModules().keySet();
        List<String> untrained = model.weights().created().stream()
                .filter(name -> !brought.contains(name))
                .toList();
        String head = model.head().path() + ".weight";
        return untrained.isEmpty() ? null : untrained.contains(head) ? head : untrained.get(0);
    }
}
