package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class ModelDirectoryTest {
    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";

    @TempDir
    Path folder;

    @Test
    void shardsReadAsOneSource() throws Exception {
        write(FIRST, "a", 1);
        write(SECOND, "b", 2);
        index(Map.of("a", FIRST, "b", SECOND));
        try (ModelDirectory model = ModelDirectory.open(folder);
                NativeScope scope = new NativeScope()) {
            assertEquals(Set.of("a", "b"), model.names());
            assertEquals(Set.of(FIRST, SECOND), model.files());
            assertArrayEquals(new float[] {1}, Tensors.toFloats(model.read("a")));
            assertArrayEquals(new float[] {2}, Tensors.toFloats(model.read("b")));
            assertEquals(4, model.info("b").bytes());
            var e = assertThrows(CheckpointException.class, () -> model.read("c"));
            assertEquals(folder + ": there is no tensor \"c\"", e.getMessage());
        }
    }

    @Test
    void oneFileGoesBeforeAnIndex() throws Exception {
        write(ModelDirectory.SINGLE, "whole", 3);
        index(Map.of("a", "missing.safetensors"));
        try (ModelDirectory model = ModelDirectory.open(folder)) {
            assertEquals(Set.of("whole"), model.names());
        }
    }

    @Test
    void aShardMayLieInASubdirectoryOrBehindALink() throws Exception {
        Files.createDirectory(folder.resolve("weights"));
        write("weights/part.safetensors", "a", 1);
        Files.createSymbolicLink(folder.resolve("link.safetensors"), Path.of("weights", "part.safetensors"));
        for (String shard : new String[] {"weights/part.safetensors", "link.safetensors"}) {
            index(Map.of("a", shard));
            try (ModelDirectory model = ModelDirectory.open(folder)) {
                assertEquals(Set.of("a"), model.names());
            }
        }
    }

    @Test
    void aMissingShardIsNamed() throws Exception {
        write(FIRST, "a", 1);
        index(Map.of("a", FIRST, "b", SECOND));
        assertFault(ModelDirectory.INDEX, "\"b\"", SECOND, "is missing");
    }

    @Test
    void aTensorThatItsShardLacksIsNamed() throws Exception {
        write(FIRST, "a", 1);
        index(Map.of("a", FIRST, "b", FIRST));
        assertFault(FIRST, "there is no tensor \"b\"", ModelDirectory.INDEX);
    }

    @Test
    void aDamagedShardIsNamed() throws Exception {
        Files.write(folder.resolve(FIRST), new byte[3]);
        index(Map.of("a", FIRST));
        assertFault(FIRST, "not a safetensors file");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../model.safetensors",
                "/etc/passwd",
                "weights/../../model.safetensors",
                "..",
                "",
                "C:\\\\model.safetensors",
                "C:model.safetensors",
                "..\\\\model.safetensors",
                "//host/share",
                "a\\u0000b"
            })
    void aShardOutsideOfTheDirectoryIsRefused(String shard) throws Exception {
        Files.writeString(folder.resolve(ModelDirectory.INDEX), "{\"weight_map\":{\"a\":\"" + shard + "\"}}");
        assertFault(ModelDirectory.INDEX, "\"a\"", "must be a file inside of the directory");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"weight_map\":[]}",
                "{\"weight_map\":{\"a\":1}}",
                "[]",
                "",
                "{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}"
            })
    void anIndexOfAnotherFormIsRefused(String index) throws Exception {
        Files.writeString(folder.resolve(ModelDirectory.INDEX), index);
        assertFault(ModelDirectory.INDEX);
    }

    @Test
    void aDirectoryWithoutWeightsSaysWhatWouldHelp() throws Exception {
        assertFault("there is no model.safetensors");
        Files.createFile(folder.resolve("pytorch_model.bin.index.json"));
        assertFault("pytorch_model.bin.index.json cannot be read", "safe_serialization=True");
        Files.createFile(folder.resolve("pytorch_model.bin"));
        assertFault("pytorch_model.bin cannot be read", "safe_serialization=True");
        assertThrows(CheckpointException.class, () -> ModelDirectory.open(folder.resolve("none")));
    }

    private void assertFault(String... fragments) {
        var e = assertThrows(
                CheckpointException.class, () -> ModelDirectory.open(folder).close());
        for (String fragment : fragments) {
            assertTrue(String.valueOf(e.getMessage()).contains(fragment), e.getMessage());
        }
    }

    private void write(String file, String name, float value) throws Exception {
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(folder.resolve(file), Map.of(name, Tensors.of(new float[] {value}, 1)), Map.of());
        }
    }

    private void index(Map<String, String> weightMap) throws Exception {
        var index = new LinkedHashMap<String, Object>();
        index.put("metadata", Map.of("total_size", 8));
        index.put("weight_map", weightMap);
        Json.write(folder.resolve(ModelDirectory.INDEX), index);
    }
}
