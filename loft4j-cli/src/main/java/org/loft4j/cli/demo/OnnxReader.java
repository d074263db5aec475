package org.loft4j.cli.demo;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads the stored tensors and the nodes of an ONNX model, and skips all else. The field numbers are those of {@code
 * onnx.proto}: ModelProto.graph 7; GraphProto.node 1, initializer 5; NodeProto.input 1, name 3, op_type 4; TensorProto.dims
 * 1, data_type 2, float_data 4, name 8, raw_data 9, data_location 14. Nothing is allocated from a number that the bytes
 * present do not cover, and element counts must agree with the data.
 */
final class OnnxReader {
    private static final int MAX_ITEMS = 1_000_000;
    private static final int MAX_DIMENSIONS = 8;

    private final String source;
    private final CodedInputStream in;
    private final Map<String, OnnxGraph.Initializer> initializers = new LinkedHashMap<>();
    private final List<OnnxGraph.Node> nodes = new ArrayList<>();
    private final byte[] bytes;

    private OnnxReader(String source, byte[] bytes) {
        this.source = source;
        this.bytes = bytes;
        this.in = CodedInputStream.newInstance(bytes);
    }

    /**
     * Reads a whole model.
     *
     * @param source the file's name, for messages
     * @param bytes the file's content; the result's buffers are views of it
     */
    static OnnxGraph read(String source, byte[] bytes) throws AssetException {
        OnnxReader reader = new OnnxReader(source, bytes);
        try {
            reader.model();
        } catch (InvalidProtocolBufferException e) {
            throw reader.broken(
                    "not a whole ONNX file: at byte " + reader.in.getTotalBytesRead() + ": " + e.getMessage(), e);
        } catch (AssetException e) {
            throw e;
        } catch (IOException e) {
            throw reader.broken(String.valueOf(e.getMessage()), e);
        }
        return new OnnxGraph(reader.initializers, reader.nodes);
    }

    private void model() throws IOException {
        boolean graph = false;
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            if (WireFormat.getTagFieldNumber(tag) == 7) {
                require(!graph, "it has more than one graph");
                graph = true;
                message(tag, this::graph);
            } else {
                in.skipField(tag);
            }
        }
        require(graph, "not an ONNX model: it has no graph");
    }

    private void graph() throws IOException {
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (WireFormat.getTagFieldNumber(tag)) {
                case 1 -> message(tag, this::node);
                case 5 -> message(tag, this::initializer);
                default -> in.skipField(tag);
            }
        }
    }

    private void node() throws IOException {
        require(nodes.size() < MAX_ITEMS, "it has more than " + MAX_ITEMS + " nodes");
        List<String> inputs = new ArrayList<>();
        String name = "";
        String operation = "";
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (WireFormat.getTagFieldNumber(tag)) {
                case 1 -> {
                    require(inputs.size() < MAX_ITEMS, "a node has more than " + MAX_ITEMS + " inputs");
                    inputs.add(text(tag));
                }
                case 3 -> name = text(tag);
                case 4 -> operation = text(tag);
                default -> in.skipField(tag);
            }
        }
        nodes.add(new OnnxGraph.Node(name, operation, inputs));
    }

    private void initializer() throws IOException {
        require(initializers.size() < MAX_ITEMS, "it has more than " + MAX_ITEMS + " tensors");
        List<Long> dims = new ArrayList<>();
        String name = "";
        int dataType = 0;
        ByteBuffer raw = null;
        ByteBuffer packed = null;
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (WireFormat.getTagFieldNumber(tag)) {
                case 1 -> dims(tag, dims);
                case 2 -> dataType = (int) varint(tag);
                case 4 -> {
                    require(packed == null, "tensor '" + name + "' has its float_data in several pieces");
                    packed = view(tag);
                }
                case 8 -> name = text(tag);
                case 9 -> raw = view(tag);
                case 14 ->
                    require(
                            varint(tag) == 0,
                            "tensor '" + name + "' keeps its data in another file, which is not supported");
                default -> in.skipField(tag);
            }
        }
        require(!name.isEmpty(), "a tensor has no name");
        long[] shape = dims.stream().mapToLong(Long::longValue).toArray();
        ByteBuffer data = ByteBuffer.allocate(0);
        if (dataType == OnnxGraph.FLOAT) {
            data = raw != null ? raw : packed != null ? packed : data;
            requireLength(name, shape, data.remaining());
        }
        require(
                initializers.put(name, new OnnxGraph.Initializer(name, dataType, shape, data)) == null,
                "it has two tensors named '" + name + "'");
    }

    private void dims(int tag, List<Long> dims) throws IOException {
        if (WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_VARINT) {
            addDimension(dims);
        } else {
            requireDelimited(tag);
            int limit = in.pushLimit(in.readRawVarint32());
            while (!in.isAtEnd()) {
                addDimension(dims);
            }
            in.popLimit(limit);
        }
    }

    private void addDimension(List<Long> dims) throws IOException {
        require(dims.size() < MAX_DIMENSIONS, "a tensor has more than " + MAX_DIMENSIONS + " dimensions");
        long size = in.readInt64();
        require(size >= 0, "a tensor has a dimension of " + size);
        dims.add(size);
    }

    private void requireLength(String name, long[] shape, int length) throws AssetException {
        long expected = Float.BYTES;
        for (long size : shape) {
            // both factors stay below 2^31, so that the product cannot overflow
            require(size <= Integer.MAX_VALUE, "tensor '" + name + "' has a dimension of " + size);
            expected *= size;
            require(expected <= Integer.MAX_VALUE, "tensor '" + name + "' is larger than 2 GiB");
        }
        require(
                expected == length,
                "tensor '" + name + "' needs " + expected + " bytes for its shape, but holds " + length);
    }

    /** Content of an embedded message. */
    private interface Body {
        void read() throws IOException;
    }

    private void message(int tag, Body body) throws IOException {
        requireDelimited(tag);
        int limit = in.pushLimit(in.readRawVarint32());
        body.read();
        in.checkLastTagWas(0);
        in.popLimit(limit);
    }

    private String text(int tag) throws IOException {
        requireDelimited(tag);
        return in.readStringRequireUtf8();
    }

    private long varint(int tag) throws IOException {
        require(
                WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_VARINT,
                "field " + WireFormat.getTagFieldNumber(tag) + " has the wrong wire type");
        return in.readInt64();
    }

    /** The bytes of a length-delimited field where they are, not copied. */
    private ByteBuffer view(int tag) throws IOException {
        requireDelimited(tag);
        int length = in.readRawVarint32();
        int start = in.getTotalBytesRead();
        in.skipRawBytes(length);
        return ByteBuffer.wrap(bytes, start, length).slice();
    }

    private void requireDelimited(int tag) throws AssetException {
        require(
                WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_LENGTH_DELIMITED,
                "field " + WireFormat.getTagFieldNumber(tag) + " has the wrong wire type");
    }

    private void require(boolean holds, String fault) throws AssetException {
        if (!holds) {
            throw broken(fault, null);
        }
    }

    private AssetException broken(String fault, @Nullable Throwable cause) {
        String message = source + ": " + fault;
        return cause == null ? new AssetException(message) : new AssetException(message, cause);
    }
}
