package org.loft4j.train;

import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraLinear;

/** What training has changed in the weights of linear layers, {@code ΔW = W − W0}, a layer at a time. */
public interface LayerUpdates extends AutoCloseable {
    /** The module paths of the layers. */
    Set<String> paths();

    /**
     * The change of one layer's weight as it is now, {@code (out, in)}; belongs to the open scope.
     *
     * @throws IOException if it is read from a file that cannot be read
     */
    Tensor update(String path) throws IOException;

    @Override
    void close();

    /** The changes that an adapter makes; the adapter must outlive them. */
    static LayerUpdates of(LoraAdapter adapter) {
        return new OfAdapter(adapter.layers());
    }

    /** @param layers by module path */
    record OfAdapter(Map<String, LoraLinear> layers) implements LayerUpdates {
        @Override
        public Set<String> paths() {
            return Collections.unmodifiableSet(new LinkedHashSet<>(layers.keySet()));
        }

        @Override
        public Tensor update(String path) {
            LoraLinear layer = layers.get(path);
            if (layer == null) {
                throw new IllegalArgumentException("no adapter is on " + path);
            }
            return layer.delta();
        }

        @Override
        public void close() {}
    }
}
