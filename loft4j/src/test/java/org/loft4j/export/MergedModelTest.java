package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.NullSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.InnerNames;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.ModelShards;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.io.TensorInfo;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class MergedModelTest {
    private static final Path LLAMA = Path.of("src", "test", "resources", "fixtures", "llama_gqa");

    @TempDir
    Path directory;

    private static Tensor logits(Model model) {
        return model.logits(new TokenInput(Tensors.of(new long[] {1, 5, 9, 2, 7, 30}, 1, 6), null));
    }

    @Test
    void shardsReadBackGiveTheLogitsOfTheMergedModel() throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(LLAMA, ModelOptions.of(Task.CAUSAL_LM))) {
            LoraAdapter adapter = PeftFiles.load(LLAMA.resolve("adapter"), model);
            double[] unmerged = Tensors.toDoubles(logits(model));
            List<String> changed = adapter.layers().keySet().stream().toList();
            MergedModel merged = MergedModel.of(model, adapter, LLAMA, null);
            double[] inMemory = Tensors.toDoubles(logits(model));
            List<String> files = merged.writeWeights(directory, 40_000);
            assertTrue(files.size() > 3, files.toString());
            assertEquals("model-00001-of-" + String.format("%05d", files.size() - 1) + ".safetensors", files.get(0));
            Files.copy(LLAMA.resolve("config.json"), directory.resolve("config.json"));
            try (Model again = Models.open(directory, ModelOptions.of(Task.CAUSAL_LM))) {
                double[] read = Tensors.toDoubles(logits(again));
                for (int i = 0; i < read.length; i++) {
                    assertEquals(inMemory[i], read[i], 1e-6);
                    assertEquals(unmerged[i], read[i], 2e-5);
                }
            }
            try (ModelDirectory before = ModelDirectory.open(LLAMA);
                    ModelDirectory after = ModelDirectory.open(directory)) {
                assertEquals(before.names(), after.names());
                long total = 0;
                for (String name : before.names()) {
                    assertEquals(before.info(name), after.info(name));
                    total += after.info(name).bytes();
                    boolean same = Tensors.bitEqual(before.read(name), after.read(name));
                    assertEquals(!changed.contains(name.replaceFirst("\\.weight$", "")), same, name);
                }
                JsonNode index = new ObjectMapper()
                        .readTree(directory.resolve(ModelDirectory.INDEX).toFile());
                assertEquals(total, index.get("metadata").get("total_size").asLong());
            }
            try (SafetensorsFile first = SafetensorsFile.open(directory.resolve(files.get(0)))) {
                assertEquals("pt", first.metadata().get("format"));
                assertTrue(Files.size(directory.resolve(files.get(0))) < 80_000);
            }
        }
    }

    /** Attention is merged into; experts in MXFP4 stay as they are, whatever type is asked for. */
    @ParameterizedTest
    @NullSource
    @EnumSource(
            value = Dtype.class,
            names = {"BF16"})
    void packedExpertsAreCarriedOver(@Nullable Dtype dtype) throws IOException {
        Path base = LLAMA.resolveSibling("gpt_oss_mxfp4");
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM))) {
            LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1);
            adapter.layers().values().forEach(layer -> layer.loraB().detach().fill_(new Scalar(0.5)));
            MergedModel.of(model, adapter, base, dtype).writeWeights(directory, 1 << 30);
            Files.copy(base.resolve("config.json"), directory.resolve("config.json"));
            try (ModelDirectory before = ModelDirectory.open(base);
                    ModelDirectory after = ModelDirectory.open(directory);
                    Model again = Models.open(directory, ModelOptions.of(Task.CAUSAL_LM))) {
                assertEquals(before.names(), after.names());
                for (String name : before.names()) {
                    boolean bytes = name.endsWith("_blocks") || name.endsWith("_scales");
                    assertEquals(
                            bytes ? Dtype.U8 : dtype == null ? Dtype.F32 : dtype,
                            after.info(name).dtype());
                    if (bytes || dtype == null) {
                        assertEquals(
                                !name.matches(".*self_attn.*proj.weight"),
                                Tensors.bitEqual(before.read(name), after.read(name)),
                                name);
                    }
                }
                double[] merged = Tensors.toDoubles(logits(model));
                double[] read = Tensors.toDoubles(logits(again).to(Dtype.F64.scalarType()));
                for (int i = 0; i < read.length; i++) {
                    assertEquals(merged[i], read[i], dtype == null ? 0 : 0.2);
                }
            }
        }
    }

    /** A merge is of the language model: the tower is in the files as it was, under the names of the files. */
    @ParameterizedTest
    @CsvSource({
        "gemma3, CAUSAL_LM",
        "gemma3_cls, SEQUENCE_CLASSIFICATION",
        "gemma4, CAUSAL_LM",
        "gemma4_moe, CAUSAL_LM",
        "llama4, CAUSAL_LM",
        "llama4, SENTENCE_EMBEDDING",
        "mistral3, CAUSAL_LM",
        "qwen2_5_vl, CAUSAL_LM",
        "qwen3_vl, CAUSAL_LM",
        "qwen3_5, CAUSAL_LM",
        "qwen3_5, SENTENCE_EMBEDDING",
        "qwen3_5_moe, CAUSAL_LM",
        "qwen3_5_moe, SENTENCE_EMBEDDING",
        "qwen3_5_cls, SEQUENCE_CLASSIFICATION",
        "gemma3, SENTENCE_EMBEDDING"
    })
    void aVisionTowerIsCarriedOver(String fixture, Task task) throws IOException {
        Path base = LLAMA.resolveSibling(fixture);
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(base, ModelOptions.of(task))) {
            LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names("q_proj")), 1);
            adapter.layers().values().forEach(layer -> layer.loraB().detach().fill_(new Scalar(0.5)));
            MergedModel.of(model, adapter, base, null).writeWeights(directory, 1 << 30);
            Files.copy(base.resolve("config.json"), directory.resolve("config.json"));
            try (ModelDirectory before = ModelDirectory.open(base);
                    ModelDirectory after = ModelDirectory.open(directory);
                    Model again = Models.open(directory, ModelOptions.of(task))) {
                assertEquals(
                        before.names().stream()
                                .filter(name -> task != Task.SENTENCE_EMBEDDING || !name.contains("lm_head"))
                                .toList(),
                        List.copyOf(after.names()));
                for (String name : after.names()) {
                    boolean adapted = !InnerNames.isBeside(InnerNames.today(name)) && name.endsWith("q_proj.weight");
                    assertEquals(!adapted, Tensors.bitEqual(before.read(name), after.read(name)), name);
                }
                assertTrue(Tensors.bitEqual(logits(model), logits(again)));
            }
        }
    }

    /** The output embedding is not the model's, and its class in Transformers has no place for it. */
    @ParameterizedTest
    @EnumSource(
            value = Task.class,
            names = {"SENTENCE_EMBEDDING", "SEQUENCE_CLASSIFICATION", "TOKEN_CLASSIFICATION"})
    void whatIsNoLanguageModelIsWrittenWithoutAnOutputEmbedding(Task task) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(LLAMA, ModelOptions.of(task))) {
            LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names("q_proj")), 1);
            MergedModel.of(model, adapter, LLAMA, null).writeWeights(directory, 1 << 30);
            Files.copy(LLAMA.resolve("config.json"), directory.resolve("config.json"));
            Set<String> names;
            try (ModelDirectory before = ModelDirectory.open(LLAMA)) {
                names = new TreeSet<>(before.names());
            }
            assertTrue(names.remove("lm_head.weight"));
            try (ModelDirectory after = ModelDirectory.open(directory);
                    Model again = Models.open(directory, ModelOptions.of(task))) {
                Set<String> written = new TreeSet<>(after.names());
                assertEquals(task.isClassification(), written.removeIf(name -> name.startsWith("score.")));
                assertEquals(names, written);
                assertTrue(Tensors.bitEqual(logits(model), logits(again)));
            }
        }
    }

    /** Where a file is silent, GPT-2's output embedding is the input's. */
    @Test
    void aCopyOfTheTiedEmbeddingIsLeftOut() throws IOException {
        gpt2IsWrittenAsItIs((tensors, embedding) -> tensors.put("lm_head.weight", tensors.get(embedding)));
    }

    /** What is written is named as Transformers looks for it. */
    @Test
    void anOutputEmbeddingThatStandsForBothBecomesTheInputs() throws IOException {
        gpt2IsWrittenAsItIs((tensors, embedding) -> tensors.put("lm_head.weight", tensors.remove(embedding)));
    }

    /** A merged GPT-2 has the names of GPT-2 and its embedding, whatever has happened to its file's tensors. */
    private void gpt2IsWrittenAsItIs(BiConsumer<Map<String, Tensor>, String> otherwise) throws IOException {
        String embedding = "transformer.wte.weight";
        Path gpt2 = LLAMA.resolveSibling("gpt2");
        Path base = Files.createDirectories(directory.resolve("base"));
        Files.copy(gpt2.resolve("config.json"), base.resolve("config.json"));
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(gpt2)) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : source.names()) {
                tensors.put(name, source.read(name));
            }
            otherwise.accept(tensors, embedding);
            SafetensorsWriter.write(base.resolve("model.safetensors"), tensors, Map.of());
            try (Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM))) {
                MergedModel merged = MergedModel.of(model, PeftFiles.load(gpt2.resolve("adapter"), model), base, null);
                merged.writeWeights(directory, Long.MAX_VALUE);
            }
            try (ModelDirectory after = ModelDirectory.open(directory)) {
                assertEquals(source.names(), after.names());
                assertTrue(Tensors.bitEqual(source.read(embedding), after.read(embedding)));
            }
        }
    }

    /** A base in bfloat16 with norms in float32 and names that lack the module around them, beside which nothing lies. */
    @Test
    void namesAndTypesAreThoseOfTheBase() throws IOException {
        Path base = Files.createDirectories(directory.resolve("base"));
        String config = Files.readString(LLAMA.resolve("config.json"));
        String tied = config.replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
        assertNotEquals(config, tied);
        Files.writeString(base.resolve("config.json"), tied);
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(LLAMA)) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : source.names()) {
                Tensor tensor = source.read(name);
                boolean norm = name.contains("norm");
                if (name.startsWith("model.")) {
                    tensors.put(name.substring(6), norm ? tensor : tensor.to(Dtype.BF16.scalarType()));
                }
            }
            SafetensorsWriter.write(base.resolve("model.safetensors"), tensors, Map.of());
        }
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM))) {
            MergedModel merged = MergedModel.of(model, PeftFiles.load(LLAMA.resolve("adapter"), model), base, null);
            assertTrue(merged.report().maxAbsError() > 0);
            assertEquals(List.of("model.safetensors"), merged.writeWeights(directory, Long.MAX_VALUE));
            try (ModelDirectory before = ModelDirectory.open(base);
                    ModelDirectory after = ModelDirectory.open(directory)) {
                assertEquals(before.names(), after.names());
                for (String name : before.names()) {
                    assertEquals(before.info(name), after.info(name));
                }
            }
        }
    }

    /**
     * Files of a base model alone, in shards: {@code embeddings.…} beside {@code classifier.weight} is refused by Transformers 4.
     */
    @ParameterizedTest
    @CsvSource({
        "bert_cls, bert., MEAN, bert.pooler.dense.weight",
        "roberta_cls, roberta., AUTO, classifier.out_proj.weight",
        "distilbert_cls, distilbert., AUTO, pre_classifier.weight",
        "deberta_v2_cls, deberta., AUTO, pooler.dense.weight",
        "modernbert_cls, model., AUTO, head.norm.weight",
        "mpnet_cls, mpnet., AUTO, classifier.dense.weight",
        "electra_cls, electra., AUTO, classifier.out_proj.weight",
        "albert_cls, albert., AUTO, classifier.weight",
        "vit_cls, vit., AUTO, classifier.weight",
        "dinov2_registers, dinov2_with_registers., AUTO, classifier.weight",
        "gpt2_cls, transformer., AUTO, score.weight",
        "qwen2_cls, model., AUTO, score.weight",
    })
    void aHeadBesideNamesWithoutTheirModuleBringsThemInFull(
            String fixture, String module, Pooling pooling, String expected) throws IOException {
        Path whole = LLAMA.resolveSibling(fixture);
        Path base = Files.createDirectories(directory.resolve("base"));
        Path output = Files.createDirectories(directory.resolve("merged"));
        for (Path each : List.of(base, output)) {
            Files.copy(whole.resolve("config.json"), each.resolve("config.json"));
        }
        ModelOptions options = ModelOptions.of(Models.defaultTask(base)).withPooling(pooling);
        try (NativeScope scope = new NativeScope()) {
            try (ModelDirectory source = ModelDirectory.open(whole)) {
                List<TensorInfo> infos = new ArrayList<>();
                for (String name : source.names()) {
                    if (name.startsWith(module)) {
                        TensorInfo info = source.info(name);
                        infos.add(new TensorInfo(
                                name.substring(module.length()), info.dtype(), info.shape(), info.bytes()));
                    }
                }
                ModelShards.write(base, infos, name -> source.read(module + name), 60_000);
            }
            try (Model model = Models.open(base, options);
                    ModelDirectory before = ModelDirectory.open(base)) {
                Set<String> created = model.weights().created();
                assertFalse(created.isEmpty());
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1);
                MergedModel.of(model, adapter, base, null).writeWeights(output, 60_000);
                try (ModelDirectory after = ModelDirectory.open(output)) {
                    Set<String> full = new TreeSet<>(created);
                    for (String name : before.names()) {
                        full.add(module + name);
                        assertTrue(Tensors.bitEqual(before.read(name), after.read(module + name)), name);
                    }
                    assertEquals(full, after.names());
                    assertTrue(full.contains(expected), full.toString());
                }
                try (Model again = Models.open(output, options)) {
                    assertEquals(Set.of(), again.weights().created());
                    model.weights()
                            .asMap()
                            .forEach((name, tensor) -> assertTrue(
                                    Tensors.bitEqual(tensor, again.weights().get(name)), name));
                }
            }
        }
    }
}
