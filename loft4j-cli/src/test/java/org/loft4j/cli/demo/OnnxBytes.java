package org.loft4j.cli.demo;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Writes the parts of an ONNX file that the tests need. */
final class OnnxBytes {
    private OnnxBytes() {}

    /** Writes the fields of one message. */
    interface Fields {
        void write(CodedOutputStream out) throws IOException;
    }

    static byte[] message(Fields fields) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            CodedOutputStream out = CodedOutputStream.newInstance(bytes);
            fields.write(out);
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** A model with a graph of these nodes (field 1) and tensors (field 5), among fields that a reader skips. */
    static byte[] model(byte[][] nodes, byte[][] tensors) {
        byte[] graph = message(out -> {
            for (byte[] node : nodes) {
                out.writeByteArray(1, node);
            }
            out.writeString(2, "main_graph");
            for (byte[] tensor : tensors) {
                out.writeByteArray(5, tensor);
            }
        });
        return message(out -> {
            out.writeInt64(1, 6);
            out.writeString(2, "pytorch");
            out.writeByteArray(7, graph);
            out.writeFixed32(99, 1);
        });
    }

    static byte[] node(String operation, String name, String... inputs) {
        return message(out -> {
            for (String input : inputs) {
                out.writeString(1, input);
            }
            out.writeString(2, name + "_output_0");
            out.writeString(3, name);
            out.writeString(4, operation);
        });
    }

    static byte[] tensor(String name, long[] shape, float... values) {
        return message(out -> {
            for (long size : shape) {
                out.writeInt64(1, size);
            }
            out.writeInt32(2, 1);
            out.writeString(8, name);
            out.writeByteArray(9, raw(values));
        });
    }

    static byte[] raw(float... values) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asFloatBuffer().put(values);
        return buffer.array();
    }
}
