package org.loft4j.tensor;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** Tensors from Java arrays and back. Results belong to the open {@link NativeScope}. */
public final class Tensors {
    private Tensors() {}

    public static TensorOptions options(Dtype dtype, DeviceSpec device) {
        Engine.start();
        return new TensorOptions()
                .dtype(new org.bytedeco.pytorch.ScalarTypeOptional(dtype.scalarType()))
                .device(new org.bytedeco.pytorch.DeviceOptional(device.torch()));
    }

    public static Tensor zeros(Dtype dtype, DeviceSpec device, long... shape) {
        return torch.zeros(shape, options(dtype, device));
    }

    public static Tensor empty(Dtype dtype, DeviceSpec device, long... shape) {
        return torch.empty(shape, options(dtype, device), null);
    }

    /** A float32 tensor on the CPU that holds a copy of the values. */
    public static Tensor of(float[] values, long... shape) {
        Tensor tensor = empty(Dtype.F32, DeviceSpec.CPU, shape);
        if (requireCount(values.length, tensor) > 0) {
            new FloatPointer(tensor.data_ptr()).put(values, 0, values.length);
        }
        return tensor;
    }

    /** A float64 tensor on the CPU that holds a copy of the values. */
    public static Tensor of(double[] values, long... shape) {
        Tensor tensor = empty(Dtype.F64, DeviceSpec.CPU, shape);
        if (requireCount(values.length, tensor) > 0) {
            new DoublePointer(tensor.data_ptr()).put(values, 0, values.length);
        }
        return tensor;
    }

    /** An int64 tensor on the CPU that holds a copy of the values. */
    public static Tensor of(long[] values, long... shape) {
        Tensor tensor = empty(Dtype.I64, DeviceSpec.CPU, shape);
        if (requireCount(values.length, tensor) > 0) {
            new LongPointer(tensor.data_ptr()).put(values, 0, values.length);
        }
        return tensor;
    }

    /** A number rounded to a type. */
    public static double rounded(double value, Dtype dtype) {
        try (NativeScope scope = new NativeScope()) {
            return of(new double[] {value}, 1).to(dtype.scalarType()).item_double();
        }
    }

    /** The values in row-major order, converted to float64. */
    public static double[] toDoubles(Tensor tensor) {
        try (NativeScope scope = new NativeScope()) {
            Tensor host = host(tensor, Dtype.F64);
            double[] values = new double[Math.toIntExact(host.numel())];
            if (values.length > 0) {
                new DoublePointer(host.data_ptr()).get(values);
            }
            return values;
        }
    }

    /** The values in row-major order, converted to float32. */
    public static float[] toFloats(Tensor tensor) {
        try (NativeScope scope = new NativeScope()) {
            Tensor host = host(tensor, Dtype.F32);
            float[] values = new float[Math.toIntExact(host.numel())];
            if (values.length > 0) {
                new FloatPointer(host.data_ptr()).get(values);
            }
            return values;
        }
    }

    /** The values in row-major order, converted to int64. */
    public static long[] toLongs(Tensor tensor) {
        try (NativeScope scope = new NativeScope()) {
            Tensor host = host(tensor, Dtype.I64);
            long[] values = new long[Math.toIntExact(host.numel())];
            if (values.length > 0) {
                new LongPointer(host.data_ptr()).get(values);
            }
            return values;
        }
    }

    /** Whether dtype, shape and every bit are equal. */
    public static boolean bitEqual(Tensor a, Tensor b) {
        if (Dtype.of(a) != Dtype.of(b) || !java.util.Arrays.equals(Shapes.of(a), Shapes.of(b))) {
            return false;
        }
        try (NativeScope scope = new NativeScope()) {
            return java.util.Arrays.equals(bytes(a), bytes(b));
        }
    }

    private static byte[] bytes(Tensor tensor) {
        Tensor host = tensor.detach().cpu().contiguous();
        byte[] bytes = new byte[Math.toIntExact(host.numel() * Dtype.of(host).bytes())];
        if (bytes.length > 0) {
            new BytePointer(host.data_ptr()).get(bytes);
        }
        return bytes;
    }

    private static Tensor host(Tensor tensor, Dtype dtype) {
        return tensor.detach().cpu().to(dtype.scalarType()).contiguous();
    }

    private static int requireCount(int count, Tensor tensor) {
        if (count != tensor.numel()) {
            throw new org.loft4j.ShapeException(
                    count + " values cannot fill a tensor of shape " + Shapes.text(Shapes.of(tensor)));
        }
        return count;
    }
}
