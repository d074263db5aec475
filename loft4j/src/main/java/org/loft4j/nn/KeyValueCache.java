package org.loft4j.nn;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * What a decoder has read, so that each further token costs one position only: the keys and values of attention, and the memory of
 * layers whose own does not grow ({@link RecurrentMixer}). Room is made for twice as many positions when it runs out, so that a token
 * is copied a few times in all and not once for each token behind it.
 */
public final class KeyValueCache implements AutoCloseable {
    private final Map<Integer, Layer> layers = new TreeMap<>();

    /** What there is of one layer. */
    private sealed interface Layer {
        long length();

        /** How many there are in the batch. */
        long rows();

        /** A copy of some rows of the batch, which the open scope does not own. */
        Layer rows(Tensor at);

        /** Makes of some rows of the batch what others are, in their place. */
        void overwrite(Tensor at, Tensor by);

        Device device();

        void free();
    }

    /**
     * Keys and values of one layer: views of the cache, which belong to the open scope and hold until the next {@link #append}
     * to the layer.
     *
     * @param key {@code (batch, positions, kvHeads, headDim)}
     * @param value {@code (batch, positions, kvHeads, valueDim)}
     */
    public record Entry(Tensor key, Tensor value) {}

    /** Room for positions, of which the first are taken. */
    private record Room(Tensor key, Tensor value, long length) implements Layer {
        @Override
        public long rows() {
            return key.size(0);
        }

        @Override
        public Device device() {
            return key.device();
        }

        @Override
        public Room rows(Tensor at) {
            return new Room(
                    NativeScope.keep(key.index_select(0, at)), NativeScope.keep(value.index_select(0, at)), length);
        }

        @Override
        public void overwrite(Tensor at, Tensor by) {
            for (Tensor all : List.of(key, value)) {
                Tensor taken = all.narrow(1, 0, length);
                taken.index_copy_(0, at, taken.index_select(0, by));
            }
        }

        @Override
        public void free() {
            key.close();
            value.close();
        }
    }

    /**
     * The memory of a {@link RecurrentMixer}, which the cache owns and frees with the next {@link #put}.
     *
     * @param inputs of its convolution, the last ones, {@code (batch, kernel − 1, channels)}
     * @param memory a matrix a head, {@code (batch·heads, keyDim, valueDim)}; null where there is none beside the inputs
     * @param length positions that it tells of
     */
    record State(Tensor inputs, @Nullable Tensor memory, long length) implements Layer {
        @Override
        public long rows() {
            return inputs.size(0);
        }

        @Override
        public Device device() {
            return inputs.device();
        }

        @Override
        public State rows(Tensor at) {
            Tensor some = memory == null
                    ? null
                    : NativeScope.keep(memory.unflatten(0, inputs.size(0), -1)
                            .index_select(0, at)
                            .flatten(0, 1));
            return new State(NativeScope.keep(inputs.index_select(0, at)), some, length);
        }

        @Override
        public void overwrite(Tensor at, Tensor by) {
            inputs.index_copy_(0, at, inputs.index_select(0, by));
            if (memory != null) {
                Tensor each = memory.unflatten(0, inputs.size(0), -1);
                each.index_copy_(0, at, each.index_select(0, by));
            }
        }

        @Override
        public void free() {
            inputs.close();
            if (memory != null) {
                memory.close();
            }
        }
    }

    /**
     * Keys and values of a text that was read before the first position, to which a layer looks back, and what hides its padding.
     *
     * @param key {@code (batch, read, heads, headDim)}
     * @param value like key
     * @param bias added to the scores, {@code (batch, 1, 1, read)}; null where nothing is padded
     */
    record Source(Tensor key, Tensor value, @Nullable Tensor bias) implements Layer {
        /** None of what is written. */
        @Override
        public long length() {
            return 0;
        }

        @Override
        public long rows() {
            return key.size(0);
        }

        @Override
        public Device device() {
            return key.device();
        }

        @Override
        public Source rows(Tensor at) {
            return new Source(
                    NativeScope.keep(key.index_select(0, at)),
                    NativeScope.keep(value.index_select(0, at)),
                    bias == null ? null : NativeScope.keep(bias.index_select(0, at)));
        }

        @Override
        public void overwrite(Tensor at, Tensor by) {
            throw new IllegalStateException("what was read of a text is that of all its rows");
        }

        @Override
        public void free() {
            key.close();
            value.close();
            if (bias != null) {
                bias.close();
            }
        }
    }

    /** Number of positions held. */
    public long length() {
        return layers.values().stream().mapToLong(Layer::length).max().orElse(0);
    }

