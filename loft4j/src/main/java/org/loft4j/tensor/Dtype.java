package org.loft4j.tensor;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.ConfigException;

/** Element types, under the names that safetensors uses for them. */
public enum Dtype {
    F64(ScalarType.Double, 8, "float64"),
    F32(ScalarType.Float, 4, "float32"),
    F16(ScalarType.Half, 2, "float16"),
    BF16(ScalarType.BFloat16, 2, "bfloat16"),
    I64(ScalarType.Long, 8, "int64"),
    I32(ScalarType.Int, 4, "int32"),
    U8(ScalarType.Byte, 1, "uint8"),
    BOOL(ScalarType.Bool, 1, "bool");

    private final ScalarType scalarType;
    private final int bytes;
    private final String torchName;

    Dtype(ScalarType scalarType, int bytes, String torchName) {
        this.scalarType = scalarType;
        this.bytes = bytes;
        this.torchName = torchName;
    }

    public ScalarType scalarType() {
        return scalarType;
    }

    /** Size of one element in bytes. */
    public int bytes() {
        return bytes;
    }

    /** The name in config.json and on the command line: {@code float32}, {@code bfloat16}. */
    public String torchName() {
        return torchName;
    }

    public boolean isFloating() {
        return this == F64 || this == F32 || isHalf();
    }

    /** Whether it has too few digits for a sum of many, float16 and bfloat16. */
    public boolean isHalf() {
        return this == F16 || this == BF16;
    }

    public static Dtype of(Tensor tensor) {
        ScalarType type = tensor.scalar_type().intern();
        for (Dtype dtype : values()) {
            if (dtype.scalarType == type) {
                return dtype;
            }
        }
        throw new IllegalArgumentException("no dtype for element type " + type);
    }

    /** Reads {@code float32}, {@code torch.float32} or {@code F32}. */
    public static Dtype parse(String field, String name) {
        String bare = name.startsWith("torch.") ? name.substring("torch.".length()) : name;
        for (Dtype dtype : values()) {
            if (dtype.torchName.equals(bare) || dtype.name().equals(bare)) {
                return dtype;
            }
        }
        throw new ConfigException(field + " must be one of float64, float32, float16, bfloat16, got " + name);
    }
}
