package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.MergeReport;
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

/** A model in bfloat16 whose norms and {@code q_proj} are float32 in its files. */
class StoredTypesTest {
    private static final Path LLAMA = Path.of("src", "test", "resources", "fixtures", "llama_gqa");

    @TempDir
    Path directory;

    private Path base;

    @BeforeEach
    void writeBase() throws IOException {
        base = Files.createDirectories(directory.resolve("base"));
        Files.copy(LLAMA.resolve("config.json"), base.resolve("config.json"));
        writeBase("");
    }

    /** @param dropped what names begin with in the fixture, and not here */
    private void writeBase(String dropped) throws IOException {
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(LLAMA)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                // numbers that bfloat16 has not
                Tensor odd = source.read(name).mul(new Scalar(1 + 1.0 / (1 << 12)));
                tensors.put(
                        name.startsWith(dropped) ? name.substring(dropped.length()) : name,
                        isWide(name) ? odd : odd.to(Dtype.BF16.scalarType()));
            }
            SafetensorsWriter.write(base.resolve("model.safetensors"), tensors, Map.of());
        }
    }

    private static boolean isWide(String name) {
        return name.contains("norm") || name.contains("q_proj");
    }

    private static LoraAdapter adapter(Model model, double b, String... modules) {
        LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names(modules)), 1);
        adapter.layers().values().forEach(layer -> layer.loraB().detach().fill_(new Scalar(b)));
        return adapter;
    }

    private Model open(Dtype dtype) throws IOException {
        return Models.open(base, ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype));
    }

    @Test
    void aModelIsOpenedWiderForWhatTheAdapterChanges() throws IOException {
        try (Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(Dtype.BF16, model.description().dtype());
            try (LoraAdapter adapter = adapter(model, 0, "k_proj", "up_proj")) {
                assertNull(StoredTypes.of(model, base).toMerge(adapter));
            }
            try (LoraAdapter adapter = adapter(model, 0, "k_proj", "q_proj")) {
                assertEquals(Dtype.F32, StoredTypes.of(model, base).toMerge(adapter));
            }
        }
        for (String module : List.of("q_proj", "k_proj")) {
            try (Model model = open(Dtype.F32);
                    LoraAdapter adapter = adapter(model, 0, module)) {
                assertNull(StoredTypes.of(model, base).toMerge(adapter), module);
            }
        }
    }

    /** Of as many bits, and neither has the numbers of the other. */
    @Test
    void aModelInBfloat16IsOpenedWiderForWhatIsInFloat16() throws IOException {
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(LLAMA)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                Dtype type = name.contains("q_proj") ? Dtype.F16 : Dtype.BF16;
                tensors.put(name, source.read(name).to(type.scalarType()));
            }
            SafetensorsWriter.write(base.resolve("model.safetensors"), tensors, Map.of());
        }
        try (Model model = open(Dtype.BF16);
                LoraAdapter adapter = adapter(model, 0, "q_proj")) {
            assertEquals(Dtype.F32, StoredTypes.of(model, base).toMerge(adapter));
        }
    }

    @Test
    void expertsInOneTensorHaveTheTypeThatTheFilesHaveOfEach() throws IOException {
        Path files = LLAMA.resolveSibling("qwen3_5_moe_text");
        try (Model model = Models.open(files, ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.BF16))) {
            assertEquals(Dtype.F32, StoredTypes.of(model, files).of("model.layers.0.mlp.experts.down_proj"));
        }
    }

    /** Each matrix is written in its own type, and the report tells of the rounding to that. */
    @Test
    void anAdapterOfZerosChangesNothing() throws IOException {
        assertEquals(0, merged(0, "zeros").maxAbsError());
        try (ModelDirectory before = ModelDirectory.open(base);
                ModelDirectory after = ModelDirectory.open(directory.resolve("zeros"));
                NativeScope scope = new NativeScope()) {
            for (String name : before.names()) {
                assertTrue(Tensors.bitEqual(before.read(name), after.read(name)), name);
            }
        }
    }

    @Test
    void sumsAreRoundedToTheTypeOfEachMatrix() throws IOException {
        MergeReport report = merged(0.01, "merged");
        assertTrue(report.maxAbsError() > 0, "k_proj is rounded to bfloat16");
        try (NativeScope scope = new NativeScope();
                ModelDirectory after = ModelDirectory.open(directory.resolve("merged"));
                Model model = open(Dtype.F32);
                LoraAdapter adapter = adapter(model, 0.01, "q_proj", "k_proj")) {
            adapter.layers().forEach((path, layer) -> {
                Tensor sum = layer.delta().add_(layer.base().weight());
                boolean wide = path.endsWith("q_proj");
                Tensor stored = read(after, path + ".weight");
                assertEquals(wide ? Dtype.F32 : Dtype.BF16, Dtype.of(stored), path);
                assertTrue(Tensors.bitEqual(sum.to(stored.scalar_type()), stored), path);
            });
        }
    }

    private static Tensor read(ModelDirectory files, String name) {
        try {
            return files.read(name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private MergeReport merged(double b, String to) throws IOException {
        Path written = Files.createDirectories(directory.resolve(to));
        try (NativeScope scope = new NativeScope();
                Model model = open(Dtype.F32)) {
            MergedModel merged = MergedModel.of(model, adapter(model, b, "q_proj", "k_proj"), base, null);
            assertEquals(Dtype.BF16, merged.dtype(), "what config.json names");
            merged.writeWeights(written, 1 << 30);
            return merged.report();
        }
    }

    /** What an export reads: norms as the files have them, whatever the model is in, and whatever they are called there. */
    @ParameterizedTest
    @ValueSource(strings = {"", "model."})
    void whatTheAdapterLeavesIsReadFromTheFiles(String dropped) throws IOException {
        writeBase(dropped);
        Path files = Files.createDirectories(directory.resolve("adapter"));
        try (NativeScope scope = new NativeScope();
                Model model = open(Dtype.BF16);
                LoraAdapter adapter = adapter(model, 0.01, "k_proj");
                ModelDirectory source = ModelDirectory.open(base)) {
            PeftFiles.save(files, adapter, model, PeftMetadata.of(null));
            try (MergedTensors merged = new MergedTensors(base, model, adapter, files)) {
                for (String name : merged.names()) {
                    String there = name.startsWith(dropped) ? name.substring(dropped.length()) : name;
                    assertEquals(
                            isWide(name) ? Dtype.F32 : Dtype.BF16,
                            merged.info(name).dtype(),
                            name);
                    boolean adapted = name.contains("k_proj");
                    assertEquals(!adapted, Tensors.bitEqual(source.read(there), merged.read(name)), name);
                    if (!adapted) {
                        assertTrue(Tensors.bitEqual(source.read(there).narrow(0, 1, 2), merged.read(name, 1, 2)), name);
                    }
                }
                assertFalse(merged.names().isEmpty());
            }
        }
    }
}