    /** Adds positions to a layer of attention, and returns all that it holds. */
    public Entry append(int layer, Tensor key, Tensor value) {
        Room old = (Room) layers.get(layer);
        long past = old == null ? 0 : old.length();
        long length = past + key.size(1);
        Room room;
        if (old == null || old.key().size(1) < length) {
            room = new Room(
                    larger(key, old == null ? null : old.key(), past, length),
                    larger(value, old == null ? null : old.value(), past, length),
                    length);
            replace(layer, room);
        } else {
            room = new Room(old.key(), old.value(), length);
            layers.put(layer, room);
        }
        room.key().narrow(1, past, key.size(1)).copy_(key);
        room.value().narrow(1, past, key.size(1)).copy_(value);
        return new Entry(room.key().narrow(1, 0, length), room.value().narrow(1, 0, length));
    }

    /** The memory of a {@link RecurrentMixer}; null before its first position. */
    @Nullable
    State state(int layer) {
        return (State) layers.get(layer);
    }

    /**
     * Exchanges the memory of a {@link RecurrentMixer}, of which a copy is made.
     *
     * @param positions that it was read further
     */
    void put(int layer, Tensor inputs, @Nullable Tensor memory, long positions) {
        State old = state(layer);
        long past = old == null ? 0 : old.length();
        Tensor copy = memory == null ? null : NativeScope.keep(memory.clone());
        replace(layer, new State(NativeScope.keep(inputs.clone()), copy, past + positions));
    }

    /** What a layer looks back to; null where no text was read. */
    @Nullable
    Source source(int layer) {
        return (Source) layers.get(behind(layer));
    }

    /** Lays in what a layer looks back to, of which a copy is made. */
    void putSource(int layer, Source source) {
        Tensor bias = source.bias();
        replace(
                behind(layer),
                new Source(
                        NativeScope.keep(source.key().clone()),
                        NativeScope.keep(source.value().clone()),
                        bias == null ? null : NativeScope.keep(bias.clone())));
    }

    /** The number under which a layer has it, beside its own. */
    private static int behind(int layer) {
        return -1 - layer;
    }

    private void replace(int layer, Layer by) {
        Layer old = layers.put(layer, by);
        if (old != null) {
            old.free();
        }
    }

    /** A tensor with room for twice the length, and what there was. */
    private static Tensor larger(Tensor like, @Nullable Tensor old, long past, long length) {
        long[] shape = {like.size(0), 2 * length, like.size(2), like.size(3)};
        Tensor room = NativeScope.keep(torch.empty(shape, like.options(), null));
        if (old != null) {
            room.narrow(1, 0, past).copy_(old.narrow(1, 0, past));
        }
        return room;
    }

    /**
     * Goes on with these rows of the batch, one of which may stand for several; what does not change is not copied.
     *
     * @param rows which row of the batch each one was, in their order
     * @param texts of those that were read before the first position, the ones that are looked back to: each by as many rows, one
     *     behind the other
     */
    public void keepRows(int[] rows, int[] texts) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            for (int number : List.copyOf(layers.keySet())) {
                Layer layer = Objects.requireNonNull(layers.get(number));
                int[] kept = layer instanceof Source ? texts : rows;
                int[] moved = IntStream.range(0, kept.length)
                        .filter(i -> kept[i] != i)
                        .toArray();
                if (layer.rows() != kept.length) {
                    replace(number, layer.rows(at(kept, layer.device())));
                } else if (moved.length > 0) {
                    int[] by = Arrays.stream(moved).map(i -> kept[i]).toArray();
                    layer.overwrite(at(moved, layer.device()), at(by, layer.device()));
                }
            }
        }
    }

    private static Tensor at(int[] rows, Device device) {
        Tensor at = Tensors.of(Arrays.stream(rows).asLongStream().toArray(), rows.length);
        return at.to(device, at.scalar_type());
    }

    /**
     * Forgets all positions but the first ones, whose room stays.
     *
     * @return whether it has: the memory of a {@link RecurrentMixer} that tells of more does not go back, and then nothing has
     *     changed, unless all is forgotten
     */
    public boolean keepFirst(long positions) {
        if (positions == 0) {
            clear();
            return true;
        }
        if (layers.values().stream().anyMatch(layer -> layer instanceof State && layer.length() > positions)) {
            return false;
        }
        layers.replaceAll((number, layer) -> layer instanceof Room room && room.length() > positions
                ? new Room(room.key(), room.value(), positions)
                : layer);
        return true;
    }

    /** Forgets what was read. */
    public void clear() {
        layers.values().forEach(Layer::free);
        layers.clear();
    }

    @Override
    public void close() {
        clear();
    }
}
