package org.loft4j.nn;

import java.util.List;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.AutoDispatchBelowADInplaceOrView;
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
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * Rotary position embedding; Su et al. 2021 (arXiv:2104.09864), equation 34, with dimension i paired with i + d/2 as in
 * most of Hugging Face's checkpoints: {@code y = x ⊙ cos(pθ) + rotateHalf(x) ⊙ sin(pθ)}, {@code θᵢ = base^(−2i/d)}; or 2i with
 * 2i + 1, its neighbour, as the paper has it. The tables
 * grow as longer sequences come, and may be asked for by several threads; angles are float32, or float64 in a float64 model.
 */
public final class RotaryEmbedding implements AutoCloseable {
    private final int dim;
    private final double base;
    private final RopeScaling scaling;
    private final Dtype dtype;
    private final DeviceSpec device;
    private final boolean neighbours;
    private long positions;
    private long variant;
    private @Nullable Tensor cos;
    private @Nullable Tensor sin;

    /**
     * @param dim how many dimensions of a head are rotated, from the first on; even
     * @param base of the wavelengths, {@code rope_theta}
     * @param dtype that is computed in; the heads may be of another
     * @param neighbours whether the dimensions of a pair are neighbours, and not half of them apart
     */
    public RotaryEmbedding(
            int dim, double base, RopeScaling scaling, Dtype dtype, DeviceSpec device, boolean neighbours) {
        if (dim < 2 || dim % 2 != 0) {
            throw new ConfigException("head_dim must be even and at least 2 for a rotary embedding, got " + dim);
        }
        this.dim = dim;
        this.base = Checks.positive("rope_theta", base);
        this.scaling = scaling;
        this.dtype = dtype;
        this.device = device;
        this.neighbours = neighbours;
    }

    /** Whether sequences of two lengths have the same angles at the positions that they share. */
    public boolean isSame(long length, long otherLength) {
        return scaling.variant(length) == scaling.variant(otherLength);
    }

    /** The rotation at positions {@code first … first + count − 1}, the same for each row. */
    public synchronized Rotation range(long first, long count) {
        return rotation(first + count, table -> table.narrow(0, first, count), () -> positions(first, count));
    }

    /**
     * The rotation at given positions.
     *
     * @param at int64 {@code (batch, seq)}, on the device of the heads
     * @param length greater than every position: the length of the longest sequence
     */
    public synchronized Rotation at(Tensor at, long length) {
        return rotation(length, table -> torch.embedding(table, at), () -> at);
    }

    private Rotation rotation(long length, UnaryOperator<Tensor> rows, Supplier<Tensor> at) {
        Tensor queryScale =
                scaling.scalesQueries(length) ? scaling.queryScale(at.get()).to(dtype.scalarType()) : null;
        if (!scaling.turns()) {
            return new Rotation(null, null, queryScale, dim, neighbours);
        }
        grow(length);
        return new Rotation(rows.apply(table(cos)), rows.apply(table(sin)), queryScale, dim, neighbours);
    }

    /**
     * Cosines and signed sines, {@code (seq, 1, dim)} or {@code (batch, seq, 1, dim)}: the sign of rotateHalf is in
     * the sines, so that the rotation is three operations. There are none where heads are not turned, and queries grow at most.
     */
    public static final class Rotation {
        /** Up to so many numbers libtorch's operations take less time than a function of our own; in half types they do with more, too. */
        private static final long FEW = 3 << 16;

        private static final double FORTH = 1;
        private static final double BACK = -1;

        private final @Nullable Tensor cos;
        private final @Nullable Tensor signedSin;
        private final @Nullable Tensor queryScale;
        private final long dim;
        private final boolean neighbours;

        private Rotation(
                @Nullable Tensor cos,
                @Nullable Tensor signedSin,
                @Nullable Tensor queryScale,
                long dim,
                boolean neighbours) {
            this.cos = cos == null ? null : cos.unsqueeze(-2);
            this.signedSin = signedSin == null ? null : signedSin.unsqueeze(-2);
            this.queryScale =
                    queryScale == null ? null : queryScale.unsqueeze(-1).unsqueeze(-1);
            this.dim = dim;
            this.neighbours = neighbours;
        }

        /** Rotates queries, of the same shape, and scales them where they grow with their positions. */
        public Tensor applyToQuery(Tensor x) {
            Tensor rotated = apply(x);
            return queryScale == null ? rotated : rotated.mul(queryScale).to(rotated.scalar_type());
        }

