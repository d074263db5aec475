package org.loft4j.io;

import java.util.List;
import org.loft4j.ConfigException;

/** A value of a GGUF file's metadata, with the type that the file gives it. */
public sealed interface GgufValue {
    /** A whole number of a fixed width; unsigned ones are held as they are written, so {@code U64} may look negative. */
    record Whole(Kind kind, long value) implements GgufValue {
        public Whole {
            if (kind.bytes < 8 && (value < kind.min() || value > kind.max())) {
                throw new ConfigException("a value of type " + kind + " must lie in [" + kind.min() + ", " + kind.max()
                        + "], got " + value);
            }
        }
    }

    /** A number of 32 bits. */
    record Float32(float value) implements GgufValue {}

    /** A number of 64 bits. */
    record Float64(double value) implements GgufValue {}

    record Truth(boolean value) implements GgufValue {}

    record Text(String value) implements GgufValue {}

    /** Values of one type; the type must be told, since the list may be empty. */
    record Array(int elementCode, List<GgufValue> values) implements GgufValue {
        public Array {
            values = List.copyOf(values);
            for (GgufValue value : values) {
                if (value.code() != elementCode) {
                    throw new ConfigException("an array of type " + elementCode + " cannot hold " + value);
                }
            }
        }
    }

    /** Widths and signs of whole numbers, with their numbers in the format. */
    enum Kind {
        U8(0, 1, false),
        I8(1, 1, true),
        U16(2, 2, false),
        I16(3, 2, true),
        U32(4, 4, false),
        I32(5, 4, true),
        U64(10, 8, false),
        I64(11, 8, true);

        private final int code;
        private final int bytes;
        private final boolean signed;

        Kind(int code, int bytes, boolean signed) {
            this.code = code;
            this.bytes = bytes;
            this.signed = signed;
        }

        int bytes() {
            return bytes;
        }

        private long min() {
            return signed ? -(1L << (8 * bytes - 1)) : 0;
        }

        private long max() {
            return (1L << (8 * bytes - (signed ? 1 : 0))) - 1;
        }
    }

    /** The number of {@link Text} in the format. */
    int TEXT = 8;

    /** The number of {@link Float32} in the format. */
    int FLOAT32 = 6;

    /** The number of {@link Truth} in the format. */
    int TRUTH = 7;

    /** The number of {@code I32} in the format. */
    int INT32 = 5;

    /** The type's number in the format ({@code gguf_metadata_value_type}). */
    default int code() {
        if (this instanceof Whole whole) {
            return whole.kind().code;
        }
        if (this instanceof Float32) {
            return FLOAT32;
        }
        if (this instanceof Truth) {
            return TRUTH;
        }
        if (this instanceof Text) {
            return TEXT;
        }
        return this instanceof Array ? 9 : 12;
    }
}
