package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.io.Json;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Linear;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.StackedExperts;
import org.loft4j.nn.StackedLinears;
import org.loft4j.nn.Task;
import org.loft4j.nn.WeightMatrix;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Adapters on a model whose matrices are kept in fewer bits. */
class QuantizedModelTest {
    private static final LoraConfig LORA = new LoraConfig(2, 4, 0.0, TargetModules.allLinear(), null, false, List.of());

    private static Model open(String fixture, LoadIn loadIn) throws IOException {
        Path directory = Fixture.directory(fixture);
        return Models.open(
                directory, ModelOptions.of(Models.defaultTask(directory)).withLoadIn(loadIn));
    }

    /** A Llama with weights large enough to have features. */
    private static Model tiny(Path directory, LoadIn loadIn, Dtype dtype) throws IOException {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("model_type", "llama");
        config.put("architectures", List.of("LlamaForCausalLM"));
        config.put("vocab_size", TinyRun.VOCABULARY);
        config.put("hidden_size", 16);
        config.put("num_hidden_layers", 2);
        config.put("num_attention_heads", 2);
        config.put("num_key_value_heads", 1);
        config.put("intermediate_size", 24);
        config.put("max_position_embeddings", 32);
        config.put("rms_norm_eps", 1e-5);
        config.put("rope_theta", 10000.0);
        config.put("initializer_range", 0.4);
        config.put("hidden_act", "silu");
        Json.write(directory.resolve("config.json"), config);
        return Models.initialise(
                directory,
                ModelOptions.of(Task.CAUSAL_LM).withSeed(11).withDtype(dtype).withLoadIn(loadIn));
    }

    /** Those that lie in one tensor, but Granite's, which have other names in Transformers. */
    private static List<String> experts(Model model) {
        return StackedExperts.of(model).stream()
                .map(StackedLinears::parameter)
                .filter(name -> name.contains(".experts."))
                .toList();
    }

