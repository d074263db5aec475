package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Rotary position embedding; Su et al. 2021 (arXiv:2104.09864), equation 34, with dimension i paired with i + d/2 as in
 * Hugging Face's checkpoints: {@code y = x ⊙ cos(pθ) + rotateHalf(x) ⊙ sin(pθ)}, {@code θᵢ = base^(−2i/d)}. The tables
 * grow as longer sequences come; angles are float32, or float64 in a float64 model.
 */
public final class RotaryEmbedding implements AutoCloseable {
    private final int headDim;
    private final double base;
    private final Dtype dtype;
    private final DeviceSpec device;
    private long positions;
    private @Nullable Tensor cos;
    private @Nullable Tensor sin;

    /**
     * @param headDim size of one head, even
     * @param base of the wavelengths, {@code rope_theta}
     * @param dtype of the heads to rotate
     */
    public RotaryEmbedding(int headDim, double base, Dtype dtype, DeviceSpec device) {
        if (headDim < 2 || headDim % 2 != 0) {
            throw new ConfigException("head_dim must be even and at least 2 for a rotary embedding, got " + headDim);
        }
        this.headDim = headDim;
        this.base = Checks.positive("rope_theta", base);
        this.dtype = dtype;
        this.device = device;
    }

    /** The rotation at positions {@code first … first + count − 1}, the same for each row. */
    public Rotation range(long first, long count) {
        grow(first + count);
        return new Rotation(table(cos).narrow(0, first, count), table(sin).narrow(0, first, count), headDim / 2);
    }

    /**
     * The rotation at given positions.
     *
     * @param at int64 {@code (batch, seq)}, on the device of the heads
     * @param bound greater than every position
     */
    public Rotation at(Tensor at, long bound) {
        grow(bound);
        return new Rotation(torch.embedding(table(cos), at), torch.embedding(table(sin), at), headDim / 2);
    }

    /**
     * Cosines and signed sines, {@code (seq, 1, headDim)} or {@code (batch, seq, 1, headDim)}: the sign of rotateHalf is in
     * the sines, so that the rotation is three operations.
     */
    public static final class Rotation {
        private final Tensor cos;
        private final Tensor signedSin;
        private final long half;

        private Rotation(Tensor cos, Tensor signedSin, long half) {
            this.cos = cos.unsqueeze(-2);
            this.signedSin = signedSin.unsqueeze(-2);
            this.half = half;
        }

        /** Rotates {@code (batch, seq, heads, headDim)}. */
        public Tensor apply(Tensor x) {
            return torch.addcmul(x.mul(cos), x.roll(new long[] {half}, -1), signedSin);
        }
    }

    private void grow(long needed) {
        if (needed <= positions) {
            return;
        }
        long count = Math.max(64, Long.highestOneBit(needed - 1) << 1);
        Dtype angleType = dtype == Dtype.F64 ? Dtype.F64 : Dtype.F32;
        try (NativeScope scope = new NativeScope()) {
            var options = Tensors.options(angleType, device);
            Tensor exponents = torch.arange(new Scalar(0), new Scalar(headDim), new Scalar(2), options)
                    .div(new Scalar((double) headDim));
            Tensor frequencies = torch.reciprocal(torch.pow(new Scalar(base), exponents));
            Tensor angles = torch.outer(torch.arange(new Scalar(count), options), frequencies);
            Tensor c = angles.cos();
            Tensor s = angles.sin();
            Tensor newCos = torch.cat(new TensorVector(c, c), -1).to(dtype.scalarType());
            Tensor newSin = torch.cat(new TensorVector(s.neg(), s), -1).to(dtype.scalarType());
            close();
            cos = NativeScope.keep(newCos);
            sin = NativeScope.keep(newSin);
            positions = count;
        }
    }

    private static Tensor table(@Nullable Tensor table) {
        return java.util.Objects.requireNonNull(table, "rotary tables are built before use");
    }

    @Override
    public void close() {
        if (cos != null) {
            cos.close();
            cos = null;
        }
        if (sin != null) {
            sin.close();
            sin = null;
        }
        positions = 0;
    }
}
