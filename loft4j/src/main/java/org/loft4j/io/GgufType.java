package org.loft4j.io;

import java.util.Locale;
import org.loft4j.ConfigException;

/** Element types of tensors in GGUF files, with the numbers that ggml gives them. */
public enum GgufType {
    F32(0, 1, 4, 0),
    F16(1, 1, 2, 1),
    /** Blocks of 32 values: a scale {@code d = max|x| / 127} in float16, then 32 signed bytes q, so that {@code x ≈ d·q}. */
    Q8_0(8, 32, 34, 7),
    BF16(30, 1, 2, 32),
    /**
     * Blocks of 32 values: a power of two in a byte, then 16 bytes of codes, the first value's in the lower half of the first
     * byte, the 17th's in its upper half. Nothing is turned into it: a tensor's values are the bytes.
     */
    MXFP4(39, 32, 17, 38);

    private final int code;
    private final int blockSize;
    private final int blockBytes;
    private final int fileType;

    GgufType(int code, int blockSize, int blockBytes, int fileType) {
        this.code = code;
        this.blockSize = blockSize;
        this.blockBytes = blockBytes;
        this.fileType = fileType;
    }

    /** The number in a tensor's entry ({@code ggml_type}). */
    public int code() {
        return code;
    }

    /** The number under {@code general.file_type} for a file whose matrices are mostly of this type. */
    public int fileType() {
        return fileType;
    }

    /** Values that share a scale; the last dimension must be a multiple of it. */
    public int blockSize() {
        return blockSize;
    }

    /** Size of that many elements in bytes. */
    public long bytes(long elements) {
        return Math.multiplyExact(elements / blockSize, (long) blockBytes);
    }

    /** Whether rows of this length can be stored. */
    public boolean fits(long rowLength) {
        return rowLength % blockSize == 0;
    }

    /** Reads {@code f32}, {@code f16}, {@code bf16} or {@code q8_0}. */
    public static GgufType parse(String name) {
        for (GgufType type : values()) {
            if (type != MXFP4 && type.name().equalsIgnoreCase(name)) {
                return type;
            }
        }
        throw new ConfigException(
                "dtype must be f32, f16, bf16 or q8_0 for GGUF, got " + name.toLowerCase(Locale.ROOT));
    }
}
