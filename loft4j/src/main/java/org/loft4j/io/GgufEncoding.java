package org.loft4j.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.ConfigException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** Turns values into the bytes of a {@link GgufType}, a piece at a time. */
final class GgufEncoding {
    /** Elements that are converted at once; a multiple of every block size. */
    private static final long PIECE = 1L << 22;

    private GgufEncoding() {}

    /** Writes a tensor of any floating dtype, device and layout, or bytes that need no turning; returns the number of bytes. */
    static long write(FileChannel channel, String name, GgufType type, Tensor values) throws IOException {
        boolean bytesAlready = type == GgufType.MXFP4;
        if (bytesAlready ? Dtype.of(values) != Dtype.U8 : !Dtype.of(values).isFloating()) {
            throw new ConfigException("tensor " + name + " must be of " + (bytesAlready ? "uint8" : "a floating dtype")
                    + ", got " + Dtype.of(values));
        }
        long elements = values.numel();
        Tensor flat = values.detach().cpu().contiguous().view(-1);
        for (long start = 0; start < elements; start += PIECE) {
            try (NativeScope scope = new NativeScope()) {
                Tensor piece = flat.narrow(0, start, Math.min(PIECE, elements - start));
                if (!bytesAlready && !piece.isfinite().all().item_bool()) {
                    throw new ConfigException("tensor " + name + " has values that are no numbers, or infinite");
                }
                Tensor bytes = encode(name, type, piece).contiguous();
                long count = bytes.numel() * Dtype.of(bytes).bytes();
                var memory = new BytePointer(bytes.data_ptr());
                AtomicFiles.writeFully(channel, SafetensorsFile.buffer(memory, 0, (int) count));
            }
        }
        return bytesAlready ? elements : type.bytes(elements);
    }

    private static Tensor encode(String name, GgufType type, Tensor piece) {
        return switch (type) {
            case F32 -> piece.to(Dtype.F32.scalarType());
            case BF16 -> piece.to(Dtype.BF16.scalarType());
            case F16 -> requireHeld(name, type, piece.to(Dtype.F16.scalarType()));
            case MXFP4 -> piece;
            case Q8_0 -> blocks(name, piece.to(Dtype.F32.scalarType()).view(-1, type.blockSize()));
        };
    }

    /** As ggml's reference: the quotient is by the scale in float32, halves go away from zero. */
    private static Tensor blocks(String name, Tensor x) {
        Tensor scale = x.abs().amax(new long[] {1}, true).div(new Scalar(127.0));
        Tensor inverse = torch.where(scale.eq(new Scalar(0)), scale, scale.reciprocal());
        Tensor quotient = x.mul(inverse);
        Tensor size = quotient.abs();
        Tensor floor = size.floor();
        Tensor rounded = floor.add(size.sub(floor).mul_(new Scalar(2)).floor_());
        Tensor quants = rounded.mul_(quotient.sign()).to(ScalarType.Char).view(ScalarType.Byte);
        Tensor half = requireHeld(name, GgufType.Q8_0, scale.to(Dtype.F16.scalarType()));
        return torch.cat(new TensorVector(half.view(ScalarType.Byte), quants), 1);
    }

    private static Tensor requireHeld(String name, GgufType type, Tensor after) {
        if (!after.isfinite().all().item_bool()) {
            throw new ConfigException("tensor " + name + " has values that " + type
                    + " cannot hold, since float16 ends at 65504: use bf16 or f32");
        }
        return after;
    }
}