    private static LoraAdapter adapter(Model model) {
        LoraAdapter adapter = LoraAdapter.create(model, LORA.withTargetParameters(experts(model)), 3);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            // B starts at zero, and A would have no gradient
            adapter.layers()
                    .values()
                    .forEach(layer -> layer.loraB()
                            .normal_(
                                    0,
                                    0.1,
                                    new GeneratorOptional(
                                            ParameterSpec.generator(layer.path().hashCode()))));
        }
        return adapter;
    }

    /** Writes the numbers of a quantised model over those of the same model in full precision. */
    static void round(Model dense, Model few) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            few.weights().quantized().forEach((name, matrix) -> {
                if (matrix.loadIn() == LoadIn.FULL) {
                    return;
                }
                Tensor rounded = matrix.dense();
                Tensor ours = dense.weights().get(name);
                Tensor turned = matrix.isStoredTransposed() ? ours.transpose(-2, -1) : ours;
                turned.copy_(rounded.view(turned.sizes()));
            });
        }
    }

    private static void assertClose(String what, Tensor expected, Tensor actual, double tolerance) {
        Tensor wide = expected.to(Dtype.F64.scalarType());
        double norm = wide.norm().item_double();
        double off = actual.to(Dtype.F64.scalarType()).sub(wide).norm().item_double();
        assertTrue(off <= tolerance * Math.max(norm, Fixture.NEGLIGIBLE_GRADIENT), what + " is off by " + off / norm);
    }

    /** The same model in full precision, with the rounded numbers written over its own, is the reference. */
    @ParameterizedTest
    @CsvSource({
        "bert_cls, NF4",
        "roberta_cls, INT8",
        "distilbert_cls, NF4",
        "deberta_v2_cls, INT8",
        "deberta_v3_tok, NF4",
        "modernbert_cls, NF4",
        "modernbert_tok, INT8",
        "mpnet_cls, NF4",
        "mpnet_tok, INT8",
        "electra_cls, NF4",
        "electra_tok, INT8",
        "albert_cls, NF4",
        "albert_tok, INT8",
        "gpt2, NF4",
        "gpt2_cls, INT8",
        "llama_gqa, INT8",
        "llama_gqa, NF4",
        "llama3_rope_tied, NF4",
        "mistral_sw, NF4",
        "qwen2, INT8",
        "qwen2_cls, NF4",
        "qwen3, NF4",
        "gemma2_cap, NF4",
        "gemma3_text, INT8",
        "phi3_partial, NF4",
        "smollm3_sliding, NF4",
        "granite, INT8",
        "granitemoehybrid, NF4",
        "granitemoehybrid_h, INT8",
        "granitemoehybrid_moe, NF4",
        "granitemoe, INT8",
        "deepseek_v3, INT8",
        "glm4_moe_lite, INT8",
        "glm4_moe, INT8",
        "deepseek_v2, INT8",
        "qwen2_moe, INT8",
        "stablelm_parallel, INT8",
        "glm4, INT8",
        "cohere, INT8",
        "lfm2, NF4",
        "lfm2_bias, INT8",
        "gpt_neo, INT8",
        "gpt_neo_cls, NF4",
        "gpt_neox, NF4",
        "opt, INT8",
        "opt_post, NF4",
        "phi, INT8",
        "gemma, INT8",
        "starcoder2, INT8",
        "olmo2, NF4",
        "olmo3_yarn, INT8",
        "gemma3, NF4",
        "gemma4, NF4",
        "gemma4_text, INT8",
        "gemma4_moe, NF4",
        "llama4, INT8",
        "llama4_text, NF4",
        "mistral3, INT8",
        "qwen2_5_vl, INT8",
        "qwen3_vl, NF4",
        "qwen3_5, NF4",
        "qwen3_5_text, INT8",
        "qwen3_5_moe, NF4",
        "qwen3_5_moe_text, INT8",
        "qwen3_next, NF4",
        "qwen3_moe, NF4",
        "mixtral_sw, INT8",
        "olmoe, NF4",
        "gpt_oss_mxfp4, NF4"
    })
    void everyFamilyComputesWithItsRoundedMatrices(String name, LoadIn loadIn) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model few = open(name, loadIn);
                Model dense = open(name, LoadIn.FULL)) {
            assertEquals(dense.weights().elements(), few.weights().elements());
            assertTrue(few.weights().bytes() < dense.weights().bytes());
            assertEquals(loadIn, few.weights().loadIn());
            round(dense, few);
            for (Map.Entry<String, Linear> entry : few.linears().entrySet()) {
                WeightMatrix ours = entry.getValue().matrix();
                WeightMatrix theirs = dense.linears().get(entry.getKey()).matrix();
                assertEquals(theirs.isStoredTransposed(), ours.isStoredTransposed());
                boolean classifier = few.task().isClassification() && entry.getValue() == few.head();
                assertTrue(!classifier || ours.isWritable(), "the classifier is quantised");
            }
            assertEquals(
                    1,
                    few.weights().quantized().keySet().stream()
                            .filter(key -> key.matches(
                                    ".*(embed_tokens|embed_in|tok_embeddings|wte|word_embeddings)\\.weight"))
                            .count());
            try (LoraAdapter one = adapter(few);
                    LoraAdapter other = adapter(dense)) {
                Tensor logits = few.logits(fixture.input());
                Tensor expected = dense.logits(fixture.input());
                Tensor mask = fixture.input().attentionMask();
                assertClose("logits", valid(expected, mask), valid(logits, mask), 2e-6);
                valid(logits, mask).square().mean().backward();
                valid(expected, mask).square().mean().backward();
                other.layers().forEach((path, layer) -> {
                    if (!layer.loraB().grad().defined()) {
                        // an expert that no token went through
                        assertTrue(path.contains(".experts."), path);
                        assertFalse(one.layers().get(path).loraB().grad().defined(), path);
                        return;
                    }
                    assertClose(
                            path + ".A",
                            layer.loraA().grad(),
                            one.layers().get(path).loraA().grad(),
                            1e-4);
                    assertClose(
                            path + ".B",
                            layer.loraB().grad(),
                            one.layers().get(path).loraB().grad(),
                            1e-4);
                });
            }
        }
    }

    /** Zero where the text is padding, whose logits mean nothing. */
    private static Tensor valid(Tensor logits, Tensor mask) {
        return logits.dim() == 3 ? logits.mul(mask.unsqueeze(2)) : logits;
    }

    private static List<Double> losses(Method method, Path directory, LoadIn loadIn, Dtype dtype, int steps)
            throws IOException {
        Dataset data = TinyRun.counting(64, 1);
        TrainConfig config = TrainConfig.builder(method).learningRate(3e-2).build();
        List<Double> losses = new ArrayList<>();
        long objects = -1;
        try (Model model = tiny(directory, loadIn, dtype);
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config)) {
            Trainer trainer = new Trainer(model, trainable, config, steps);
            trainable.setTraining(true);
            for (int step = 0; step < steps; step++) {
                int first = 8 * (step % 8);
                int[] rows = {first, first + 1, first + 2, first + 3, first + 4, first + 5, first + 6, first + 7};
                losses.add(trainer.step(List.of(Batch.collate(data, rows, 0)), step)
                        .loss());
                if (step == 10) {
                    objects = LiveObjects.settled();
                }
            }
            assertEquals(objects, NativeScope.liveObjects());
        }
        return losses;
    }

    @ParameterizedTest
    @CsvSource({
        "LORA, NF4, F32",
        "LOFT, NF4, F32",
        "LOFT, INT8, F32",
        "DORA, NF4, F32",
        "LOFT, NF4, BF16",
        "LORA_PRO, INT8, BF16"
    })
    void trainingLowersTheLoss(Method method, LoadIn loadIn, Dtype dtype, @TempDir Path directory) throws IOException {
        List<Double> losses = losses(method, directory, loadIn, dtype, 60);
        double first =
                losses.subList(0, 8).stream().mapToDouble(x -> x).average().orElseThrow();
        double last =
                losses.subList(52, 60).stream().mapToDouble(x -> x).average().orElseThrow();
        System.out.printf("%s on %s, %s: loss %.3f at first, %.3f at last%n", method, loadIn, dtype, first, last);
        assertTrue(last < 0.7 * first, first + " to " + last);
    }

    @ParameterizedTest
    @EnumSource(names = {"INT8", "NF4"})
    void aSavedAdapterGivesTheSameLogits(LoadIn loadIn, @TempDir Path directory) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("llama_gqa");
                Model model = open("llama_gqa", loadIn);
                Model again = open("llama_gqa", loadIn)) {
            Tensor expected;
            try (LoraAdapter adapter = adapter(model)) {
                expected = model.logits(fixture.input());
                PeftFiles.save(directory, adapter, model, new PeftMetadata("base"));
            }
            String written = java.nio.file.Files.readString(directory.resolve("adapter_config.json"));
            assertFalse(written.contains("bit"), written);
            Tensor without = again.logits(fixture.input());
            assertFalse(Tensors.bitEqual(expected, without));
            try (LoraAdapter loaded = PeftFiles.load(directory, again)) {
                assertTrue(loaded.isAttached());
                assertTrue(Tensors.bitEqual(expected, again.logits(fixture.input())));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama_gqa", "gpt2"})
    void whatWouldWriteToTheBaseIsRefused(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = open(name, LoadIn.NF4)) {
            try (LoraAdapter adapter = adapter(model)) {
                ConfigException merge = assertThrows(ConfigException.class, adapter::merge);
                assertTrue(merge.getMessage().contains("without load_in"), merge.getMessage());
                assertTrue(adapter.isAttached());
            }
            TrainConfig full = TrainConfig.builder(Method.FULL).build();
            ConfigException trained = assertThrows(ConfigException.class, () -> Trainable.create(model, null, full));
            assertTrue(trained.getMessage().contains("without load_in"), trained.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"down_proj", "embed_tokens", "lm_head"})
    void aQuantisedModuleIsNotSavedInFull(String module) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = open("llama_gqa", LoadIn.NF4)) {
            LoraConfig config = LORA.withModulesToSave(List.of(module));
            ConfigException refused = assertThrows(ConfigException.class, () -> LoraAdapter.create(model, config, 1));
            assertTrue(refused.getMessage().contains(module + " is quantised"), refused.getMessage());
        }
    }

    private static TrainingRun run(Model model, Path output, OnExisting onExisting) throws IOException {
        return TinyRun.open(model, TinyRun.config(Method.LOFT).build(), output, onExisting);
    }

    /** Interrupted after a step and resumed, a run ends in the bits of one that was not; on another base it does not go on. */
    @Test
    void aRunGoesOnOnTheSameBaseOnly(@TempDir Path directory) throws IOException {
        Path whole = directory.resolve("whole");
        Path parts = directory.resolve("parts");
        try (Model model = tiny(directory, LoadIn.NF4, Dtype.F32)) {
            try (TrainingRun run = run(model, whole, OnExisting.REFUSE)) {
                run.run();
            }
            try (TrainingRun run = run(model, parts, OnExisting.REFUSE)) {
                run.requestStop();
                assertEquals(TrainResult.Outcome.INTERRUPTED, run.run().outcome());
            }
        }
        try (Model other = tiny(directory, LoadIn.INT8, Dtype.F32)) {
            ConfigException refused = assertThrows(ConfigException.class, () -> run(other, parts, OnExisting.RESUME));
            assertTrue(
                    refused.getMessage().contains("model_dtype was float32 in 4bit and is now float32 in 8bit"),
                    refused.getMessage());
        }
        try (Model model = tiny(directory, LoadIn.NF4, Dtype.F32);
                TrainingRun run = run(model, parts, OnExisting.RESUME)) {
            assertEquals(TrainResult.Outcome.FINISHED, run.run().outcome());
        }
        String file = "adapter_model.safetensors";
        assertEquals(TinyRun.bits(whole.resolve(file)), TinyRun.bits(parts.resolve(file)));
    }
}
