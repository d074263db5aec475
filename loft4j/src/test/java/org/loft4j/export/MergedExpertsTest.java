package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Models with experts in one tensor whose adapters were merged. */
class MergedExpertsTest {
    @TempDir
    Path directory;

    private static Tensor logits(Model model) {
        return model.logits(new TokenInput(Tensors.of(new long[] {1, 5, 9, 2, 7, 30}, 1, 6), null));
    }

    /** Experts that lie in one tensor, in the model or where PEFT looks for them, keep the form that the files have. */
    @ParameterizedTest
    @ValueSource(strings = {"gpt_oss", "qwen3_5_moe_text", "qwen3_moe"})
    void adaptedExpertsAreWrittenAsTheBaseHasThem(String fixture) throws IOException {
        Path base = Fixture.directory(fixture);
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM))) {
            LoraAdapter adapter = PeftFiles.load(base.resolve("adapter"), model);
            Map<String, Tensor> oneByOne = new TreeMap<>();
            try (MergedTensors each = new MergedTensors(base, model, adapter, base.resolve("adapter"))) {
                for (String name : each.names()) {
                    oneByOne.put(name, each.read(name).clone());
                }
            }
            MergedModel.of(model, adapter, base, null).writeWeights(directory, 1 << 30);
            Files.copy(base.resolve("config.json"), directory.resolve("config.json"));
            try (ModelDirectory before = ModelDirectory.open(base);
                    ModelDirectory after = ModelDirectory.open(directory);
                    Model again = Models.open(directory, ModelOptions.of(Task.CAUSAL_LM))) {
                assertEquals(before.names(), after.names());
                for (String name : before.names()) {
                    boolean adapted = name.matches(".*(q_proj.weight|experts.*down_proj(.weight)?)")
                            || name.matches((fixture.startsWith("qwen3_5") ? ".*1.mlp." : ".*")
                                    + "experts.*(gate|up)_proj(.weight)?");
                    if (name.endsWith("q_proj.weight") && fixture.startsWith("qwen3_5")) {
                        adapted = false;
                    }
                    assertEquals(!adapted, Tensors.bitEqual(before.read(name), after.read(name)), name);
                    Tensor told = oneByOne.get(name);
                    // of those that only the model has in one tensor it tells by that one's name
                    assertTrue(
                            told == null ? fixture.startsWith("qwen3_5") : Tensors.bitEqual(told, after.read(name)),
                            name);
                }
                assertTrue(Tensors.bitEqual(logits(model), logits(again)));
            }
        }
    }

    /** Of an embedding stored as the output's alone, and of names without their module beside a head. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void adaptedExpertsKeepTheirFormUnderNamesInFull(boolean tied) throws IOException {
        Path whole = Fixture.directory("qwen3_5_moe_text");
        Path base = Files.createDirectories(directory.resolve("base"));
        String config = Files.readString(whole.resolve("config.json"));
        for (Path each : List.of(base, directory)) {
            Files.writeString(
                    each.resolve("config.json"), config.replace("embeddings\": true", "embeddings\": " + tied));
        }
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(whole)) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            Set<String> full = new TreeSet<>(source.names());
            for (String name : source.names()) {
                tensors.put(tied ? name : name.replace("model.", ""), source.read(name));
            }
            Tensor embedding = source.read("model.embed_tokens.weight");
            tensors.put("lm_head.weight", tied ? embedding : embedding.clone());
            if (tied) {
                tensors.remove("model.embed_tokens.weight");
            } else {
                full.add("lm_head.weight");
            }
            SafetensorsWriter.write(base.resolve("model.safetensors"), tensors, Map.of());
            try (Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM))) {
                LoraAdapter adapter = PeftFiles.load(whole.resolve("adapter"), model);
                MergedModel.of(model, adapter, base, null).writeWeights(directory, 1 << 30);
                try (ModelDirectory after = ModelDirectory.open(directory);
                        Model again = Models.open(directory, ModelOptions.of(Task.CAUSAL_LM))) {
                    assertEquals(full, after.names());
                    assertTrue(Tensors.bitEqual(logits(model), logits(again)));
                }
            }
        }
    }
}
