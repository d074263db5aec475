package org.loft4j.adapter;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.WeightMatrix;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * The Euclidean norm of each row of {@code W0 + scale·B·A}, without that matrix:
 *
 * <pre>  ‖W0 + s·B·A‖² = ‖W0‖² + 2s·Σ(W0·Aᵀ ⊙ B) + s²·Σ(B·(A·Aᵀ) ⊙ B)</pre>
 *
 * with the sums over the columns of {@code (out, r)}. It costs {@code out·in·r} multiplications, as much as r more rows
 * of input would. Sums are in float64, the products with the weight in the type of the factors; a weight of
 * half precision is widened a block of rows at a time. What was computed last is kept until a tensor has changed, so
 * generating text computes it once.
 */
final class RowNorms implements AutoCloseable {
    /** Elements of the weight that are widened at once on the processor, and stay in its cache. */
    private static final long BLOCK = 1 << 20;

    /** The same on a device, where a call costs more than a cache saves; in float64 that is 128 MB. */
    private static final long DEVICE_BLOCK = 1 << 24;

    private static final ScalarType F64 = Dtype.F64.scalarType();

    private final WeightMatrix base;
    private final Tensor loraA;
    private final Tensor loraB;
    private final double scale;
    private @Nullable Tensor squares;
    private long squaresOf;
    private @Nullable Tensor norms;
    private long normsOf;

    RowNorms(WeightMatrix base, Tensor loraA, Tensor loraB, double scale) {
        this.base = base;
        this.loraA = loraA;
        this.loraB = loraB;
        this.scale = scale;
    }

    /** {@code (out)}, without a gradient, in the type of the factors and owned by this object until the next call. */
    synchronized Tensor get() {
        // in-place changes count up a tensor's version, so equal sums mean that none of the three has changed
        long version = base.version() + loraA._version() + loraB._version();
        if (norms == null || normsOf != version) {
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                Tensor fresh = NativeScope.keep(squared().sqrt().to(loraB.scalar_type()));
                free(norms);
                norms = fresh;
                normsOf = version;
            }
        }
        return norms;
    }

    private Tensor squared() {
        Tensor a = loraA.to(F64);
        Tensor b = loraB.to(F64);
        Tensor cross = weightTimesA().mul(b).sum(1);
        Tensor update = b.mm(a.mm(a.t())).mul(b).sum(1);
        return weightSquares()
                .add(cross, new Scalar(2 * scale))
                .add_(update, new Scalar(scale * scale))
                .clamp_min_(new Scalar(0));
    }

    /** {@code ‖W0‖²} of each row, {@code (out)}: the base is frozen, so once is enough as a rule. */
    private Tensor weightSquares() {
        if (squares == null || squaresOf != base.version()) {
            Tensor fresh = NativeScope.keep(squares(base));
            free(squares);
            squares = fresh;
            squaresOf = base.version();
        }
        return squares;
    }

    /** {@code W0·Aᵀ}, {@code (out, r)}. */
    private Tensor weightTimesA() {
        Tensor product = Tensors.empty(Dtype.F64, base.device(), base.out(), loraA.size(0));
        eachBlock(
                base.out(),
                base.in(),
                base.device(),
                (start, rows) -> product.narrow(0, start, rows)
                        .copy_(base.rows(start, rows).to(loraA.scalar_type()).mm(loraA.t())));
        return product;
    }

    /** {@code ‖W‖²} of each row, {@code (out)} in float64. */
    static Tensor squares(WeightMatrix weight) {
        Tensor squares = Tensors.empty(Dtype.F64, weight.device(), weight.out());
        eachBlock(
                weight.out(),
                weight.in(),
                weight.device(),
                (start, rows) -> squares.narrow(0, start, rows)
                        .copy_(weight.rows(start, rows).to(F64).square().sum(1)));
        return squares;
    }

    interface Rows {
        void visit(long start, long count);
    }

    /** Visits all rows, so many elements of them at once as suits where they are, each block in a scope of its own. */
    static void eachBlock(long out, long in, DeviceSpec device, Rows visitor) {
        long elements = device.kind() == DeviceSpec.Kind.CUDA ? DEVICE_BLOCK : BLOCK;
        long block = Math.max(1, elements / Math.max(1, in));
        for (long start = 0; start < out; start += block) {
            try (NativeScope scope = new NativeScope()) {
                visitor.visit(start, Math.min(block, out - start));
            }
        }
    }

    private static void free(@Nullable Tensor tensor) {
        if (tensor != null) {
            tensor.close();
        }
    }

    @Override
    public synchronized void close() {
        free(squares);
        free(norms);
        squares = null;
        norms = null;
    }
}
