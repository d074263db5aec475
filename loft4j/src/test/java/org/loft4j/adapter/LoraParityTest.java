package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.nn.JoinedWeight;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Adapters that PEFT wrote, against the logits, loss, gradients and merged model that PEFT made of them. */
class LoraParityTest {
    /** Recommended for gradients: relative Frobenius norm of each tensor. */
    private static final double GRADIENT_TOLERANCE = 5e-5;

    @TempDir
    Path scratch;

    @ParameterizedTest
    @CsvSource({
        "llama_gqa, llama_gqa/adapter, llama_gqa/expected.safetensors, 2e-5",
        "llama_gqa, llama_gqa_adapters/alpha8, llama_gqa_adapters/alpha8/expected.safetensors, 2e-5",
        "llama_gqa, llama_gqa_adapters/rslora, llama_gqa_adapters/rslora/expected.safetensors, 2e-5",
        "llama_gqa, llama_gqa_adapters/dora, llama_gqa_adapters/dora/expected.safetensors, 2e-5",
        "llama_gqa, llama_gqa_adapters/dora_patterns, llama_gqa_adapters/dora_patterns/expected.safetensors, 2e-5",
        "modernbert_cls, modernbert_cls/adapter, modernbert_cls/adapter/expected.safetensors, 5e-6",
        "bert_cls, bert_cls/adapter, bert_cls/expected.safetensors, 5e-6",
        "albert_cls, albert_cls/adapter, albert_cls/expected.safetensors, 5e-6",
        "gpt2, gpt2/adapter, gpt2/expected.safetensors, 2e-5",
        "mistral_sw, mistral_sw/adapter, mistral_sw/expected.safetensors, 2e-5",
        "qwen2, qwen2/adapter, qwen2/expected.safetensors, 2e-5",
        "qwen3, qwen3/adapter, qwen3/expected.safetensors, 2e-5",
        "vit_cls, vit_cls/adapter, vit_cls/expected.safetensors, 5e-6",
        "dinov2, dinov2/adapter, dinov2/expected.safetensors, 5e-6",
        "t5, t5/adapter, t5/expected.safetensors, 2e-5",
        "t5_gated, t5_gated/adapter, t5_gated/expected.safetensors, 2e-5",
        "mt5, mt5/adapter, mt5/expected.safetensors, 2e-5",
        "bart, bart/adapter, bart/expected.safetensors, 2e-5",
        "mbart, mbart/adapter, mbart/expected.safetensors, 2e-5",
        "m2m_100, m2m_100/adapter, m2m_100/expected.safetensors, 2e-5",
        "pegasus, pegasus/adapter, pegasus/expected.safetensors, 2e-5",
        "opt_post, opt_post/adapter, opt_post/expected.safetensors, 2e-5",
        "gpt_oss, gpt_oss/adapter, gpt_oss/adapter/expected.safetensors, 2e-5",
        "qwen3_5_moe_text, qwen3_5_moe_text/adapter, qwen3_5_moe_text/adapter/expected.safetensors, 2e-5",
        "qwen3_next, qwen3_next/adapter, qwen3_next/adapter/expected.safetensors, 2e-5",
        "qwen3_moe, qwen3_moe/adapter, qwen3_moe/adapter/expected.safetensors, 2e-5",
        "mixtral_sw, mixtral_sw/adapter, mixtral_sw/adapter/expected.safetensors, 2e-5",
        "deepseek_v3_plain, deepseek_v3_plain/adapter, deepseek_v3_plain/adapter/expected.safetensors, 2e-5",
        "glm4_moe, glm4_moe/adapter, glm4_moe/adapter/expected.safetensors, 2e-5",
        "llama4_text, llama4_text/adapter, llama4_text/adapter/expected.safetensors, 2e-5",
    })
    void logitsLossGradientsAndTheMergedModelAreThoseOfPeft(
            String base, String adapterPath, String expectedPath, double tolerance) throws IOException {
        try (Fixture fixture = Fixture.open(base);
                SafetensorsFile expected = SafetensorsFile.open(root().resolve(expectedPath));
                Model model = open(base, null);
                LoraAdapter adapter = PeftFiles.load(root().resolve(adapterPath), model)) {
            try (NativeScope scope = new NativeScope()) {
                ModelInput input = fixture.modelInput();
                Tensor mask = model.task() == Task.CAUSAL_LM ? fixture.read("attention_mask") : null;
                Tensor logits = model.logits(input);
                Fixture.assertClose(expected.read("lora.logits"), logits, mask, tolerance);
                Tensor labels = fixture.read("labels");
                Tensor loss = model.task() == Task.CAUSAL_LM
                        ? Losses.causalLm(logits, labels)
                        : model.task() == Task.SEQ2SEQ_LM
                                ? Losses.tokenClassification(logits, labels)
                                : Losses.classification(logits, labels);
                assertEquals(Fixture.scalar(expected.read("lora.loss")), Fixture.scalar(loss), 1e-5);
                loss.backward();
                assertGradients(expected, adapter, model);
                MergeReport report = adapter.merge();
                assertEquals(adapter.layers().size(), report.layers().size());
                Fixture.assertClose(expected.read("merged.logits"), model.logits(input), mask, tolerance);
                adapter.unmerge();
                assertTrue(Tensors.bitEqual(logits, model.logits(input)));
            }
        }
    }

