package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;

/**
 * The keys and values of what a decoder has read, so that each further token costs one position only. Room is made for twice
 * as many positions when it runs out, so that a token is copied a few times in all and not once for each token behind it.
 */
public final class KeyValueCache implements AutoCloseable {
    private final List<Layer> layers = new ArrayList<>();

    /**
     * Keys and values of one layer: views of the cache, which belong to the open scope and hold until the next {@link #append}
     * to the layer.
     *
     * @param key {@code (batch, positions, kvHeads, headDim)}
     * @param value like key
     */
    public record Entry(Tensor key, Tensor value) {}

    /** Room for positions, of which the first are taken. */
    private record Layer(Tensor key, Tensor value, long length) {}

    /** Number of positions held. */
    public long length() {
        return layers.isEmpty() ? 0 : layers.get(0).length();
    }

    /** Adds positions to a layer, and returns all that it holds. Layers are counted from 0 and first come in order. */
    public Entry append(int layer, Tensor key, Tensor value) {
        long past = layer == layers.size() ? 0 : layers.get(layer).length();
        long length = past + key.size(1);
        Layer room = layer == layers.size() ? null : layers.get(layer);
        if (room == null || room.key().size(1) < length) {
            Layer larger = new Layer(
                    larger(key, room == null ? null : room.key(), past, length),
                    larger(value, room == null ? null : room.value(), past, length),
                    length);
            if (room == null) {
                layers.add(larger);
            } else {
                layers.set(layer, larger);
                free(room);
            }
            room = larger;
        } else {
            room = new Layer(room.key(), room.value(), length);
            layers.set(layer, room);
        }
        room.key().narrow(1, past, key.size(1)).copy_(key);
        room.value().narrow(1, past, key.size(1)).copy_(value);
        return new Entry(room.key().narrow(1, 0, length), room.value().narrow(1, 0, length));
    }

    /** A tensor with room for twice the length, and what there was. */
    private static Tensor larger(Tensor like, @org.jspecify.annotations.Nullable Tensor old, long past, long length) {
        long[] shape = {like.size(0), 2 * length, like.size(2), like.size(3)};
        Tensor room = NativeScope.keep(torch.empty(shape, like.options(), null));
        if (old != null) {
            room.narrow(1, 0, past).copy_(old.narrow(1, 0, past));
        }
        return room;
    }

    private static void free(Layer layer) {
        layer.key().close();
        layer.value().close();
    }

    /** Forgets what was read. */
    public void clear() {
        layers.forEach(KeyValueCache::free);
        layers.clear();
    }

    @Override
    public void close() {
        clear();
    }
}
