package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * {@code x·Wᵀ + b} on the processor in an {@link Inference}: each lane has some of the outputs. Many rows of a half type are oneDNN's,
 * whose own threads share them out without another rounding.
 *
 * <p>OpenBLAS' own threads wait for each other on their cores, and for a core that is busy with something else many times as long as
 * the product takes. For few rows it lays the matrix out anew before it multiplies, which takes several times as long as to read it
 * once; strips of the matrix are so small that its kernels for AVX-512 read them where they lie (docs/performance.md).
 *
 * <p>OpenBLAS rounds otherwise where a matrix is cut otherwise. The cuts depend on the shapes and on how many lanes there are, and each
 * part is one product on one thread, whichever: so the numbers do not depend on what other threads do. Those of strips do not
 * depend on the lanes either.
 */
final class LaneProduct {
    /** Rows for which strips are faster. */
    private static final long FEW = 16;

    /** Rows of a half type for which lanes are faster than oneDNN's own threads, which must be woken. */
    private static final long FEW_OF_HALF = 64;

    /** Outputs of a strip times its rows, and multiplications of a strip, that these kernels take at most. */
    private static final long STRIP_OUTPUTS = 1200;

    private static final long STRIP_PRODUCTS = 1_000_000;

    /** Outputs of a strip at most, of which lanes have about as many. */
    private static final long LARGEST_STRIP = 256;

    /** Multiplications of a lane at least, which takes a few µs to begin where it is awake. */
    private static final long LANE_PRODUCTS = 1 << 16;

    /** Outputs that a lane has a multiple of for one row without strips: kernels compute up to 64 at once. */
    private static final long UNIT = 64;

    /** The same for many rows, all of which each lane lays out anew for itself. */
    private static final long UNIT_OF_MANY = 256;

    private LaneProduct() {}

    /**
     * The product, or null where libtorch's own is to be taken.
     *
     * @param x {@code (…, in)}
     * @param weight {@code (out, in)}, as it is stored or turned
     */
    static @Nullable Tensor of(Tensor x, Tensor weight, @Nullable Tensor bias) {
        Dtype dtype = Dtype.of(weight);
        if (!Inference.isOpen()
                || DeviceSpec.of(weight).kind() != DeviceSpec.Kind.CPU
                || Dtype.of(x) != dtype
                || x.numel() == 0
                || x.size(-1) != weight.size(1)) {
            return null;
        }
        long out = weight.size(0);
        Tensor rows = x.reshape(-1, weight.size(1));
        if (dtype.isHalf() && rows.size(0) > FEW_OF_HALF) {
            // oneDNN's own threads, which lay out less anew
            return Lanes.together(
                    () -> torch.linear(x, weight, bias == null ? new TensorOptional() : new TensorOptional(bias)));
        }
        boolean few = isOfFew(rows);
        long unit = unit(rows);
        long units = (out + unit - 1) / unit;
        long worthwhile = rows.size(0) * weight.numel() / LANE_PRODUCTS;
        int lanes = (int) Math.max(1, Math.min(Math.min(Lanes.count(), units), worthwhile));
        Tensor y = Tensors.empty(dtype, DeviceSpec.CPU, rows.size(0), out);
        Lanes.runIfFree(lanes, lane -> {
            long first = units * lane / lanes * unit;
            long outputs = Math.min(out, units * (lane + 1) / lanes * unit) - first;
            Tensor some = weight.narrow(0, first, outputs);
            Tensor part = y.narrow(1, first, outputs);
            if (few) {
                multiplyFew(rows, some, part);
            } else {
                Lanes.unshared(() -> bias == null
                        ? torch.mm_out(part, rows, some.t())
                        : torch.addmm_out(part, bias.narrow(0, first, outputs), rows, some.t()));
            }
        });
        if (few && bias != null) {
            y.add_(bias);
        }
        long[] shape = Shapes.of(x);
        shape[shape.length - 1] = out;
        return y.view(shape);
    }

    /** Whether rows are so few that {@link #multiplyFew} is faster than a product as it is. */
    static boolean isOfFew(Tensor rows) {
        return !Dtype.of(rows).isHalf() && areFew(rows);
    }

    /** Whether they are once they are no half type. */
    static boolean areFew(Tensor rows) {
        long count = rows.size(0);
        return !rows.is_cuda() && (count == 1 || count > 1 && count <= FEW && Engine.hasSmallKernels());
    }

    /**
     * {@code y = x·Wᵀ} on the calling thread.
     *
     * @param rows {@code (count, in)}
     * @param weight {@code (out, in)}
     * @param y {@code (count, out)}
     */
    static void multiplyFew(Tensor rows, Tensor weight, Tensor y) {
        if (Engine.hasSmallKernels()) {
            inStrips(rows, weight, y);
        } else {
            Lanes.unshared(() -> torch.mv_out(y.view(-1), weight, rows.view(-1)));
        }
    }

    /** Outputs of which each lane has whole multiples, but for the last. */
    static long unit(Tensor rows) {
        if (Dtype.of(rows).isHalf()) {
            return UNIT;
        }
        if (!isOfFew(rows)) {
            return UNIT_OF_MANY;
        }
        return Engine.hasSmallKernels() ? strip(rows) : UNIT;
    }

    /** Outputs of a strip. */
    private static long strip(Tensor rows) {
        long count = rows.size(0);
        return Math.max(1, Math.min(LARGEST_STRIP, Math.min(STRIP_OUTPUTS / count, STRIP_PRODUCTS / rows.numel())));
    }

    private static void inStrips(Tensor rows, Tensor weight, Tensor y) {
        long out = weight.size(0);
        long strip = strip(rows);
        long strips = out / strip;
        long whole = strips * strip;
        if (strips > 0) {
            torch.bmm_out(
                    y.narrow(1, 0, whole).unflatten(1, strips, strip).transpose(0, 1),
                    rows.expand(strips, -1, -1),
                    weight.narrow(0, 0, whole).unflatten(0, strips, strip).transpose(1, 2));
        }
        if (whole < out) {
            torch.mm_out(
                    y.narrow(1, whole, out - whole),
                    rows,
                    weight.narrow(0, whole, out - whole).t());
        }
    }
}
