package org.loft4j.infer;

import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.nn.Model;

/** Tells a classifier whose head nobody has trained: it would answer at random. */
public final class UntrainedHead {
    private UntrainedHead() {}

    /**
     * The matrix of the head that is in neither the model's files nor the adapter; null where there is one, or where no classes
     * are asked for.
     *
     * @param adapter on the model; null for none
     */
    public static @Nullable String of(Model model, @Nullable LoraAdapter adapter) {
        if (!model.task().isClassification()) {
            return null;
        }
        String head = model.head().path() + ".weight";
        boolean brought = adapter != null && adapter.savedModules().containsKey(head);
        return brought || !model.weights().created().contains(head) ? null : head;
    }
}
