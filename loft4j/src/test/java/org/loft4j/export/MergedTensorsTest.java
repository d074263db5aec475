package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class MergedTensorsTest {
    private static final Path FIXTURES = Path.of("src", "test", "resources", "fixtures");

    @TempDir
    Path directory;

    /** A fixture with its numbers in half of the bits. */
    private Path narrowed(String fixture, Dtype dtype) throws IOException {
        Path base = Files.createDirectories(directory.resolve("base"));
        Files.copy(FIXTURES.resolve(fixture).resolve("config.json"), base.resolve("config.json"));
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(FIXTURES.resolve(fixture))) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                tensors.put(name, source.read(name).to(dtype.scalarType()));
            }
            SafetensorsWriter.write(base.resolve("model.safetensors"), tensors, Map.of());
        }
        return base;
    }

    private static Model open(Path base, Dtype dtype) throws IOException {
        return Models.open(base, ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype));
    }

    @ParameterizedTest
    @CsvSource({
        "llama_gqa, llama_gqa/adapter, BF16",
        "llama_gqa, llama_gqa/adapter, F16",
        "llama_gqa, llama_gqa_adapters/dora, BF16",
        "llama_gqa, llama_gqa_adapters/rslora, BF16",
        "gpt2, gpt2/adapter, BF16",
        "gpt_oss, gpt_oss/adapter, BF16",
        "llama4_text, llama4_text/adapter, BF16",
    })
    void theNumbersAreThoseOfAMergeInFloat32(String fixture, String adapter, Dtype dtype) throws IOException {
        assertMergedAsInFloat32(narrowed(fixture, dtype), FIXTURES.resolve(adapter), dtype);
    }

    @Test
    void modulesSavedInFullAreNotRoundedToTheBase() throws IOException {
        Path base = narrowed("llama_gqa", Dtype.BF16);
        Path saved = Files.createDirectories(directory.resolve("saved"));
        LoraConfig config =
                new LoraConfig(2, 4, 0, TargetModules.allLinear(), (String) null, false, List.of("embed_tokens"));
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(FIXTURES.resolve("llama_gqa"), ModelOptions.of(Task.CAUSAL_LM))) {
            LoraAdapter adapter = LoraAdapter.create(model, config, 1);
            PeftFiles.save(saved, adapter, model, PeftMetadata.of(null));
        }
        assertMergedAsInFloat32(base, saved, Dtype.BF16);
    }

    private static void assertMergedAsInFloat32(Path base, Path files, Dtype dtype) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model wide = open(base, Dtype.F32);
                Model narrow = open(base, dtype);
                LoraAdapter adapter = PeftFiles.load(files, narrow)) {
            PeftFiles.load(files, wide).mergeAndClose();
            var merged = new MergedTensors(base, narrow, adapter, files);
            assertEquals(wide.weights().asMap().keySet(), merged.names());
            for (String name : merged.names()) {
                Tensor expected = wide.weights().get(name);
                Tensor read = merged.read(name);
                assertEquals(dtype, merged.info(name).dtype(), name);
                assertTrue(Tensors.bitEqual(expected, read.to(Dtype.F32.scalarType())), name);
                assertTrue(
                        Tensors.bitEqual(
                                expected.narrow(0, 1, 3),
                                merged.read(name, 1, 3).to(Dtype.F32.scalarType())),
                        name);
            }
            assertTrue(adapter.isAttached(), "left as it was");
        }
    }

    @Test
    void whatCannotBeMergedIsRefused() throws IOException {
        try (Model model = Models.open(FIXTURES.resolve("llama3_rope_tied"), ModelOptions.of(Task.CAUSAL_LM));
                LoraAdapter adapter =
                        LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.parse("lm_head")), 1)) {
            var refused =
                    assertThrows(ConfigException.class, () -> new MergedTensors(directory, model, adapter, directory));
            assertTrue(refused.getMessage().contains("lm_head cannot be merged"), refused.getMessage());
        }
    }
}
