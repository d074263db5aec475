package org.loft4j.io;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.loft4j.hostile.HostileFormat;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** An index, and the shards that it names. */
class DamagedShardIndexTest implements HostileFormat {
    @Override
    public List<Path> lay(Path folder) throws Exception {
        Path first = folder.resolve("model-00001-of-00002.safetensors");
        Path second = folder.resolve("model-00002-of-00002.safetensors");
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(first, Map.of("a", Tensors.of(new float[] {1, 2}, 2)), Map.of());
            SafetensorsWriter.write(second, Map.of("b", Tensors.of(new float[] {3}, 1)), Map.of());
        }
        Path index = folder.resolve(ModelDirectory.INDEX);
        Files.writeString(
                index,
                "{\"metadata\": {\"total_size\": 12}, \"weight_map\": {\"a\": \"" + first.getFileName()
                        + "\", \"b\": \"" + second.getFileName() + "\"}}\n");
        return List.of(index, index, index, first);
    }

    @Override
    public void read(Path folder, Path damaged) throws Exception {
        try (ModelDirectory directory = ModelDirectory.open(folder);
                NativeScope scope = new NativeScope()) {
            for (String name : directory.names()) {
                directory.read(name);
            }
        }
    }

    @Override
    public List<String> words() {
        Stream<String> paths = Stream.of(
                "../../etc/passwd",
                "/etc/passwd",
                "..",
                ".",
                "a/../../b.safetensors",
                "..\\\\a.safetensors",
                "file:///etc/passwd",
                "C:\\\\a.safetensors",
                "\"weight_map\"",
                "model-00002-of-00002.safetensors");
        return Stream.concat(paths, DamagedSafetensorsTest.WORDS.stream()).toList();
    }
}
