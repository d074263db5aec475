package org.loft4j.nn;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * Four bits a number as a checkpoint has them: MXFP4 of the OCP Microscaling Formats (MX) Specification 1.0, section 5.3. Thirty-two
 * numbers of a row share a power of two, and each is a sign and one of eight magnitudes times it:
 *
 * <pre>  w = 2^(exponent − 127)·value[code]</pre>
 *
 * which is {@code 4 + 8/32 = 4.25} bits a number. Two codes share a byte, the first in its lower half. Nothing is rounded where
 * they are widened to float32 or bfloat16.
 */
public final class Mxfp4Weight implements QuantizedWeight {
    /** Numbers that share an exponent. */
    public static final int BLOCK = 32;

    private static final float[] MAGNITUDES = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};

    private final Tensor codes;
    private final Tensor exponents;
    private final Tensor table;
    private final Tensor powers;
    private final Dtype dtype;
    private final long first;
    private final long out;

    private Mxfp4Weight(
            Tensor codes, Tensor exponents, Tensor table, Tensor powers, Dtype dtype, long first, long out) {
        this.codes = codes;
        this.exponents = exponents;
        this.table = table;
        this.powers = powers;
        this.dtype = dtype;
        this.first = first;
        this.out = out;
    }

    /**
     * Takes over what a checkpoint holds.
     *
     * @param blocks bytes {@code (…, blocks, 16)}
     * @param exponents bytes {@code (…, blocks)}
     * @param dtype in which the layer computes
     * @return {@code (all but the last of …, the last times 32)}, in rows
     */
    public static Mxfp4Weight of(Tensor blocks, Tensor exponents, Dtype dtype) {
        long[] shape = Shapes.of(exponents);
        long perRow = shape[shape.length - 1];
        if (blocks.size(-1) != BLOCK / 2 || blocks.numel() != exponents.numel() * BLOCK / 2) {
            throw new ShapeException("blocks must be " + BLOCK / 2 + " bytes for each exponent, got "
                    + Shapes.text(Shapes.of(blocks)) + " and " + Shapes.text(shape));
        }
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor flat = NativeScope.keep(blocks.reshape(-1, perRow * BLOCK / 2));
            return new Mxfp4Weight(
                    flat,
                    NativeScope.keep(exponents.reshape(-1, perRow)),
                    NativeScope.keep(NormalFloat.table(Mxfp4Weight::value, DeviceSpec.of(blocks))),
                    NativeScope.keep(powers(DeviceSpec.of(blocks))),
                    dtype,
                    0,
                    flat.size(0));
        }
    }

    /** The number of one half of a byte. */
    private static float value(int code, boolean second) {
        int bits = second ? code >> 4 : code & 15;
        float magnitude = MAGNITUDES[bits & 7];
        return (bits & 8) == 0 ? magnitude : -magnitude;
    }

    /** The power of two for each exponent; the last one stands for no number. */
    private static Tensor powers(DeviceSpec device) {
        float[] powers = new float[256];
        for (int exponent = 0; exponent < 255; exponent++) {
            powers[exponent] = Math.scalb(1f, exponent - 127);
        }
        powers[255] = Float.NaN;
        return Tensors.of(powers, powers.length).to(device.torch(), ScalarType.Float);
    }

    @Override
    public Mxfp4Weight part(long start, long count) {
        return new Mxfp4Weight(codes, exponents, table, powers, dtype, first + start, count);
    }

    @Override
    public long out() {
        return out;
    }

    @Override
    public long in() {
        return exponents.size(1) * BLOCK;
    }

    @Override
    public Dtype dtype() {
        return dtype;
    }

    @Override
    public DeviceSpec device() {
        return DeviceSpec.of(codes);
    }

    /** That of a file: no option has made it. */
    @Override
    public LoadIn loadIn() {
        return LoadIn.FULL;
    }

    @Override
    public long bytes() {
        return out * (codes.size(1) + exponents.size(1))
                + table.numel() * Dtype.I64.bytes()
                + powers.numel() * Dtype.F32.bytes();
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
        return TiledProduct.of(this, x, bias);
    }

    @Override
    public Tensor gradientOfInput(Tensor gradient) {
        return TiledProduct.gradientOfInput(this, gradient);
    }

    @Override
    public Tensor wideRows(long start, long count) {
        return numbers(codes.narrow(0, first + start, count), exponents.narrow(0, first + start, count));
    }

    @Override
    public Tensor rows(Tensor ids) {
        Tensor own = first == 0 ? ids : ids.add(new Scalar(first));
        return widen(codes.index_select(0, own), exponents.index_select(0, own));
    }

    @Override
    public Tensor columns(long start, long count) {
        long block = start / BLOCK;
        long blocks = (start + count + BLOCK - 1) / BLOCK - block;
        Tensor some = widen(
                codes.narrow(0, first, out).narrow(1, block * BLOCK / 2, blocks * BLOCK / 2),
                exponents.narrow(0, first, out).narrow(1, block, blocks));
        return some.narrow(1, start - block * BLOCK, count);
    }

    private Tensor widen(Tensor bytes, Tensor ofBlocks) {
        return numbers(bytes, ofBlocks).to(dtype.scalarType());
    }

    /** In float32. */
    private Tensor numbers(Tensor bytes, Tensor ofBlocks) {
        Tensor scale = powers.index_select(0, ofBlocks.to(ScalarType.Int).reshape(-1));
        return NormalFloat.unpack(bytes.contiguous(), table)
                .view(-1, BLOCK)
                .mul_(scale.unsqueeze(1))
                .view(bytes.size(0), -1);
    }

    @Override
    public void close() {
        for (Tensor tensor : new Tensor[] {codes, exponents, table, powers}) {
            tensor.close();
        }
    }
}
