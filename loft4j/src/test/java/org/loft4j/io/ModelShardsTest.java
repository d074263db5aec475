package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class ModelShardsTest {
    @TempDir
    Path folder;

    /** Tensors of so many float32 numbers, a, b and so on, whose values are their own length. */
    private List<String> write(long maxBytes, int... lengths) throws IOException {
        List<TensorInfo> infos = new ArrayList<>();
        for (int i = 0; i < lengths.length; i++) {
            infos.add(new TensorInfo(
                    String.valueOf((char) ('a' + i)), Dtype.F32, new long[] {lengths[i]}, 4L * lengths[i]));
        }
        try (NativeScope scope = new NativeScope()) {
            return ModelShards.write(
                    folder,
                    infos,
                    name -> {
                        float[] values = new float[lengths[name.charAt(0) - 'a']];
                        java.util.Arrays.fill(values, values.length);
                        return Tensors.of(values, values.length);
                    },
                    maxBytes);
        }
    }

    private Set<String> names(String file) throws IOException {
        try (SafetensorsFile shard = SafetensorsFile.open(folder.resolve(file))) {
            return new TreeSet<>(shard.names());
        }
    }

    /** Of 16 bytes each holds two tensors of 8, and a larger one than the bound has a file to itself. */
    @Test
    void aShardIsFilledUpToTheBoundAndNotBeyond() throws IOException {
        List<String> files = write(16, 2, 2, 2, 5, 1, 3, 1);
        assertEquals(
                List.of(
                        "model-00001-of-00005.safetensors",
                        "model-00002-of-00005.safetensors",
                        "model-00003-of-00005.safetensors",
                        "model-00004-of-00005.safetensors",
                        "model-00005-of-00005.safetensors",
                        "model.safetensors.index.json"),
                files);
        assertEquals(Set.of("a", "b"), names(files.get(0)));
        assertEquals(Set.of("c"), names(files.get(1)));
        assertEquals(Set.of("d"), names(files.get(2)));
        assertEquals(Set.of("e", "f"), names(files.get(3)));
        assertEquals(Set.of("g"), names(files.get(4)));
        JsonObject index = Json.read(folder.resolve(files.get(5)));
        assertEquals(64, index.requireObject("metadata").requireLong("total_size"));
        JsonObject map = index.requireObject("weight_map");
        assertEquals(7, map.keys().size());
        for (int shard = 0; shard < 5; shard++) {
            for (String name : names(files.get(shard))) {
                assertEquals(files.get(shard), map.requireString(name));
            }
        }
        assertFalse(Files.exists(folder.resolve("model.safetensors")));
    }

    /** No file is empty, whatever comes first. */
    @Test
    void aTensorBeyondTheBoundMayComeFirst() throws IOException {
        assertEquals(List.of("model.safetensors"), write(4, 5));
        List<String> files = write(4, 5, 1);
        assertEquals(3, files.size());
        assertEquals(Set.of("a"), names(files.get(0)));
        assertEquals(Set.of("b"), names(files.get(1)));
    }

    @Test
    void whatFitsIntoOneFileHasNoIndex() throws IOException {
        assertEquals(List.of("model.safetensors"), write(16, 2, 2));
        assertEquals(Set.of("a", "b"), names("model.safetensors"));
        assertTrue(Files.notExists(folder.resolve("model.safetensors.index.json")));
    }
}
