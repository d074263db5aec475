package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.export.Diagnosis.Verdict;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class AdapterDoctorTest {
    static final String LAYER = "base_model.model.model.layers.0.self_attn.q_proj.";

    @TempDir
    Path directory;

    private Diagnosis examine(Map<String, Object> settings, Map<String, float[]> changes, @Nullable Path base)
            throws IOException {
        return examine(directory, settings, changes, base);
    }

    /** Writes an adapter of one layer into a folder, and examines it. */
    static Diagnosis examine(
            Path directory, Map<String, Object> settings, Map<String, float[]> changes, @Nullable Path base)
            throws IOException {
        Map<String, Object> config = new TreeMap<>(Map.of(
                "peft_type", "LORA",
                "task_type", "CAUSAL_LM",
                "base_model_name_or_path", "some/base",
                "r", 2,
                "lora_alpha", 4,
                "bias", "none",
                "target_modules", new String[] {"q_proj"}));
        config.putAll(settings);
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        Json.write(adapter.resolve("adapter_config.json"), config);
        Map<String, float[]> values = new LinkedHashMap<>();
        int rank = (int) config.get("r");
        values.put(LAYER + "lora_A.weight", filled(rank * 64, 1));
        values.put(LAYER + "lora_B.weight", filled(128 * rank, 1));
        values.putAll(changes);
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            values.forEach((name, numbers) -> {
                long rows = name.contains("lora_A") ? rank : numbers.length / rank;
                tensors.put(name, Tensors.of(numbers, rows, numbers.length / rows));
            });
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        return AdapterDoctor.examine(adapter, base);
    }

    static float[] filled(int count, float value) {
        float[] values = new float[count];
        Arrays.fill(values, value);
        return values;
    }

    static boolean says(Diagnosis diagnosis, Consumer consumer, String word) {
        return diagnosis.of(consumer).stream()
                .anyMatch(finding -> finding.what().contains(word));
    }

    @Test
    void aPlainAdapterLoadsAsItIsAndNeedsConversionForLlamaCpp() throws IOException {
        Path base = new TinyCheckpoint(directory.resolve("base"), "llama").write().directory;
        Diagnosis diagnosis = examine(Map.of(), Map.of(), base);
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(Verdict.AFTER, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        assertTrue(diagnosis.loadsSomewhere());
    }

    @ParameterizedTest
    @CsvSource({
        "use_dora, true, YES, NO, NO, DoRA",
        "use_rslora, true, YES, YES, AFTER, use_rslora",
        "modules_to_save, lm_head, YES, NO, NO, modules_to_save",
        "bias, all, YES, NO, NO, bias",
        "r, 24, YES, AFTER, AFTER, --max-lora-rank 32",
        "r, 600, YES, NO, AFTER, 512",
        "peft_type, LOHA, AFTER, NO, NO, LOHA",
        "task_type, SEQ_CLS, YES, YES, NO, language models",
        "base_model_name_or_path, '', AFTER, YES, AFTER, base_model_name_or_path",
        "rank_pattern, x, YES, AFTER, AFTER, rank_pattern",
        "target_modules, '', NO, NO, NO, target_modules",
        "init_lora_weights, pissa_niter_16, YES, NO, NO, path_initial_model_for_weight_conversion",
        "init_lora_weights, olora, YES, NO, NO, path_initial_model_for_weight_conversion",
        "init_lora_weights, CorDA, YES, NO, NO, path_initial_model_for_weight_conversion",
        "init_lora_weights, loftq, YES, NO, NO, merge it with PEFT",
        "init_lora_weights, gaussian, YES, YES, AFTER, --adapter-only",
        "layer_replication, 4, YES, NO, NO, layer_replication",
        "init_lora_weights, mica, YES, YES, AFTER, --adapter-only",
        "trainable_token_indices, 4, YES, NO, NO, trainable_token_indices",
        "use_qalora, true, YES, NO, NO, use_qalora: vLLM does not read it",
        "lora_bias, true, YES, NO, NO, lora_bias: vLLM does not read it",
        "task_type, FEATURE_EXTRACTION, YES, YES, AFTER, --adapter-only",
        "task_type, QUESTION_ANS, YES, YES, NO, loft export does not read it",
        "task_type, SEQ_2_SEQ_LM, YES, YES, NO, loft export writes no encoder-decoders",
    })
    void eachSettingIsJudgedByTheRulesOfEachProgram(
            String key, String value, Verdict peft, Verdict vllm, Verdict llama, String word) throws IOException {
        Object set = value;
        if (value.equals("true")) {
            set = true;
        } else if (value.matches("\\d+")) {
            set = Integer.parseInt(value);
        } else if (key.equals("modules_to_save")) {
            set = new String[] {value};
        } else if (key.equals("rank_pattern")) {
            set = Map.of("q_proj", 2);
        }
        Diagnosis diagnosis = examine(Map.of(key, set), Map.of(), null);
        assertEquals(peft, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(vllm, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(llama, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        assertTrue(
                diagnosis.findings().stream().anyMatch(finding -> (finding.what() + finding.remedy()).contains(word)),
                diagnosis.toString());
    }

    /** vLLM would apply the factors to all tokens, and PEFT cannot merge what depends on the text. */
    @Test
    void anActivatedAdapterIsForPeftAloneAndNotMerged() throws IOException {
        Diagnosis diagnosis = examine(Map.of("alora_invocation_tokens", new int[] {3}), Map.of(), null);
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        assertTrue(says(diagnosis, Consumer.VLLM, "alora_invocation_tokens: vLLM does not read it"));
        assertTrue(
                diagnosis.findings().stream()
                        .noneMatch(finding -> finding.remedy().contains("merge")),
                diagnosis.toString());
    }

    @ParameterizedTest
    @CsvSource({"mean, AFTER", "cls, AFTER", "pooler, YES", ", YES"})
    void aPoolingThatOtherProgramsDoNotHaveIsNamed(@Nullable String pooling, Verdict expected) throws IOException {
        Map<String, Object> task = new TreeMap<>();
        task.put("pooling", pooling);
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        Json.write(adapter.resolve("loft_task.json"), task);
        Diagnosis diagnosis = examine(Map.of("task_type", "SEQ_CLS"), Map.of(), null);
        assertEquals(expected, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(
                expected == Verdict.AFTER,
                says(diagnosis, Consumer.VLLM, "pooling " + pooling + " is loft4j's own"),
                diagnosis.toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "src/test | is a directory of this machine: src/test, elsewhere taken for a name on the hub",
                "./models/MiniLM | is a directory of this machine that does not exist: ./models/MiniLM",
                "my/models/MiniLM | is a directory of this machine that does not exist: my/models/MiniLM",
                "some/base | ",
            })
    void aBaseModelOnThisMachineIsNamed(String base, @Nullable String what) throws IOException {
        Diagnosis diagnosis = examine(Map.of("base_model_name_or_path", base), Map.of(), null);
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(
                what == null ? List.of() : List.of("base_model_name_or_path " + what),
                diagnosis.of(Consumer.PEFT).stream()
                        .map(Finding::what)
                        .filter(each -> each.startsWith("base_model_name_or_path"))
                        .toList());
    }

    @Test
    void adaptedExpertsTakeNewVersionsAndNoGgufAdapter() throws IOException {
        String expert = "base_model.model.model.layers.0.mlp.experts.7.down_proj.";
        Diagnosis diagnosis = examine(
                Map.of("target_modules", new String[] {"q_proj", "down_proj"}, "lora_dropout", 0.1),
                Map.of(expert + "lora_A.weight", filled(64, 1), expert + "lora_B.weight", filled(128, 1)),
                null);
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        assertTrue(says(diagnosis, Consumer.LLAMA_CPP, "experts.7.down_proj"), diagnosis.toString());
        assertTrue(says(diagnosis, Consumer.PEFT, "with Transformers 5"), diagnosis.toString());
        assertTrue(says(diagnosis, Consumer.PEFT, "refuses a lora_dropout"), diagnosis.toString());
        assertTrue(says(diagnosis, Consumer.VLLM, "before 0.11.2"), diagnosis.toString());
    }

    @Test
    void expertsOfOneTensorTakeNewVersionsToo() throws IOException {
        for (String fixture : List.of("gpt_oss", "qwen3_5_moe_text", "llama4_text")) {
            Path base = Path.of("src/test/resources/fixtures", fixture);
            Diagnosis diagnosis = AdapterDoctor.examine(base.resolve("adapter"), base);
            assertTrue(says(diagnosis, Consumer.PEFT, "before 0.19"), diagnosis.toString());
            assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
            assertEquals(Verdict.UNKNOWN, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
            assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        }
    }

    @Test
    void whatPeftDoesNotConvertOfExpertsIsTold() throws IOException {
        String expert = "base_model.model.model.layers.0.mlp.experts.0.";
        Map<String, float[]> pair = new HashMap<>();
        for (String part : List.of("gate_proj", "up_proj")) {
            pair.put(expert + part + ".lora_A.weight", filled(64, 1));
            pair.put(expert + part + ".lora_B.weight", filled(128, 1));
        }
        String[] targets = {"gate_proj", "up_proj"};
        assertEquals(
                Verdict.YES,
                examine(Map.of("target_modules", targets), pair, null).verdict(Consumer.PEFT));
        for (String setting : List.of("use_rslora", "use_dora")) {
            Diagnosis diagnosis = examine(Map.of("target_modules", targets, setting, true), pair, null);
            assertTrue(says(diagnosis, Consumer.PEFT, setting), diagnosis.toString());
        }
        for (String part : List.of("gate_proj", "down_proj", "mlp\\..*")) {
            Map<String, Object> alphas = Map.of("target_modules", targets, "alpha_pattern", Map.of(part, 3));
            // the tensor of all experts is called down_proj too
            assertEquals(
                    !part.equals("down_proj"),
                    says(examine(alphas, pair, null), Consumer.PEFT, "knows r and lora_alpha for them alone"),
                    part);
        }
        Map<String, float[]> third = new HashMap<>(pair);
        pair.forEach((name, values) -> third.put(name.replace("experts.0", "experts.2"), values));
        Diagnosis some = examine(Map.of("target_modules", targets), third, null);
        assertTrue(says(some, Consumer.PEFT, "refuses some experts of a block without the others"), some.toString());
        Path mixture = new TinyCheckpoint(directory.resolve("base"), "qwen3_moe").write().directory;
        Diagnosis first = examine(Map.of("target_modules", targets), pair, mixture);
        assertTrue(says(first, Consumer.PEFT, "refuses some experts of a block without the others"), first.toString());
        String router = "base_model.model.model.layers.0.mlp.gate.";
        Diagnosis routed = examine(
                Map.of("target_modules", new String[] {"gate"}, "use_dora", true),
                Map.of(router + "lora_A.weight", filled(64, 1), router + "lora_B.weight", filled(128, 1)),
                null);
        assertTrue(says(routed, Consumer.PEFT, "0.mlp.gate: with Transformers 5"), routed.toString());
        pair.keySet().removeIf(name -> name.contains("gate_proj"));
        Diagnosis half = examine(Map.of("target_modules", new String[] {"up_proj"}), pair, null);
        assertTrue(says(half, Consumer.PEFT, "one of gate and up without the other"), half.toString());
        assertTrue(half.toString().contains("load it with Transformers 4"), half.toString());
    }

    @Test
    void tensorsAreLookedAt() throws IOException {
        Diagnosis untrained = examine(Map.of(), Map.of(LAYER + "lora_B.weight", filled(256, 0)), null);
        assertTrue(says(untrained, Consumer.PEFT, "untrained"), untrained.toString());
        assertEquals(Verdict.YES, untrained.verdict(Consumer.PEFT));
        Diagnosis broken = examine(Map.of(), Map.of(LAYER + "lora_A.weight", filled(128, Float.NaN)), null);
        assertTrue(says(broken, Consumer.VLLM, "NaN"), broken.toString());
        Diagnosis extra = examine(Map.of(), Map.of("base_model.model.model.embed_tokens.weight", filled(8, 1)), null);
        assertEquals(Verdict.YES, extra.verdict(Consumer.PEFT));
        assertEquals(Verdict.NO, extra.verdict(Consumer.VLLM));
        assertEquals(Verdict.NO, extra.verdict(Consumer.LLAMA_CPP));
        assertTrue(says(extra, Consumer.VLLM, "new tokens"), extra.toString());
        assertEquals(List.of("merge it with PEFT: merge_and_unload, then save_pretrained"), remedies(extra));
        Path base = new TinyCheckpoint(directory.resolve("base"), "llama").write().directory;
        Diagnosis unlike = examine(Map.of(), Map.of(LAYER + "lora_B.weight", filled(64, 1)), base);
        assertTrue(says(unlike, Consumer.PEFT, "(128, 64)"), unlike.toString());
        assertFalse(unlike.loadsSomewhere());
        Path gpt2 = new TinyCheckpoint(directory.resolve("gpt2"), "gpt2").write().directory;
        Diagnosis elsewhere = examine(Map.of(), Map.of(), gpt2);
        assertTrue(says(elsewhere, Consumer.PEFT, "are not in the base model"), elsewhere.toString());
        Files.delete(directory.resolve("adapter").resolve("adapter_model.safetensors"));
        assertFalse(AdapterDoctor.examine(directory.resolve("adapter"), null).loadsSomewhere());
    }

    /** PEFT stores it along where it is that of an embedding; vLLM passes over the two names that these mostly have. */
    @ParameterizedTest
    @CsvSource({
        "base_model.model.lm_head., YES",
        "base_model.model.model.embed_tokens., YES",
        "base_model.model.model.layers.0.self_attn.q_proj., NO",
    })
    void theFrozenMatrixOfAnAdaptedLayerIsNoFault(String layer, Verdict vllm) throws IOException {
        Map<String, float[]> tensors = Map.of(
                layer + "lora_A.weight", filled(2 * 64, 1),
                layer + "lora_B.weight", filled(128 * 2, 1),
                layer + "base_layer.weight", filled(128 * 64, 1));
        Diagnosis diagnosis = examine(Map.of(), tensors, null);
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(vllm, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(Verdict.AFTER, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        assertFalse(says(diagnosis, Consumer.PEFT, "are no factors"), diagnosis.toString());
    }

    @Test
    void whatLoft4jDoesNotReadIsNotToBeMergedByIt() throws IOException {
        Diagnosis diagnosis =
                examine(Map.of("use_dora", true, "layer_replication", new int[][] {{0, 4}}, "r", 600), Map.of(), null);
        assertTrue(
                diagnosis.findings().stream()
                        .noneMatch(finding -> finding.remedy().contains("loft ")),
                diagnosis.toString());
    }

    @Test
    void aTypeThatIsNotReadHereIsNotCalledDamaged() throws IOException {
        examine(Map.of(), Map.of(), null);
        Path weights = directory.resolve("adapter").resolve("adapter_model.safetensors");
        Files.write(weights, ForeignFile.of(LAYER + "lora_A.weight", "F8_E4M3", 2, 64));
        Diagnosis diagnosis = AdapterDoctor.examine(directory.resolve("adapter"), null);
        assertEquals(Verdict.UNKNOWN, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(Verdict.UNKNOWN, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        assertTrue(says(diagnosis, Consumer.PEFT, "are F8_E4M3, which loft4j does not read"), diagnosis.toString());
    }

    @Test
    void aKeyThatOldVersionsOfPeftRefuseIsNamed() throws IOException {
        Map<String, Object> unset = new TreeMap<>();
        unset.put("exclude_modules", null);
        for (Map<String, Object> settings : List.of(unset, Map.<String, Object>of("exclude_modules", "lm_head"))) {
            Diagnosis diagnosis = examine(settings, Map.of(), null);
            assertTrue(says(diagnosis, Consumer.PEFT, "exclude_modules: PEFT before 0.14"), diagnosis.toString());
            assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        }
        assertFalse(says(examine(Map.of(), Map.of(), null), Consumer.PEFT, "0.14"));
    }

    /** What Transformers makes of an adapter's directory without PEFT's own loading. */
    @ParameterizedTest
    @CsvSource({"modules_to_save, true", "use_dora, true", "use_rslora, false"})
    void whatTransformersLeavesOutIsTold(String key, boolean told) throws IOException {
        Object value = key.equals("modules_to_save") ? new String[] {"lm_head"} : (Object) true;
        Diagnosis diagnosis = examine(Map.of(key, value), Map.of(), null);
        assertEquals(told, says(diagnosis, Consumer.PEFT, "leaves out what they brought"), diagnosis.toString());
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
    }

    @Test
    void aTiedEmbeddingThatIsSavedTakesANewPeft() throws IOException {
        Map<String, Object> tied =
                Map.of("modules_to_save", new String[] {"embed_tokens"}, "ensure_weight_tying", true);
        assertTrue(says(examine(tied, Map.of(), null), Consumer.PEFT, "before 0.14 it refuses the file"));
        Diagnosis nothingTied = examine(Map.of("ensure_weight_tying", true), Map.of(), null);
        assertFalse(says(nothingTied, Consumer.PEFT, "PEFT before 0.18"), nothingTied.toString());
    }

    @Test
    void whatCannotBecomeAnAdapterInGgufIsToBeMergedIntoAModel() throws IOException {
        Diagnosis dora = examine(Map.of("use_dora", true), Map.of(), null);
        assertEquals(
                List.of("merge it into a GGUF of the whole model: loft export --to gguf --adapter "
                        + directory.resolve("adapter") + " --output FILE"),
                remedies(dora));
        Diagnosis bias = examine(Map.of("bias", "all"), Map.of(), null);
        assertEquals(List.of("merge it with PEFT: merge_and_unload, then save_pretrained"), remedies(bias));
        Diagnosis classifier =
                examine(Map.of("task_type", "SEQ_CLS", "modules_to_save", new String[] {"classifier"}), Map.of(), null);
        assertTrue(
                classifier.findings().stream()
                        .noneMatch(finding -> finding.remedy().contains("gguf")),
                classifier.toString());
    }

    static List<String> remedies(Diagnosis diagnosis) {
        return diagnosis.of(Consumer.LLAMA_CPP).stream()
                .filter(finding -> finding.severity() != Finding.Severity.NOTE)
                .map(Finding::remedy)
                .toList();
    }

    @Test
    void aModuleWithinAnotherIsNamedWithoutABase() throws IOException {
        Diagnosis nested = examine(
                Map.of("modules_to_save", List.of("classifier.dense", "classifier.out_proj", "classifier")),
                Map.of(),
                null);
        assertEquals(Verdict.AFTER, nested.verdict(Consumer.PEFT), nested.toString());
        assertTrue(
                nested.of(Consumer.PEFT).stream()
                        .anyMatch(finding -> finding.remedy()
                                .equals(
                                        "take classifier.dense, classifier.out_proj out of modules_to_save: classifier is saved"
                                                + " with all that it holds")),
                nested.toString());
        Diagnosis apart = examine(Map.of("modules_to_save", List.of("pre_classifier", "classifier")), Map.of(), null);
        assertEquals(Verdict.YES, apart.verdict(Consumer.PEFT), apart.toString());
    }
}
