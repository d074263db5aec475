package org.loft4j.nn;

import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * {@code x·Wᵀ + b} in float32 or float64 on the processor without gradients, as generating takes it: each lane has some of the outputs.
 *
 * <p>OpenBLAS' own threads wait for each other on their cores, and for a core that is busy with something else many times as long as
 * the product takes. For few rows it lays the matrix out anew before it multiplies, which takes several times as long as to read it
 * once; strips of the matrix are so small that its kernels for AVX-512 read them where they lie (docs/performance.md).
 */
final class LaneProduct {
    /** Rows for which strips are faster. */
    private static final long FEW = 16;

    /** Outputs of a strip times its rows, and multiplications of a strip, that these kernels take at most. */
    private static final long STRIP_OUTPUTS = 1200;

    private static final long STRIP_PRODUCTS = 1_000_000;

    /** Multiplications of a lane at least: it is woken in some 30 µs. */
    private static final long LANE_PRODUCTS = 1 << 18;

    private LaneProduct() {}

    /**
     * The product, or null where libtorch's own does as well.
     *
     * @param x {@code (…, in)}
     * @param weight {@code (out, in)}, as it is stored or turned
     */
    static @Nullable Tensor of(Tensor x, Tensor weight, @Nullable Tensor bias) {
        Dtype dtype = Dtype.of(weight);
        if (GradMode.is_enabled()
                || dtype.isHalf()
                || Dtype.of(x) != dtype
                || DeviceSpec.of(weight).kind() != DeviceSpec.Kind.CPU
                || x.numel() == 0
                || x.size(-1) != weight.size(1)) {
            return null;
        }
        long out = weight.size(0);
        Tensor rows = x.reshape(-1, weight.size(1));
        long count = rows.size(0);
        int lanes = (int) Math.min(Math.min(Lanes.count(), out), count * weight.numel() / LANE_PRODUCTS);
        boolean few = count == 1 || count <= FEW && Strips.PAY;
        if (lanes <= 1 && !few) {
            return null;
        }
        Tensor y = Tensors.empty(dtype, DeviceSpec.CPU, count, out);
        Lanes.run(Math.max(1, lanes), lane -> {
            long first = out * lane / Math.max(1, lanes);
            long outputs = out * (lane + 1) / Math.max(1, lanes) - first;
            multiply(rows, weight.narrow(0, first, outputs), y.narrow(1, first, outputs), few);
        });
        if (bias != null) {
            y.add_(bias);
        }
        long[] shape = Shapes.of(x);
        shape[shape.length - 1] = out;
        return y.view(shape);
    }

    private static void multiply(Tensor rows, Tensor weight, Tensor y, boolean few) {
        if (!few) {
            torch.mm_out(y, rows, weight.t());
        } else if (Strips.PAY) {
            inStrips(rows, weight, y);
        } else {
            torch.mv_out(y.view(-1), weight, rows.view(-1));
        }
    }

    private static void inStrips(Tensor rows, Tensor weight, Tensor y) {
        long count = rows.size(0);
        long out = weight.size(0);
        long strip = Math.max(1, Math.min(STRIP_OUTPUTS / count, STRIP_PRODUCTS / (count * weight.size(1))));
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

    /** Of the library that multiplies, asked once. */
    private static final class Strips {
        /** Whether OpenBLAS has chosen kernels that come with small ones that make no copies. */
        static final boolean PAY = Engine.blasKernels()
                .filter(kernels -> kernels.matches("(?i)skylakex|cooperlake|sapphirerapids"))
                .isPresent();
    }
}
