package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class OnnxReaderTest {
    private static final byte[][] NONE = {};

    @Test
    void readsTensorsAndNodes() throws Exception {
        byte[] packed = OnnxBytes.message(out -> {
            out.writeByteArray(1, OnnxBytes.message(dims -> {
                dims.writeInt64NoTag(1);
                dims.writeInt64NoTag(2);
            }));
            out.writeInt32(2, 1);
            out.writeByteArray(4, OnnxBytes.raw(7, 8));
            out.writeString(8, "packed");
        });
        byte[] ids = OnnxBytes.message(out -> {
            out.writeInt64(1, 1);
            out.writeInt32(2, 7);
            out.writeString(8, "ids");
            out.writeByteArray(9, new byte[8]);
        });
        byte[] scalar = OnnxBytes.tensor("scalar", new long[0], 2.5f);
        byte[] empty = OnnxBytes.tensor("empty", new long[] {0, 3});
        byte[] matrix = OnnxBytes.tensor("matrix", new long[] {2, 3}, 1, 2, 3, 4, 5, 6);
        OnnxGraph graph = OnnxReader.read(
                "m.onnx",
                OnnxBytes.model(
                        new byte[][] {
                            OnnxBytes.node("MatMul", "/a/MatMul", "x", "matrix"), OnnxBytes.node("Add", "", "y")
                        },
                        new byte[][] {matrix, packed, ids, scalar, empty}));

        assertEquals(
                List.of(
                        new OnnxGraph.Node("/a/MatMul", "MatMul", List.of("x", "matrix")),
                        new OnnxGraph.Node("", "Add", List.of("y"))),
                graph.nodes());
        assertEquals(
                Set.of("matrix", "packed", "ids", "scalar", "empty"),
                graph.initializers().keySet());
        OnnxGraph.Initializer read = graph.initializers().get("matrix");
        assertArrayEquals(new long[] {2, 3}, read.shape());
        assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, read.floats());
        assertArrayEquals(new float[] {1, 4, 2, 5, 3, 6}, read.transposed());
        assertArrayEquals(new long[] {1, 2}, graph.initializers().get("packed").shape());
        assertArrayEquals(new float[] {7, 8}, graph.initializers().get("packed").floats());
        assertArrayEquals(new float[] {2.5f}, graph.initializers().get("scalar").floats());
        assertArrayEquals(new float[0], graph.initializers().get("empty").floats());
        assertFalse(graph.initializers().get("ids").isFloat());
    }

    @Test
    void everyTruncationIsAnErrorThatNamesTheFile() throws Exception {
        byte[] whole = OnnxBytes.model(new byte[][] {OnnxBytes.node("MatMul", "/a/MatMul", "x", "w")}, new byte[][] {
            OnnxBytes.tensor("w", new long[] {2, 2}, 1, 2, 3, 4)
        });
        // the last field, which nobody needs, may be missing altogether; so may what stands before it
        int graphEnd = whole.length - 6;
        int complete = 0;
        for (int length = 0; length < whole.length; length++) {
            byte[] part = java.util.Arrays.copyOf(whole, length);
            if (length == graphEnd) {
                assertEquals(1, OnnxReader.read("m.onnx", part).nodes().size());
                complete++;
            } else {
                AssetException e = assertThrows(AssetException.class, () -> OnnxReader.read("m.onnx", part));
                assertTrue(e.getMessage().startsWith("m.onnx: "), e.getMessage());
            }
        }
        assertEquals(1, complete);
    }

    @Test
    void randomDamageNeverEscapesAsAnotherException() {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("OnnxReaderTest seed " + seed);
        Random random = new Random(seed);
        byte[] whole = OnnxBytes.model(new byte[][] {OnnxBytes.node("MatMul", "/a/MatMul", "x", "w")}, new byte[][] {
            OnnxBytes.tensor("w", new long[] {2, 2}, 1, 2, 3, 4)
        });
        int refused = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] damaged = whole.clone();
            for (int n = random.nextInt(4); n >= 0; n--) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
            }
            try {
                OnnxReader.read("m.onnx", damaged);
            } catch (AssetException e) {
                refused++;
            }
        }
        assertTrue(refused > 1000, "refused " + refused + ", seed " + seed);
    }

    @Test
    void refusesHostileTensors() {
        assertFault("needs 16 bytes for its shape, but holds 12", OnnxBytes.tensor("w", new long[] {2, 2}, 1, 2, 3));
        assertFault("is larger than 2 GiB", OnnxBytes.tensor("w", new long[] {1L << 30, 1L << 30, 1L << 30}, 1));
        assertFault("has a dimension of " + Long.MAX_VALUE, OnnxBytes.tensor("w", new long[] {Long.MAX_VALUE, 2}, 1));
        assertFault("has a dimension of -1", OnnxBytes.tensor("w", new long[] {-1}, 1));
        assertFault("more than 8 dimensions", OnnxBytes.tensor("w", new long[] {1, 1, 1, 1, 1, 1, 1, 1, 1}, 1));
        assertFault("a tensor has no name", OnnxBytes.tensor("", new long[] {1}, 1));
        assertFault("in another file", OnnxBytes.message(out -> {
            out.writeString(8, "w");
            out.writeInt32(14, 1);
        }));
        assertFault("wrong wire type", OnnxBytes.message(out -> out.writeInt32(8, 1)));
        byte[] w = OnnxBytes.tensor("w", new long[] {1}, 1);
        assertFault("two tensors named 'w'", w, w);
    }

    @Test
    void refusesWhatIsNoModel() {
        AssetException empty = assertThrows(AssetException.class, () -> OnnxReader.read("m.onnx", new byte[0]));
        assertEquals("m.onnx: not an ONNX model: it has no graph", empty.getMessage());
        byte[] twice = OnnxBytes.message(out -> {
            out.writeByteArray(7, new byte[0]);
            out.writeByteArray(7, new byte[0]);
        });
        assertThrows(AssetException.class, () -> OnnxReader.read("m.onnx", twice));
        byte[] endless = OnnxBytes.message(out -> {
            out.writeTag(7, 2);
            out.writeUInt32NoTag(Integer.MAX_VALUE);
        });
        assertThrows(AssetException.class, () -> OnnxReader.read("m.onnx", endless));
        byte[] negative = OnnxBytes.message(out -> {
            out.writeTag(7, 2);
            out.writeInt32NoTag(-1);
        });
        assertThrows(AssetException.class, () -> OnnxReader.read("m.onnx", negative));
        byte[] zip = {'P', 'K', 3, 4, 20, 0, 8, 8};
        assertThrows(AssetException.class, () -> OnnxReader.read("m.onnx", zip));
    }

    private static void assertFault(String fault, byte[]... tensors) {
        AssetException e =
                assertThrows(AssetException.class, () -> OnnxReader.read("m.onnx", OnnxBytes.model(NONE, tensors)));
        assertTrue(e.getMessage().contains(fault), e.getMessage());
    }
}
