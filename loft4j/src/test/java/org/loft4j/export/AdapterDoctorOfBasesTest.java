package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.export.Diagnosis.Verdict;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.tensor.NativeScope;

/** What of an adapter the model under it decides. */
class AdapterDoctorOfBasesTest {
    private static final String NOT_EXPORTED = "the base model is not exported to GGUF as it stands: ";

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({
        "granite, SEQ_CLS, texts",
        "granite, TOKEN_CLS, tokens",
        "granitemoehybrid, TOKEN_CLS, tokens",
        "granitemoe, SEQ_CLS, texts",
        "glm4_moe_lite, TOKEN_CLS, tokens",
        "glm4_moe, SEQ_CLS, texts",
        "lfm2, SEQ_CLS, texts",
        "olmo2, TOKEN_CLS, tokens",
        "olmo2, SEQ_CLS, ",
        "olmoe, SEQ_CLS, texts",
        "llama4, SEQ_CLS, texts",
        "llama4_text, TOKEN_CLS, tokens",
        "qwen3_5_moe, SEQ_CLS, texts",
        "qwen3_5_moe_text, TOKEN_CLS, tokens",
        "mixtral, TOKEN_CLS, ",
        "granite, CAUSAL_LM, "
    })
    void aClassifierThatTransformersHasNoClassForIsNamed(String family, String task, @Nullable String what)
            throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), family);
        Diagnosis diagnosis =
                AdapterDoctorTest.examine(directory, Map.of("task_type", task), Map.of(), base.write().directory);
        assertEquals(
                what != null,
                AdapterDoctorTest.says(
                        diagnosis, Consumer.PEFT, "no class that classifies " + what + " with " + family),
                diagnosis.toString());
        assertEquals(
                what != null,
                AdapterDoctorTest.says(diagnosis, Consumer.VLLM, "is not known here"),
                diagnosis.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "glm4_moe_lite, mlp.shared_experts.up_proj, true",
        "deepseek_v3, mlp.down_proj, true",
        "glm4_moe, self_attn.q_proj, false",
        "llama, mlp.down_proj, false"
    })
    void layersThatPeftTakesForExpertsAreNamed(String family, String module, boolean said) throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), family);
        String layer = "base_model.model.model.layers.0." + module + ".";
        Diagnosis diagnosis = AdapterDoctorTest.examine(
                directory,
                Map.of("target_modules", new String[] {module}),
                Map.of(layer + "lora_A.weight", new float[64], layer + "lora_B.weight", new float[64]),
                base.write().directory);
        assertEquals(
                said,
                AdapterDoctorTest.says(diagnosis, Consumer.PEFT, "0." + module + ": with Transformers 5"),
                diagnosis.toString());
    }

    /** One model_type for two language models, of which one always has a token for padding. */
    @ParameterizedTest
    @CsvSource({"mistral, true", "ministral3, false"})
    void whatLiesBesideAVisionTowerDecidesWhetherItHasPadding(String inner, boolean missing) throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), "mistral");
        Map<String, Object> text = new LinkedHashMap<>(base.config);
        text.put("model_type", inner);
        base.config.put("model_type", "mistral3");
        base.config.put("text_config", text);
        Diagnosis diagnosis =
                AdapterDoctorTest.examine(directory, Map.of("task_type", "SEQ_CLS"), Map.of(), base.write().directory);
        assertEquals(
                missing, AdapterDoctorTest.says(diagnosis, Consumer.PEFT, "no pad_token_id"), diagnosis.toString());
    }

    @ParameterizedTest
    @CsvSource({"SEQ_CLS, , AFTER", "SEQ_CLS, 3, YES", "TOKEN_CLS, , YES"})
    void aBaseWithoutAPaddingTokenTakesNoBatchesOfTexts(String task, @Nullable Integer padId, Verdict expected)
            throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), "llama");
        base.config.put("pad_token_id", padId);
        Diagnosis diagnosis =
                AdapterDoctorTest.examine(directory, Map.of("task_type", task), Map.of(), base.write().directory);
        assertEquals(expected, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(expected == Verdict.AFTER, AdapterDoctorTest.says(diagnosis, Consumer.PEFT, "no pad_token_id"));
    }

    /** Whose matrices are packed under names and shapes of their own. */
    @Test
    void anAdapterOfAQuantisedBaseIsNotComparedWithIt() throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("base"), "llama");
        checkpoint.config.put("quantization_config", Map.of("quant_method", "bitsandbytes"));
        Path base = checkpoint.write().directory;
        for (int out : new int[] {64, 128}) {
            Diagnosis diagnosis = AdapterDoctorTest.examine(
                    directory,
                    Map.of(),
                    Map.of(AdapterDoctorTest.LAYER + "lora_B.weight", AdapterDoctorTest.filled(out * 2, 1)),
                    base);
            assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
            assertEquals(Verdict.YES, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
            assertEquals(Verdict.AFTER, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
            assertTrue(
                    AdapterDoctorTest.says(diagnosis, Consumer.VLLM, "the base model is quantised"),
                    diagnosis.toString());
        }
        Diagnosis dora = AdapterDoctorTest.examine(directory, Map.of("use_dora", true), Map.of(), base);
        for (Consumer consumer : List.of(Consumer.VLLM, Consumer.LLAMA_CPP)) {
            assertTrue(
                    dora.of(consumer).stream()
                            .anyMatch(finding -> finding.remedy().contains("--model MODEL")),
                    dora.toString());
        }
    }

    @Test
    void aBaseThatIsNotExportedIsTold() throws IOException {
        Path base = new TinyCheckpoint(directory.resolve("base"), "llama").write().directory;
        Diagnosis exported = AdapterDoctorTest.examine(directory, Map.of(), Map.of(), base);
        assertFalse(AdapterDoctorTest.says(exported, Consumer.LLAMA_CPP, NOT_EXPORTED), exported.toString());
        Files.delete(base.resolve("tokenizer.json"));
        Diagnosis lacks = AdapterDoctorTest.examine(directory, Map.of(), Map.of(), base);
        assertTrue(AdapterDoctorTest.says(lacks, Consumer.LLAMA_CPP, NOT_EXPORTED), lacks.toString());
        assertTrue(AdapterDoctorTest.says(lacks, Consumer.LLAMA_CPP, "tokenizer.json"), lacks.toString());
        assertEquals(Verdict.AFTER, lacks.verdict(Consumer.LLAMA_CPP), "a file of it may come from elsewhere");
    }

    /** Merged into such a base an adapter is served no more than by itself. */
    @ParameterizedTest
    @CsvSource({
        "mpnet, NO, 'vLLM has no class of its own for mpnet, and takes none', loft predict",
        "camembert, UNKNOWN, 'vLLM has no class of its own for camembert, and what it makes', loft predict",
        "bert, NO, vLLM's bert takes no LoRA, loft merge"
    })
    void aBaseThatIsNotServedIsTold(String family, Verdict verdict, String what, String remedy) throws IOException {
        Path base = Files.createDirectories(directory.resolve("base"));
        Files.writeString(base.resolve("config.json"), "{\"model_type\": \"" + family + "\", \"pad_token_id\": 0}");
        Diagnosis diagnosis = AdapterDoctorTest.examine(directory, Map.of("task_type", "SEQ_CLS"), Map.of(), base);
        List<Finding> told = diagnosis.of(Consumer.VLLM).stream()
                .filter(finding -> finding.what().startsWith(what))
                .toList();
        assertEquals(1, told.size(), diagnosis.toString());
        assertTrue(told.get(0).remedy().contains(remedy), told.toString());
        assertEquals(verdict, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
    }

    /** Settings that are no longer those of the training, and a base that is another one. */
    @ParameterizedTest
    @ValueSource(strings = {"gpt_oss", "qwen3_5_moe_text", "qwen3_moe"})
    void factorsOfExpertsAreComparedWithTheBase(String fixture) throws IOException {
        Path base = Fixture.directory(fixture);
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        for (String file : List.of(PeftFiles.CONFIG, PeftFiles.WEIGHTS)) {
            Files.copy(base.resolve("adapter").resolve(file), adapter.resolve(file));
        }
        Diagnosis sound = AdapterDoctor.examine(adapter, base);
        assertEquals(Verdict.YES, sound.verdict(Consumer.PEFT), sound.toString());
        assertTrue(
                sound.of(Consumer.LLAMA_CPP).stream()
                        .anyMatch(finding -> finding.remedy().contains("--to gguf")),
                sound.toString());
        Diagnosis fewer = AdapterDoctor.examine(adapter, withFirstExperts(base));
        assertEquals(Verdict.NO, fewer.verdict(Consumer.PEFT), fewer.toString());
        assertTrue(AdapterDoctorTest.says(fewer, Consumer.PEFT, "are none of model.layers.0.mlp.experts."));
        ObjectNode settings = Json.read(adapter.resolve(PeftFiles.CONFIG)).toTree();
        ObjectNode shortened = settings.deepCopy();
        shortened.putArray("target_parameters").add("mlp.experts.down_proj");
        Json.write(adapter.resolve(PeftFiles.CONFIG), shortened);
        Diagnosis left = AdapterDoctor.examine(adapter, base);
        assertEquals(Verdict.AFTER, left.verdict(Consumer.PEFT), left.toString());
        assertTrue(AdapterDoctorTest.says(left, Consumer.PEFT, "PEFT leaves them out"), left.toString());
        settings.put("r", 5);
        Json.write(adapter.resolve(PeftFiles.CONFIG), settings);
        Diagnosis rank = AdapterDoctor.examine(adapter, base);
        assertEquals(Verdict.NO, rank.verdict(Consumer.PEFT), rank.toString());
        assertTrue(AdapterDoctorTest.says(rank, Consumer.PEFT, "at rank 5"), rank.toString());
    }

    /** The files of Mixtral call experts otherwise than Transformers 5 does. */
    @Test
    void factorsOfMixtralsExpertsAreOfItsModules() throws IOException {
        Path base = Fixture.directory("mixtral_sw");
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        for (String file : List.of(PeftFiles.CONFIG, PeftFiles.WEIGHTS)) {
            Files.copy(base.resolve("adapter").resolve(file), adapter.resolve(file));
        }
        Diagnosis sound = AdapterDoctor.examine(adapter, base);
        assertEquals(Verdict.YES, sound.verdict(Consumer.PEFT), sound.toString());
    }

    /** The model with four experts a layer. */
    private Path withFirstExperts(Path base) throws IOException {
        Path fewer = Files.createDirectories(directory.resolve("fewer"));
        Files.copy(base.resolve("config.json"), fewer.resolve("config.json"));
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(base)) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : source.names()) {
                if (name.contains("mlp.experts.") && !name.matches(".*experts\\.\\d.*")) {
                    tensors.put(name, source.read(name).narrow(0, 0, 4));
                } else if (!name.matches(".*experts\\.[4-9].*")) {
                    tensors.put(name, source.read(name));
                }
            }
            SafetensorsWriter.write(fewer.resolve("model.safetensors"), tensors, Map.of());
        }
        return fewer;
    }

    @Test
    void anAdapterOfImagesIsOfNoTextsAndNoGguf() throws IOException {
        Path base = Files.createDirectories(directory.resolve("base"));
        Files.writeString(base.resolve("config.json"), "{\"model_type\": \"dinov2\"}");
        Map<String, Object> settings = new LinkedHashMap<>(Map.of("modules_to_save", List.of("classifier")));
        settings.put("task_type", null);
        Diagnosis diagnosis = AdapterDoctorTest.examine(directory, settings, Map.of(), base);
        assertFalse(AdapterDoctorTest.says(diagnosis, Consumer.PEFT, "task_type"), diagnosis.toString());
        assertTrue(AdapterDoctorTest.says(diagnosis, Consumer.LLAMA_CPP, "modules_to_save"), diagnosis.toString());
        assertFalse(diagnosis.toString().contains("--to gguf"), diagnosis.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"t5", "bart"})
    void theVectorsOfTokensOfAnEncoderDecoderAreSavedUnderANameThatPeftDoesNotAsk(String family) throws IOException {
        Path base = Fixture.directory(family);
        Diagnosis diagnosis = AdapterDoctorTest.examine(
                directory,
                Map.of("task_type", "SEQ_2_SEQ_LM", "modules_to_save", List.of("shared")),
                Map.of("base_model.model.shared.weight", AdapterDoctorTest.filled(64, 1)),
                base);
        assertTrue(
                AdapterDoctorTest.says(diagnosis, Consumer.PEFT, "modules_to_save \"shared\": Transformers' class"),
                diagnosis.toString());
    }

    /** PEFT parts the two; neither a merge nor an export of loft4j's does. */
    @Test
    void theHeadOfATiedBaseThatIsSavedByItselfIsMergedByPeft() throws IOException {
        TinyCheckpoint tied = new TinyCheckpoint(directory.resolve("tied"), "llama");
        tied.config.put("tie_word_embeddings", true);
        Path base = tied.write().directory;
        Map<String, Object> settings = Map.of("modules_to_save", new String[] {"lm_head"});
        assertTrue(AdapterDoctorTest.remedies(AdapterDoctorTest.examine(directory, settings, Map.of(), base))
                .contains("merge it with PEFT: merge_and_unload, then save_pretrained"));
        Path apart = new TinyCheckpoint(directory.resolve("apart"), "llama").write().directory;
        assertTrue(AdapterDoctorTest.remedies(AdapterDoctorTest.examine(directory, settings, Map.of(), apart)).stream()
                .anyMatch(remedy -> remedy.startsWith("merge it into a GGUF of the whole model")));
    }
}
