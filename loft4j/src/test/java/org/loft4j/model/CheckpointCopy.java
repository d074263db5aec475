package org.loft4j.model;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** A checkpoint that was changed. */
final class CheckpointCopy {
    private CheckpointCopy() {}

    /** A copy in a folder, with another configuration, other names (null leaves a tensor out) and another dtype. */
    static Path of(Path folder, Path from, Consumer<ObjectNode> change, UnaryOperator<String> rename, Dtype dtype)
            throws IOException {
        Path to = Files.createTempDirectory(folder, "model");
        ObjectNode json = Json.read(from.resolve("config.json")).toTree();
        change.accept(json);
        Json.write(to.resolve("config.json"), json);
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(from)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                String renamed = rename.apply(name);
                if (renamed != null) {
                    tensors.put(renamed, source.read(name).to(dtype.scalarType()));
                }
            }
            SafetensorsWriter.write(to.resolve("model.safetensors"), tensors, Map.of());
        }
        return to;
    }

    /** A setting as JSON writes it. */
    static Object value(String json) {
        try {
            return new ObjectMapper().readTree(json);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
