package org.loft4j.train;

import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import org.loft4j.nn.Model;
import org.loft4j.nn.Weights;

/** That a model is being trained, by one run at a time. */
final class InTraining implements AutoCloseable {
    /** Of a model that nobody holds any more it is forgotten. */
    private static final Set<Weights> MODELS =
            Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

    private final Weights weights;

    private InTraining(Weights weights) {
        this.weights = weights;
    }

    /** @throws IllegalStateException if the model has been closed, or is being trained already */
    static InTraining of(Model model) {
        requireOpen(model);
        if (!MODELS.add(model.weights())) {
            throw new IllegalStateException("this model is being trained already: close that run first,"
                    + " or open the model a second time for another");
        }
        return new InTraining(model.weights());
    }

    /** @throws IllegalStateException if the model has been closed */
    static void requireOpen(Model model) {
        if (model.weights().areClosed()) {
            throw new IllegalStateException(
                    "the model has been closed, and can be neither trained nor judged any more: close the run first, and then"
                            + " the model");
        }
    }

    @Override
    public void close() {
        MODELS.remove(weights);
    }
}