        /** Rotates the first dimensions of {@code (batch, seq, heads, headDim)}. */
        public Tensor apply(Tensor x) {
            if (cos == null || signedSin == null) {
                return x;
            }
            Dtype dtype = Dtype.of(x);
            if (x.numel() > FEW
                    && DeviceSpec.of(x).kind() == DeviceSpec.Kind.CPU
                    && dtype == Dtype.of(cos)
                    && !dtype.isHalf()) {
                return AutogradFunction.inPlaceOf(
                        x,
                        "a rotary embedding has no second derivative on the processor",
                        rotateByHalves(x, cos, signedSin, FORTH),
                        List.of(cos, signedSin),
                        (saved, gradient) -> List.of(rotateByHalves(gradient, saved.get(0), saved.get(1), BACK)));
            }
            long headDim = x.size(-1);
            if (headDim == dim) {
                return rotate(x, cos, signedSin);
            }
            Tensor rotated = rotate(x.narrow(-1, 0, dim), cos, signedSin);
            return torch.cat(new TensorVector(rotated, x.narrow(-1, dim, headDim - dim)), -1);
        }

        private Tensor rotate(Tensor x, Tensor c, Tensor signedS) {
            return torch.addcmul(x.mul(c), exchanged(x), signedS).to(x.scalar_type());
        }

        /**
         * The same with no memory but that of the result: each half of the pairs takes its part of the other.
         *
         * @param way {@link #FORTH}, or {@link #BACK} as gradients go
         */
        private Tensor rotateByHalves(Tensor x, Tensor c, Tensor signedS, double way) {
            try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
                Tensor result = torch.empty(Shapes.of(x), x.options(), null);
                Tensor from = x.narrow(-1, 0, dim);
                Tensor to = result.narrow(-1, 0, dim);
                torch.mul_out(to, from, c.expand(from.sizes()));
                for (long half = 0; half < 2; half++) {
                    half(to, half).addcmul_(half(from, 1 - half), half(signedS, half), new Scalar(way));
                }
                long rest = x.size(-1) - dim;
                result.narrow(-1, dim, rest).copy_(x.narrow(-1, dim, rest));
                return result;
            }
        }

        /** The first number of each pair, or the second. */
        private Tensor half(Tensor x, long which) {
            return neighbours ? x.unflatten(-1, dim / 2, 2).select(-1, which) : x.narrow(-1, which * dim / 2, dim / 2);
        }

        /** With the other number of its pair in the place of each. */
        private Tensor exchanged(Tensor x) {
            return neighbours ? x.unflatten(-1, dim / 2, 2).flip(-1).flatten(-2, -1) : x.roll(new long[] {dim / 2}, -1);
        }
    }

    private Tensor positions(long first, long count) {
        return torch.arange(new Scalar(first), new Scalar(first + count), Tensors.options(Dtype.I64, device));
    }

    private void grow(long length) {
        if (cos != null && length <= positions && scaling.variant(length) == variant) {
            return;
        }
        long count = Math.max(64, Long.highestOneBit(length - 1) << 1);
        Dtype angleType = dtype == Dtype.F64 ? Dtype.F64 : Dtype.F32;
        try (NativeScope scope = new NativeScope()) {
            var options = Tensors.options(angleType, device);
            Tensor exponents = torch.arange(new Scalar(0), new Scalar(dim), new Scalar(2), options)
                    .div(new Scalar((double) dim));
            Tensor frequencies = scaling.frequencies(exponents, base, length);
            Tensor angles = torch.outer(torch.arange(new Scalar(count), options), frequencies);
            Tensor c = angles.cos();
            Tensor s = angles.sin();
            if (scaling.attentionFactor() != 1) {
                c.mul_(new Scalar(scaling.attentionFactor()));
                s.mul_(new Scalar(scaling.attentionFactor()));
            }
            Tensor newCos = ofPairs(c, c).to(dtype.scalarType());
            Tensor newSin = ofPairs(s.neg(), s).to(dtype.scalarType());
            close();
            cos = NativeScope.keep(newCos);
            sin = NativeScope.keep(newSin);
            positions = count;
            variant = scaling.variant(length);
        }
    }

    /** What is for the first and for the second numbers of the pairs, where these lie in a head. */
    private Tensor ofPairs(Tensor first, Tensor second) {
        TensorVector both = new TensorVector(first, second);
        return neighbours ? torch.stack(both, -1).flatten(-2, -1) : torch.cat(both, -1);
    }

    private static Tensor table(@Nullable Tensor table) {
        return java.util.Objects.requireNonNull(table, "rotary tables are built before use");
    }

    @Override
    public synchronized void close() {
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
