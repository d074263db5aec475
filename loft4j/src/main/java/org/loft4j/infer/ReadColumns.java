package org.loft4j.infer;

import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.Inference;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A batch as it grows, with what a model has made of the columns that it has read. */
final class ReadColumns {
    private final Decoder model;
    private final KeyValueCache cache;
    private TokenColumns columns;
    private long turned;

    /** @param cache of some of the first columns, with the angles of all of them; stays the caller's */
    ReadColumns(Decoder model, TokenColumns columns, KeyValueCache cache) {
        this.model = model;
        this.columns = columns;
        this.cache = cache;
        this.turned = columns.count();
    }

    /** Reads texts of which an encoder-decoder is to write. */
    static void read(EncoderDecoder model, TokenColumns texts, KeyValueCache cache) {
        try (NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            DeviceSpec device = model.description().device();
            Tensor ids = onDevice(Tensors.of(texts.from(0), texts.rows(), texts.count()), device);
            long[] mask = texts.mask();
            TokenInput source = new TokenInput(
                    ids, mask == null ? null : onDevice(Tensors.of(mask, texts.rows(), texts.count()), device));
            inOneWay(model, ids, () -> {
                model.read(source, cache);
                return ids;
            });
        }
    }

    /** Reads the columns that are new; the logits of the last one on the host, {@code (rows, vocabulary)}, which the caller closes. */
    Tensor next() {
        if (columns.count() > model.description().maxPositions()) {
            // the longest row has ended, and none is to be read beyond the model's last position
            columns = columns.unpadded();
            cache.clear();
        }
        if (!model.outlives(turned, columns.count())) {
            cache.clear();
        }
        turned = columns.count();
        return read();
    }

    /** A token more in each row. */
    void add(long[] column) {
        columns.add(column);
    }

    /** Goes on with some of the rows alone. */
    void keepRows(int[] rows) {
        keepRows(rows, rows);
    }

    /**
     * Likewise with rows one of which may go on as several.
     *
     * @param texts of those that an encoder-decoder has read; each has as many rows, one behind the other
     */
    void keepRows(int[] rows, int[] texts) {
        columns = columns.only(rows);
        cache.keepRows(rows, texts);
    }

    /** The ids of the first row that have been read. */
    long[] firstRow() {
        return columns.first((int) cache.length());
    }

    private Tensor read() {
        try (NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            DeviceSpec device = model.description().device();
            int rows = columns.rows();
            long[] ids = columns.from((int) cache.length());
            Tensor input = onDevice(Tensors.of(ids, rows, ids.length / rows), device);
            long[] mask = columns.mask();
            Tensor attention = mask == null ? null : onDevice(Tensors.of(mask, rows, columns.count()), device);
            Tensor last = inOneWay(model, input, () -> model.nextLogits(input, attention, cache));
            return NativeScope.keep(last.to(DeviceSpec.CPU.torch(), last.scalar_type()));
        } catch (RuntimeException | Error e) {
            // some layers may have read these columns, and others not
            cache.clear();
            throw e;
        }
    }

    /**
     * What lanes do not share out is small, and OpenBLAS rounds otherwise on several threads, which another thread's lanes may take
     * from it: what is drawn from the logits must not depend on that.
     */
    private static Tensor inOneWay(Decoder model, Tensor ids, Supplier<Tensor> work) {
        return model.description().device().kind() == DeviceSpec.Kind.CPU
                ? Lanes.unshared(() -> Inference.ofTokens(model, ids.numel(), work))
                : work.get();
    }

    private static Tensor onDevice(Tensor tensor, DeviceSpec device) {
        return tensor.to(device.torch(), Dtype.I64.scalarType());
    }
}
