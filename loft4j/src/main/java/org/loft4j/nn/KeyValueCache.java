package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;

/** The keys and values of what a decoder has read, so that each further token costs one position only. */
public final class KeyValueCache implements AutoCloseable {
    private final List<Entry> layers = new ArrayList<>();

    /**
     * Keys and values of one layer, owned by the cache until the next {@link #append} to the layer.
     *
     * @param key {@code (batch, positions, kvHeads, headDim)}
     * @param value like key
     */
    public record Entry(Tensor key, Tensor value) {}

    /** Number of positions held. */
    public long length() {
        return layers.isEmpty() ? 0 : layers.get(0).key().size(1);
    }

    /** Adds positions to a layer, and returns all that it holds. Layers are counted from 0 and first come in order. */
    public Entry append(int layer, Tensor key, Tensor value) {
        if (layer == layers.size()) {
            layers.add(new Entry(NativeScope.keep(key), NativeScope.keep(value)));
        } else {
            Entry past = layers.get(layer);
            Entry grown = new Entry(
                    NativeScope.keep(torch.cat(new TensorVector(past.key(), key), 1)),
                    NativeScope.keep(torch.cat(new TensorVector(past.value(), value), 1)));
            layers.set(layer, grown);
            past.key().close();
            past.value().close();
        }
        return layers.get(layer);
    }

    @Override
    public void close() {
        for (Entry entry : layers) {
            entry.key().close();
            entry.value().close();
        }
        layers.clear();
    }
}
