package org.loft4j.nn;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * One byte a number, symmetric, with one float32 scale a row (Dettmers et al. 2022, arXiv:2208.07339, section 2.1, without
 * the outliers):
 *
 * <pre>  s = max|w| / 127,   q = round(w / s),   w ≈ s·q</pre>
 *
 * with halves rounded to the even number.
 */
public final class Int8Weight implements QuantizedWeight {
    private static final double LEVELS = 127;

    private final Tensor codes;
    private final Tensor scales;
    private final Dtype dtype;
    private final boolean storedTransposed;
    private final long first;
    private final long out;

    private Int8Weight(Tensor codes, Tensor scales, Dtype dtype, boolean storedTransposed, long first, long out) {
        this.codes = codes;
        this.scales = scales;
        this.dtype = dtype;
        this.storedTransposed = storedTransposed;
        this.first = first;
        this.out = out;
    }

    /** Rows that are quantised as they come. */
    static final class Rows implements QuantizedWeight.Builder {
        private final Tensor codes;
        private final Tensor scales;
        private final Dtype dtype;
        private final boolean storedTransposed;

        Rows(long out, long in, Dtype dtype, DeviceSpec device, boolean storedTransposed) {
            this.codes = torch.empty(
                    new long[] {out, in},
                    Tensors.options(Dtype.U8, device).dtype(new ScalarTypeOptional(ScalarType.Char)),
                    new MemoryFormatOptional());
            this.scales = Tensors.empty(Dtype.F32, device, out);
            this.dtype = dtype;
            this.storedTransposed = storedTransposed;
        }

        @Override
        public void put(long first, Tensor part) {
            try (AutoGradMode frozen = new AutoGradMode(false)) {
                TiledProduct.eachTile(part.size(0), part.size(1), 1, DeviceSpec.of(part), (start, count) -> {
                    Tensor rows = part.narrow(0, start, count).to(ScalarType.Float);
                    Tensor scale =
                            finite(rows.abs().amax(new long[] {1}, false)).div(new Scalar(LEVELS));
                    scales.narrow(0, first + start, count).copy_(scale);
                    // a row of zeros has scale zero, and any other divisor makes zeros of it
                    Tensor divisor = scale.masked_fill(scale.eq(new Scalar(0)), new Scalar(1.0));
                    codes.narrow(0, first + start, count)
                            .copy_(rows.div(divisor.unsqueeze(1)).round_());
                });
            }
        }

        @Override
        public Int8Weight build() {
            return new Int8Weight(
                    NativeScope.keep(codes), NativeScope.keep(scales), dtype, storedTransposed, 0, codes.size(0));
        }
    }

    /** Refuses what no scale can hold: the largest numbers of blocks, one of which is infinite or not a number. */
    static Tensor finite(Tensor largest) {
        if (!largest.isfinite().all().item_bool()) {
            throw new ConfigException("load_in needs a matrix of finite numbers, got infinity or NaN;"
                    + " open the model without load_in to look at it");
        }
        return largest;
    }

    @Override
    public Int8Weight part(long start, long count) {
        return new Int8Weight(codes, scales, dtype, storedTransposed, first + start, count);
    }

    @Override
    public long out() {
        return out;
    }

    @Override
    public long in() {
        return codes.size(1);
    }

    @Override
    public Dtype dtype() {
        return dtype;
    }

    @Override
    public DeviceSpec device() {
        return DeviceSpec.of(codes);
    }

    @Override
    public boolean isStoredTransposed() {
        return storedTransposed;
    }

    @Override
    public LoadIn loadIn() {
        return LoadIn.INT8;
    }

    @Override
    public long bytes() {
        return out * (in() + Dtype.F32.bytes());
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
        return ByteProduct.takes(x, codes)
                ? ByteProduct.of(x, codes.narrow(0, first, out), scales.narrow(0, first, out), bias)
                : TiledProduct.of(this, x, bias);
    }

    @Override
    public Tensor gradientOfInput(Tensor gradient) {
        return TiledProduct.gradientOfInput(this, gradient);
    }

    @Override
    public Tensor wideRows(long start, long count) {
        return numbers(codes.narrow(0, first + start, count), scales.narrow(0, first + start, count));
    }

    @Override
    public Tensor rows(Tensor ids) {
        Tensor own = first == 0 ? ids : ids.add(new Scalar(first));
        return widen(codes.index_select(0, own), scales.index_select(0, own));
    }

    @Override
    public Tensor columns(long start, long count) {
        return widen(codes.narrow(0, first, out).narrow(1, start, count), scales.narrow(0, first, out));
    }

    private Tensor widen(Tensor part, Tensor scale) {
        return numbers(part, scale).to(dtype.scalarType());
    }

    /** In float32. */
    private static Tensor numbers(Tensor part, Tensor scale) {
        return part.to(ScalarType.Float).mul_(scale.unsqueeze(1));
    }

    @Override
    public void close() {
        codes.close();
        scales.close();
    }
}
