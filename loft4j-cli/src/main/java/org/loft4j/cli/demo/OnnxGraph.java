package org.loft4j.cli.demo;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;

/**
 * What a model file says about weights: the stored tensors by name, and the nodes that use them.
 *
 * @param initializers tensors by name, in the file's order
 * @param nodes operations, in the file's order
 */
record OnnxGraph(Map<String, Initializer> initializers, List<Node> nodes) {
    /** ONNX's number for float32, of {@code TensorProto.DataType}. */
    static final int FLOAT = 1;

    OnnxGraph {
        nodes = List.copyOf(nodes);
    }

    /** One operation; {@code name} may be empty. */
    record Node(String name, String operation, List<String> inputs) {
        Node {
            inputs = List.copyOf(inputs);
        }
    }

    /**
     * A stored tensor.
     *
     * @param dataType ONNX's number of the element type
     * @param shape sizes, none negative; their product fits an int
     * @param data float32 elements in row-major order, little endian; empty for other element types
     */
    record Initializer(String name, int dataType, long[] shape, ByteBuffer data) {
        boolean isFloat() {
            return dataType == FLOAT;
        }

        /** The elements in row-major order. */
        float[] floats() {
            if (!isFloat()) {
                throw new IllegalStateException(name + " does not hold float32 elements");
            }
            float[] values = new float[data.remaining() / Float.BYTES];
            data.duplicate().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
            return values;
        }

        /** The elements of the transposed matrix in row-major order. */
        float[] transposed() {
            if (shape.length != 2) {
                throw new IllegalStateException(name + " is not a matrix");
            }
            float[] values = floats();
            int rows = (int) shape[0];
            int columns = (int) shape[1];
            float[] result = new float[values.length];
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    result[j * rows + i] = values[i * columns + j];
                }
            }
            return result;
        }
    }
}
