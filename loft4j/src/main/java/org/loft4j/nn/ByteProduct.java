package org.loft4j.nn;

import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * {@code x·Wᵀ + b} of a few rows in bfloat16 with a matrix of bytes, on the processor in an {@link Inference}: libtorch's kernel for
 * such matrices reads each byte where it lies, in place of a tile that is widened first. Each lane has some of the outputs.
 *
 * <p>Each output is {@code s·Σ q·x}, summed in float32 by one thread in one order, so it does not depend on the cuts.
 * The sum is rounded to bfloat16 before it meets its scale and once more behind it; W itself is not rounded, as a widened tile is,
 * and the error is of the same size.
 */
final class ByteProduct {
    /** Rows up to which it is faster than {@link TiledProduct} on every processor that was tried (docs/performance.md). */
    private static final long FEW = 8;

    /** The kernel reads so many bytes of a row at once, beyond its end too where they are not a multiple. */
    private static final long UNIT = 64;

    /** Outputs of which each lane has whole multiples, but for the last. */
    private static final long OUTPUTS = 64;

    /** Multiplications of a lane at least: it is woken in some 30 µs. */
    private static final long LANE_PRODUCTS = 1 << 19;

    private ByteProduct() {}

    /** Whether {@link #of} is to be taken for this input and matrix, {@code (…, in)} and {@code (…, in)}. */
    static boolean takes(Tensor x, Tensor codes) {
        long in = codes.size(1);
        return Inference.isOpen()
                && Dtype.of(x) == Dtype.BF16
                && DeviceSpec.of(codes).kind() == DeviceSpec.Kind.CPU
                && in % UNIT == 0
                && x.numel() > 0
                && x.size(-1) == in
                && x.numel() <= FEW * in;
    }

    /**
     * The product.
     *
     * @param x {@code (…, in)}
     * @param codes int8 {@code (out, in)}
     * @param scales float32 {@code (out)}, of each row
     */
    static Tensor of(Tensor x, Tensor codes, Tensor scales, @Nullable Tensor bias) {
        long in = codes.size(1);
        Tensor rows = x.reshape(-1, in).contiguous();
        long out = codes.size(0);
        long units = (out + OUTPUTS - 1) / OUTPUTS;
        int lanes = (int)
                Math.max(1, Math.min(Math.min(Lanes.count(), units), rows.size(0) * codes.numel() / LANE_PRODUCTS));
        Tensor y = Tensors.empty(Dtype.BF16, DeviceSpec.CPU, rows.size(0), out);
        Lanes.runIfFree(lanes, lane -> {
            long first = units * lane / lanes * OUTPUTS;
            long count = Math.min(out, units * (lane + 1) / lanes * OUTPUTS) - first;
            Tensor scaled = sums(rows, codes.narrow(0, first, count))
                    .to(ScalarType.Float)
                    .mul_(scales.narrow(0, first, count));
            y.narrow(1, first, count).copy_(bias == null ? scaled : scaled.add_(bias.narrow(0, first, count)));
        });
        long[] shape = Shapes.of(x);
        shape[shape.length - 1] = out;
        return y.view(shape);
    }

    /** {@code Σ q·x} in bfloat16. */
    private static Tensor sums(Tensor rows, Tensor codes) {
        IValueVector stack = new IValueVector(
                new IValue(rows),
                new IValue(codes),
                new IValue(torch.ones(new long[] {codes.size(0)}, rows.options())));
        Kernel.HANDLE.callBoxed(stack);
        return stack.get(0).toTensor();
    }

    /** Of libtorch, looked up once: JavaCPP has no function of its own for it. */
    private static final class Kernel {
        static final OperatorHandle HANDLE =
                NativeScope.keep(Dispatcher.singleton().findSchemaOrThrow("aten::_weight_int8pack_mm", ""));
    }
}
