package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Files that Hugging Face's own library wrote, against values that Python's struct module reads from their bytes. */
class SafetensorsParityTest {
    @TempDir
    Path folder;

    @Test
    void integersOfTheBertFixture() throws Exception {
        try (SafetensorsFile file = SafetensorsFile.open(fixtures().resolve("bert_cls/input.safetensors"));
                NativeScope scope = new NativeScope()) {
            assertEquals(Set.of("attention_mask", "input_ids", "labels"), file.names());
            assertEquals(Dtype.I64, file.info("input_ids").dtype());
            assertArrayEquals(new long[] {3, 14}, file.info("input_ids").shape());
            assertArrayEquals(new long[] {1, 1, 2}, Tensors.toLongs(file.read("labels")));
            long[] ids = Tensors.toLongs(file.read("input_ids"));
            assertArrayEquals(new long[] {248, 104, 230, 125}, Arrays.copyOf(ids, 4));
            assertEquals(4428, Arrays.stream(ids).sum());
            assertEquals(
                    31,
                    Arrays.stream(Tensors.toLongs(file.read("attention_mask"))).sum());
        }
    }

    @Test
    void floatsOfThePeftFixture() throws Exception {
        String query = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight";
        try (SafetensorsFile file =
                        SafetensorsFile.open(fixtures().resolve("bert_cls/adapter/adapter_model.safetensors"));
                NativeScope scope = new NativeScope()) {
            assertEquals(Map.of("format", "pt"), file.metadata());
            assertArrayEquals(new long[] {4, 64}, file.info(query).shape());
            double[] values = Tensors.toDoubles(file.read(query));
            assertEquals(-0.1684253, values[0], 5e-8);
            assertEquals(-0.1845213, values[255], 5e-8);
            assertEquals(-0.8197560504777357, Arrays.stream(values).sum(), 1e-12);
        }
    }

    @Test
    void everyFixtureReadsAndIsWrittenBackBitEqual() throws Exception {
        List<Path> files;
        try (var walk = Files.walk(fixtures())) {
            files = walk.filter(path -> path.toString().endsWith(".safetensors"))
                    .toList();
        }
        assertTrue(files.size() >= 3, files.toString());
        for (Path path : files) {
            Path copy = folder.resolve("copy.safetensors");
            try (SafetensorsFile original = SafetensorsFile.open(path);
                    NativeScope scope = new NativeScope()) {
                Map<String, Tensor> tensors = new HashMap<>();
                for (String name : original.names()) {
                    tensors.put(name, original.read(name));
                }
                SafetensorsWriter.write(copy, tensors, original.metadata());
                try (SafetensorsFile written = SafetensorsFile.open(copy)) {
                    assertEquals(original.names(), written.names());
                    for (String name : original.names()) {
                        assertEquals(original.info(name), written.info(name));
                        assertTrue(Tensors.bitEqual(tensors.get(name), written.read(name)), () -> path + " " + name);
                    }
                }
            }
        }
    }

    private static Path fixtures() throws Exception {
        return Path.of(Objects.requireNonNull(SafetensorsParityTest.class.getResource("/fixtures"))
                .toURI());
    }
}
