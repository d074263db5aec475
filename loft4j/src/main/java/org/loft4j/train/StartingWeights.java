package org.loft4j.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * What full fine-tuning has changed: the linear layers of a model, the head apart, beside a copy of their weights. Made before
 * the run is opened, since opening one may restore a checkpoint. The model must outlive it.
 */
public final class StartingWeights implements LayerUpdates {
    private final Map<String, Linear> layers = new LinkedHashMap<>();
    private final Weights copies = new Weights();

    /** Copies the weights as they are now. */
    public StartingWeights(Model model) {
        try (NativeScope scope = new NativeScope()) {
            model.linears().forEach((path, layer) -> {
                if (!model.hasHead() || layer != model.head()) {
                    layers.put(path, layer);
                    copies.put(path, layer.weight().detach().clone());
                }
            });
        }
    }

    @Override
    public Set<String> paths() {
        return Collections.unmodifiableSet(new LinkedHashSet<>(layers.keySet()));
    }

    @Override
    public Tensor update(String path) {
        Linear layer = layers.get(path);
        if (layer == null) {
            throw new IllegalArgumentException("no linear layer is at " + path);
        }
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return scope.toEnclosing(layer.weight().sub(copies.get(path)));
        }
    }

    @Override
    public void close() {
        copies.close();
    }
}
