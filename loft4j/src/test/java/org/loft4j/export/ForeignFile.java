package org.loft4j.export;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** A safetensors file of one tensor of a type that no tensor here can have. */
final class ForeignFile {
    private ForeignFile() {}

    /** @param dtype whose elements have a byte each */
    static byte[] of(String name, String dtype, int rows, int columns) {
        byte[] header = String.format(
                        "{\"%s\":{\"dtype\":\"%s\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]}}",
                        name, dtype, rows, columns, rows * columns)
                .getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(Long.BYTES + header.length + rows * columns)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .array();
    }
}
