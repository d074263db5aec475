package org.loft4j.nn;

import org.bytedeco.pytorch.AutoGradMode;
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
import org.loft4j.tensor.Shapes;
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
    private final TiledProduct product;

    private Int8Weight(Tensor codes, Tensor scales, Dtype dtype, boolean storedTransposed) {
        this.codes = NativeScope.keep(codes);
        this.scales = NativeScope.keep(scales);
        this.dtype = dtype;
        this.storedTransposed = storedTransposed;
        this.product = new TiledProduct(this);
    }

    static Int8Weight of(Tensor weight, Dtype dtype, boolean storedTransposed) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor codes = torch.zeros(
                    Shapes.of(weight),
                    Tensors.options(Dtype.U8, DeviceSpec.of(weight)).dtype(new ScalarTypeOptional(ScalarType.Char)));
            Tensor scales = Tensors.empty(Dtype.F32, DeviceSpec.of(weight), weight.size(0));
            TiledProduct.eachTile(weight.size(0), weight.size(1), 1, (start, count) -> {
                Tensor rows = weight.narrow(0, start, count).to(ScalarType.Float);
                Tensor scale = finite(rows.abs().amax(new long[] {1}, false)).div(new Scalar(LEVELS));
                scales.narrow(0, start, count).copy_(scale);
                // a row of zeros has scale zero, and any other divisor makes zeros of it
                Tensor divisor = scale.masked_fill(scale.eq(new Scalar(0)), new Scalar(1.0));
                codes.narrow(0, start, count)
                        .copy_(rows.div(divisor.unsqueeze(1)).round_());
            });
            return new Int8Weight(codes, scales, dtype, storedTransposed);
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
    public long out() {
        return codes.size(0);
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
        return codes.numel() + scales.numel() * Dtype.F32.bytes();
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
        return product.apply(x, bias);
    }

    @Override
    public Tensor rows(long start, long count) {
        return widen(codes.narrow(0, start, count), scales.narrow(0, start, count));
    }

    @Override
    public Tensor columns(long start, long count) {
        return widen(codes.narrow(1, start, count), scales);
    }

    private Tensor widen(Tensor part, Tensor scale) {
        return part.to(ScalarType.Float).mul_(scale.unsqueeze(1)).to(dtype.scalarType());
    }

    @Override
    public void close() {
        product.close();
        codes.close();
        scales.close();
    }
}
