package org.loft4j.io;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads GGUF files for tests, by the format's description alone: it shares no line and no constant with what writes them. It
 * refuses a file that is not exactly as long as its entries say, or whose tensors overlap or are not aligned.
 */
public final class GgufReader {
    /** One tensor: sizes as the file orders them (innermost first), the type's number, and its values as float32. */
    public record Entry(long[] sizes, int type, long offset, long bytes, float[] values) {}

    public final int version;
    public final long fileBytes;
    public final long dataStart;
    public final Map<String, Object> metadata = new LinkedHashMap<>();
    public final Map<String, Integer> types = new LinkedHashMap<>();
    public final Map<String, Entry> tensors = new LinkedHashMap<>();

    private final RandomAccessFile file;

    public GgufReader(Path path) throws IOException {
        try (RandomAccessFile opened = new RandomAccessFile(path.toFile(), "r")) {
            file = opened;
            fileBytes = file.length();
            require(text(4).equals("GGUF"), "magic");
            version = (int) whole(4);
            require(version == 3, "version " + version);
            long tensorCount = whole(8);
            long keyCount = whole(8);
            for (long i = 0; i < keyCount; i++) {
                String key = string();
                int type = (int) whole(4);
                require(types.put(key, type) == null, "key twice: " + key);
                metadata.put(key, value(type));
            }
            record Head(String name, long[] sizes, int type, long offset) {}
            List<Head> heads = new ArrayList<>();
            for (long i = 0; i < tensorCount; i++) {
                String name = string();
                require(name.getBytes(StandardCharsets.UTF_8).length < 64, "name too long: " + name);
                long[] sizes = new long[(int) whole(4)];
                require(sizes.length >= 1 && sizes.length <= 4, "dimensions of " + name);
                for (int d = 0; d < sizes.length; d++) {
                    sizes[d] = whole(8);
                }
                heads.add(new Head(name, sizes, (int) whole(4), whole(8)));
            }
            long alignment = metadata.containsKey("general.alignment") ? (Long) metadata.get("general.alignment") : 32;
            dataStart = up(file.getFilePointer(), alignment);
            long next = 0;
            for (Head head : heads) {
                require(head.offset() % alignment == 0, "alignment of " + head.name());
                require(head.offset() == next, "offset of " + head.name() + ": " + head.offset() + ", not " + next);
                long count = 1;
                for (long size : head.sizes()) {
                    count *= size;
                }
                long bytes = bytes(head.type(), count, head.sizes()[0]);
                file.seek(dataStart + head.offset());
                byte[] data = new byte[(int) bytes];
                file.readFully(data);
                Entry entry = new Entry(
                        head.sizes(), head.type(), head.offset(), bytes, floats(head.type(), data, (int) count));
                require(tensors.put(head.name(), entry) == null, "tensor twice: " + head.name());
                next = up(head.offset() + bytes, alignment);
            }
            require(fileBytes == dataStart + next, "length " + fileBytes + ", not " + (dataStart + next));
        }
    }

    private static long up(long position, long alignment) {
        return (position + alignment - 1) / alignment * alignment;
    }

    private static long bytes(int type, long count, long row) {
        switch (type) {
            case 0:
                return count * 4;
            case 1:
            case 30:
                return count * 2;
            case 8:
                require(row % 32 == 0, "a row of Q8_0 must be whole blocks");
                return count / 32 * 34;
            case 39:
                require(row % 32 == 0, "a row of MXFP4 must be whole blocks");
                return count / 32 * 17;
            default:
                throw new AssertionError("unknown tensor type " + type);
        }
    }

    private static float[] floats(int type, byte[] data, int count) {
        ByteBuffer in = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[count];
        for (int i = 0; i < count; ) {
            if (type == 0) {
                values[i++] = in.getFloat();
            } else if (type == 1) {
                values[i++] = half(in.getShort() & 0xFFFF);
            } else if (type == 30) {
                values[i++] = Float.intBitsToFloat((in.getShort() & 0xFFFF) << 16);
            } else if (type == 39) {
                float power = (float) Math.pow(2, (in.get() & 0xFF) - 127);
                for (int j = 0; j < 16; j++) {
                    int codes = in.get() & 0xFF;
                    values[i + j] = power * four(codes & 15);
                    values[i + j + 16] = power * four(codes >> 4);
                }
                i += 32;
            } else {
                float scale = half(in.getShort() & 0xFFFF);
                for (int j = 0; j < 32; j++) {
                    values[i++] = scale * in.get();
                }
            }
        }
        return values;
    }

    /** E2M1: one bit of sign, two of exponent, one of fraction. */
    public static float four(int bits) {
        int exponent = bits >> 1 & 3;
        int fraction = bits & 1;
        double size = exponent == 0 ? fraction / 2.0 : (1 + fraction / 2.0) * Math.pow(2, exponent - 1);
        return (float) ((bits & 8) == 0 ? size : -size);
    }

    /** IEEE 754 binary16: one bit of sign, five of exponent, ten of fraction. */
    static float half(int bits) {
        int exponent = bits >> 10 & 31;
        int fraction = bits & 1023;
        double size = exponent == 0
                ? fraction * Math.pow(2, -24)
                : exponent == 31
                        ? (fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN)
                        : (1 + fraction / 1024.0) * Math.pow(2, exponent - 15);
        return (float) ((bits & 0x8000) == 0 ? size : -size);
    }

    private Object value(int type) throws IOException {
        switch (type) {
            case 0:
                return whole(1);
            case 1:
                return (long) (byte) whole(1);
            case 2:
                return whole(2);
            case 3:
                return (long) (short) whole(2);
            case 4:
                return whole(4);
            case 5:
                return (long) (int) whole(4);
            case 6:
                return Float.intBitsToFloat((int) whole(4));
            case 7:
                long truth = whole(1);
                require(truth <= 1, "a truth of " + truth);
                return truth == 1;
            case 8:
                return string();
            case 9:
                int element = (int) whole(4);
                long count = whole(8);
                List<Object> list = new ArrayList<>();
                for (long i = 0; i < count; i++) {
                    list.add(value(element));
                }
                return list;
            case 10:
            case 11:
                return whole(8);
            case 12:
                return Double.longBitsToDouble(whole(8));
            default:
                throw new AssertionError("unknown value type " + type);
        }
    }

    private long whole(int bytes) throws IOException {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (long) file.readUnsignedByte() << (8 * i);
        }
        return value;
    }

    private String string() throws IOException {
        return text((int) whole(8));
    }

    private String text(int bytes) throws IOException {
        byte[] utf8 = new byte[bytes];
        file.readFully(utf8);
        return new String(utf8, StandardCharsets.UTF_8);
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("not valid GGUF: " + what);
        }
    }
}
