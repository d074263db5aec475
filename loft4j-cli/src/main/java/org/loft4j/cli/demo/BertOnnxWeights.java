package org.loft4j.cli.demo;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The weights of a BERT encoder in PyTorch's ONNX export, under their Hugging Face names. Embeddings, biases and layer norms
 * keep their names there. The matrices of the linear layers are anonymous, but the node that multiplies by one is named
 * after the module ({@code /encoder/layer.1/attention/self/key/MatMul}); they are stored (in, out) and turned here.
 */
final class BertOnnxWeights {
    private static final Pattern NAMED = Pattern.compile("(embeddings|encoder)\\.[\\w.]+\\.(weight|bias)");
    private static final String PRODUCT = "/MatMul";

    private BertOnnxWeights() {}

    /** Elements in row-major order. */
    record Weight(long[] shape, float[] values) {}

    /** The wanted tensors, read from the graph one at a time. */
    interface Sink {
        void accept(String name, Weight weight);
    }

    /**
     * Hands over exactly the tensors that an encoder of this shape has.
     *
     * @param source the file's name, for messages
     * @throws AssetException if one is missing, has another shape, or one too many is there
     */
    static void read(String source, OnnxGraph graph, BertShape shape, Sink sink) throws AssetException {
        Map<String, OnnxGraph.Initializer> asStored = new LinkedHashMap<>();
        Map<String, OnnxGraph.Initializer> turned = new LinkedHashMap<>();
        for (OnnxGraph.Initializer tensor : graph.initializers().values()) {
            if (tensor.isFloat() && NAMED.matcher(tensor.name()).matches()) {
                asStored.put(tensor.name(), tensor);
            }
        }
        for (OnnxGraph.Node node : graph.nodes()) {
            boolean product = node.operation().equals("MatMul") && node.inputs().size() == 2;
            OnnxGraph.Initializer matrix =
                    product ? graph.initializers().get(node.inputs().get(1)) : null;
            if (matrix != null
                    && matrix.isFloat()
                    && node.name().startsWith("/")
                    && node.name().endsWith(PRODUCT)) {
                String path = node.name().substring(1, node.name().length() - PRODUCT.length());
                turned.put(path.replace('/', '.') + ".weight", matrix);
            }
        }
        Map<String, long[]> expected = shape.tensors();
        for (Map.Entry<String, long[]> entry : expected.entrySet()) {
            String name = entry.getKey();
            long[] wanted = entry.getValue();
            OnnxGraph.Initializer stored = asStored.remove(name);
            OnnxGraph.Initializer matrix = turned.remove(name);
            if (stored != null) {
                requireShape(source, name, stored.shape(), wanted);
                sink.accept(name, new Weight(wanted, stored.floats()));
            } else if (matrix != null) {
                requireShape(source, name, matrix.shape(), reversed(wanted));
                sink.accept(name, new Weight(wanted, matrix.transposed()));
            } else {
                throw new AssetException(source + ": it has no tensor " + name);
            }
        }
        asStored.putAll(turned);
        if (!asStored.isEmpty()) {
            throw new AssetException(
                    source + ": it has weights that this encoder lacks: " + String.join(", ", asStored.keySet()));
        }
    }

    private static long[] reversed(long[] shape) {
        long[] reversed = new long[shape.length];
        for (int i = 0; i < shape.length; i++) {
            reversed[i] = shape[shape.length - 1 - i];
        }
        return reversed;
    }

    private static void requireShape(String source, String name, long[] found, long[] expected) throws AssetException {
        if (!Arrays.equals(found, expected)) {
            throw new AssetException(source + ": tensor " + name + " is stored as " + Arrays.toString(found)
                    + ", expected " + Arrays.toString(expected));
        }
    }
}