    private static void assertGradients(SafetensorsFile expected, LoraAdapter adapter, Model model) throws IOException {
        Map<String, Tensor> ours = PeftFiles.gradients(adapter, model);
        List<String> names = expected.names().stream()
                .filter(name -> name.startsWith("lora.grad."))
                .toList();
        assertEquals(ours.size(), names.size());
        for (String name : names) {
            Tensor theirs = expected.read(name);
            double norm = theirs.norm().item_double();
            assertTrue(norm > Fixture.NEGLIGIBLE_GRADIENT, name);
            String parameter = PeftFiles.nameInFile(name.substring("lora.grad.".length()));
            Tensor gradient = ours.get(parameter);
            double difference = gradient.sub(theirs).norm().item_double();
            assertTrue(difference <= GRADIENT_TOLERANCE * norm, name + " is off by " + difference / norm);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama_gqa",
        "bert_cls",
        "albert_cls",
        "gpt2",
        "qwen3",
        "opt_post",
        "vit_cls",
        "gpt_oss",
        "qwen3_5_moe_text",
        "qwen3_next",
        "llama4_text",
        "mixtral_sw",
        "dinov2"
    })
    void mergingGivesBackEveryBitOfTheBase(String base) throws IOException {
        for (Dtype dtype : List.of(Dtype.F32, Dtype.BF16)) {
            try (Model model = open(base, dtype);
                    NativeScope scope = new NativeScope()) {
                Map<String, Tensor> before = new LinkedHashMap<>();
                model.weights().asMap().forEach((name, weight) -> before.put(name, weight.clone()));
                LoraAdapter adapter = PeftFiles.load(root().resolve(base + "/adapter"), model);
                MergeReport report = adapter.merge();
                assertEquals(dtype == Dtype.F32, report.maxAbsError() == 0);
                assertTrue(report.relativeError() < 1.0 / 256);
                adapter.layers()
                        .values()
                        .forEach(layer -> JoinedWeight.parametersOf(layer.base())
                                .forEach(name -> assertTrue(!Tensors.bitEqual(
                                        before.get(name), model.weights().get(name)))));
                adapter.unmerge();
                adapter.close();
                before.forEach((name, weight) ->
                        assertTrue(Tensors.bitEqual(weight, model.weights().get(name)), name));
            }
        }
    }

    @Test
    void anAdapterWrittenAndReadBackGivesTheSameBits() throws IOException {
        for (String base : List.of(
                "llama_gqa",
                "bert_cls",
                "gpt2",
                "vit_cls",
                "gpt_oss",
                "qwen3_5_moe_text",
                "llama4_text",
                "qwen3_moe",
                "dinov2")) {
            float[] before;
            try (Model model = open(base, null);
                    LoraAdapter adapter = PeftFiles.load(root().resolve(base + "/adapter"), model)) {
                before = logits(base, model);
                PeftFiles.save(scratch, adapter, model, new PeftMetadata(base));
            }
            try (Model model = open(base, null);
                    LoraAdapter adapter = PeftFiles.load(scratch, model)) {
                assertTrue(Arrays.equals(before, logits(base, model)), base);
            }
        }
    }

    @Test
    void severalAdaptersOnOneBaseSwitchBackAndForth() throws IOException {
        List<LoraAdapter> adapters = new ArrayList<>();
        List<float[]> logits = new ArrayList<>();
        try (Model model = open("llama_gqa", null)) {
            float[] bare = logits("llama_gqa", model);
            for (String path : List.of("llama_gqa/adapter", "llama_gqa_adapters/alpha8", "llama_gqa/adapter")) {
                adapters.add(PeftFiles.load(root().resolve(path), model));
                logits.add(logits("llama_gqa", model));
            }
            assertTrue(Arrays.equals(logits.get(0), logits.get(2)) && !Arrays.equals(logits.get(0), logits.get(1)));
            for (int i : new int[] {1, 0, 2, 1}) {
                adapters.get(i).attach();
                assertTrue(Arrays.equals(logits.get(i), logits("llama_gqa", model)));
            }
            adapters.forEach(LoraAdapter::close);
            assertTrue(Arrays.equals(bare, logits("llama_gqa", model)));
        }
    }

    @Test
    void trainingForManyStepsLeavesNothingBehind() throws IOException {
        try (Fixture fixture = Fixture.open("llama_gqa");
                Model model = open("llama_gqa", null);
                LoraAdapter adapter = PeftFiles.load(root().resolve("llama_gqa/adapter"), model)) {
            step(fixture, model);
            long before = LiveObjects.settled();
            for (int i = 0; i < 20; i++) {
                step(fixture, model);
                assertEquals(before, NativeScope.liveObjects());
            }
            assertEquals(14, adapter.layers().size());
        }
    }

    private static void step(Fixture fixture, Model model) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            Losses.causalLm(model.logits(fixture.modelInput()), fixture.read("labels"))
                    .backward();
        }
        // else those of earlier tests are freed step by step
        AutogradFunction.sweep();
    }

    private static Path root() {
        return Fixture.directory("llama_gqa").resolveSibling(".").normalize();
    }

    private static Model open(String base, Dtype dtype) throws IOException {
        Path directory = Fixture.directory(base);
        return Models.open(
                directory, ModelOptions.of(Models.defaultTask(directory)).withDtype(dtype));
    }

    private static float[] logits(String base, Model model) throws IOException {
        try (Fixture fixture = Fixture.open(base);
                NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return Tensors.toFloats(model.logits(fixture.modelInput()));
        }
    }
}
