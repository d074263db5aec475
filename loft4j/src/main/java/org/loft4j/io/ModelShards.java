package org.loft4j.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.loft4j.Checks;

/**
 * Writes the weights of a model directory as Transformers does: in one file, or where they are larger than a shard may be in
 * {@code model-00001-of-0000N.safetensors} with an index, which is written last. {@link ModelDirectory} reads both.
 */
public final class ModelShards {
    private ModelShards() {}

    /**
     * Writes the weights, one tensor at a time.
     *
     * @param infos names, types and shapes of all of them
     * @param maxBytes of a shard's tensors; a tensor that is larger has a shard of its own
     * @return the names of the files, the index among them
     */
    public static List<String> write(
            Path directory, Collection<TensorInfo> infos, SafetensorsWriter.Values values, long maxBytes)
            throws IOException {
        Checks.atLeast("the size of a shard", maxBytes, 1);
        List<List<TensorInfo>> shards = split(infos, maxBytes);
        if (shards.size() == 1) {
            SafetensorsWriter.write(directory.resolve(ModelDirectory.SINGLE), infos, values, Map.of());
            return List.of(ModelDirectory.SINGLE);
        }
        List<String> files = new ArrayList<>();
        Map<String, String> places = new TreeMap<>();
        long total = 0;
        for (int i = 0; i < shards.size(); i++) {
            String file = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
            SafetensorsWriter.write(directory.resolve(file), shards.get(i), values, Map.of());
            files.add(file);
            for (TensorInfo info : shards.get(i)) {
                places.put(info.name(), file);
                total += info.bytes();
            }
        }
        Map<String, Object> index = new LinkedHashMap<>();
        index.put("metadata", Map.of("total_size", total));
        index.put("weight_map", places);
        Json.write(directory.resolve(ModelDirectory.INDEX), index);
        files.add(ModelDirectory.INDEX);
        return files;
    }

    private static List<List<TensorInfo>> split(Collection<TensorInfo> infos, long maxBytes) {
        List<List<TensorInfo>> shards = new ArrayList<>();
        List<TensorInfo> shard = new ArrayList<>();
        long bytes = 0;
        for (TensorInfo info : infos) {
            if (!shard.isEmpty() && bytes + info.bytes() > maxBytes) {
                shards.add(shard);
                shard = new ArrayList<>();
                bytes = 0;
            }
            shard.add(info);
            bytes += info.bytes();
        }
        shards.add(shard);
        return shards;
    }
}
