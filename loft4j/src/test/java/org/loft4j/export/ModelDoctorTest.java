package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.export.ExaminedModel.refusals;
import static org.loft4j.export.ExaminedModel.says;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.export.Diagnosis.Verdict;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Whether models load elsewhere, and why not. {@link ModelDoctorOfClassifiersTest} has classifiers and encoders. */
class ModelDoctorTest {
    @TempDir
    Path directory;

    private TinyCheckpoint checkpoint(String modelType) {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("model"), modelType);
        checkpoint.config.put("architectures", new String[] {"LlamaForCausalLM"});
        return checkpoint;
    }

    private Diagnosis examine() throws IOException {
        return ExaminedModel.examine(directory.resolve("model"));
    }

    private Diagnosis examine(String unnamedEnd) throws IOException {
        return ExaminedModel.examine(directory.resolve("model"), unnamedEnd);
    }

    @Test
    void soundModelsLoadAndTheirTrapsAreNamed() throws IOException {
        checkpoint("llama").write();
        Diagnosis sound = examine();
        assertEquals(Verdict.YES, sound.verdict(Consumer.PEFT), sound.toString());
        assertEquals(Verdict.YES, sound.verdict(Consumer.VLLM), sound.toString());
        assertEquals(Verdict.AFTER, sound.verdict(Consumer.LLAMA_CPP), sound.toString());
        Json.write(
                directory.resolve("model").resolve("tokenizer_config.json"),
                Map.of("eos_token", "<|end|>", "pad_token", "<|end|>"));
        Diagnosis trap = examine();
        assertTrue(says(trap, Consumer.PEFT, "pad_token is eos_token"), trap.toString());
        assertTrue(says(trap, Consumer.VLLM, "no chat template"), trap.toString());
        Json.write(
                directory.resolve("model").resolve("model.safetensors.index.json"),
                Map.of("weight_map", Map.of("a", "model-00001-of-00002.safetensors")));
        Files.delete(directory.resolve("model").resolve("model.safetensors"));
        assertFalse(examine().loadsSomewhere());
    }

    @ParameterizedTest
    @ValueSource(strings = {"vit_cls", "deit", "dinov2"})
    void aModelOfImagesNeedsNoTokenizer(String fixture) throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(Fixture.directory(fixture).resolve(file), model.resolve(file));
        }
        Diagnosis unprepared = examine();
        assertEquals(Verdict.AFTER, unprepared.verdict(Consumer.PEFT), unprepared.toString());
        assertTrue(says(unprepared, Consumer.PEFT, "there is no preprocessor_config.json"), unprepared.toString());
        Files.writeString(model.resolve("preprocessor_config.json"), "{}");
        Diagnosis whole = examine();
        assertEquals(Verdict.YES, whole.verdict(Consumer.PEFT), whole.toString());
        assertFalse(says(whole, Consumer.VLLM, "tokenizer"), whole.toString());
    }

    /** vLLM stops at the tokenizer's end as well. */
    @Test
    void anEndOfAnAnswerThatIsNoEndOfTheModelIsNamed() throws IOException {
        checkpoint("llama").write();
        Diagnosis chat = examine("<|im_end|>");
        String what = "ends an answer with <|im_end|>, which no eos_token_id names";
        assertTrue(says(chat, Consumer.PEFT, what) && says(chat, Consumer.VLLM, what), chat.toString());
        assertEquals(Verdict.YES, chat.verdict(Consumer.VLLM), chat.toString());
        Diagnosis tokenizers = examine("<|end|>");
        assertTrue(says(tokenizers, Consumer.PEFT, "which no eos_token_id names"), tokenizers.toString());
        assertFalse(says(tokenizers, Consumer.VLLM, "which no eos_token_id names"), tokenizers.toString());
    }

    @Test
    void codeOfItsOwnThatIsNotThereIsNamed() throws IOException {
        TinyCheckpoint checkpoint = checkpoint("llama");
        checkpoint.config.put(
                "auto_map",
                Map.of("AutoConfig", "configuration_own.OwnConfig", "AutoModel", "org/own--modeling_own.Own"));
        checkpoint.write();
        Diagnosis without = examine();
        assertTrue(says(without, Consumer.PEFT, "auto_map names configuration_own.py"), without.toString());
        assertEquals(Verdict.YES, without.verdict(Consumer.VLLM), without.toString());
        Files.createFile(directory.resolve("model").resolve("configuration_own.py"));
        assertFalse(says(examine(), Consumer.PEFT, "auto_map"));
    }

    @Test
    void aHeadThatIsTiedIsComparedWithTheEmbedding() throws IOException {
        TinyCheckpoint checkpoint = checkpoint("llama");
        checkpoint.config.put("tie_word_embeddings", true);
        checkpoint.write();
        Diagnosis other = examine();
        for (Consumer consumer : List.of(Consumer.PEFT, Consumer.VLLM)) {
            assertEquals(Verdict.AFTER, other.verdict(consumer), other.toString());
            assertTrue(
                    says(other, consumer, "lm_head.weight is not model.embed_tokens.weight, although the two are tied"),
                    other.toString());
        }
        assertEquals(Verdict.NO, other.verdict(Consumer.LLAMA_CPP), other.toString());
        Path weights = directory.resolve("model").resolve("model.safetensors");
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new TreeMap<>();
            checkpoint.values.forEach(
                    (name, values) -> tensors.put(name, Tensors.of(values, checkpoint.shapes.get(name))));
            tensors.put("lm_head.weight", tensors.get("model.embed_tokens.weight"));
            SafetensorsWriter.write(weights, tensors, Map.of());
        }
        Diagnosis copy = examine();
        assertEquals(Verdict.YES, copy.verdict(Consumer.PEFT), copy.toString());
        assertTrue(says(copy, Consumer.PEFT, "lm_head.weight is a copy of model.embed_tokens.weight"), copy.toString());
        assertEquals(Verdict.AFTER, copy.verdict(Consumer.LLAMA_CPP), copy.toString());
    }

    @Test
    void aHeadThatStandsForTheEmbeddingToo() throws IOException {
        TinyCheckpoint checkpoint = checkpoint("llama");
        checkpoint.config.put("tie_word_embeddings", true);
        checkpoint.shapes.put("lm_head.weight", checkpoint.shapes.remove("model.embed_tokens.weight"));
        checkpoint.write();
        Diagnosis diagnosis = examine();
        for (Consumer consumer : Consumer.values()) {
            assertEquals(Verdict.AFTER, diagnosis.verdict(consumer), diagnosis.toString());
        }
        assertTrue(says(diagnosis, Consumer.VLLM, "lm_head.weight stands for the input"), diagnosis.toString());
    }

    @Test
    void whatIsUnknownHereIsNotCalledLoadable() throws IOException {
        checkpoint("foobar").write();
        Diagnosis unknown = examine();
        assertEquals(Verdict.UNKNOWN, unknown.verdict(Consumer.PEFT), unknown.toString());
        assertEquals(Verdict.UNKNOWN, unknown.verdict(Consumer.VLLM), unknown.toString());
        assertEquals(Verdict.NO, unknown.verdict(Consumer.LLAMA_CPP), unknown.toString());
        assertTrue(
                says(unknown, Consumer.VLLM, "model_type foobar is unknown to loft4j: whether it loads"),
                unknown.toString());
        assertFalse(unknown.loadsSomewhere());
    }

    /** Transformers and vLLM read such files. */
    @ParameterizedTest
    @ValueSource(strings = {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    void aPickleIsNotKnownAndNotRefused(String name) throws IOException {
        Path model = checkpoint("llama").write().directory;
        Files.move(model.resolve("model.safetensors"), model.resolve(name));
        Diagnosis diagnosis = examine();
        assertEquals(Verdict.UNKNOWN, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(Verdict.UNKNOWN, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        Files.delete(model.resolve(name));
        assertEquals(Verdict.NO, examine().verdict(Consumer.PEFT));
    }

    @Test
    void weightsOfOtherShapesThanConfigJsonAsksForAreDamaged() throws IOException {
        TinyCheckpoint checkpoint = checkpoint("llama");
        checkpoint.config.put("hidden_size", 2 * TinyCheckpoint.HIDDEN);
        checkpoint.write();
        Diagnosis damaged = examine();
        assertFalse(damaged.loadsSomewhere(), damaged.toString());
        for (Consumer consumer : Consumer.values()) {
            List<Finding> all = refusals(damaged, consumer);
            assertEquals(1, all.size(), damaged.toString());
            assertTrue(
                    all.get(0)
                            .what()
                            .contains("embed_tokens.weight must have shape (12, 128) by config.json, got (12, 64)"),
                    damaged.toString());
            assertEquals(
                    "take config.json and the weights from one and the same model",
                    all.get(0).remedy());
        }
    }

    /** Beside it, as in shards, lies what can be read. */
    @ParameterizedTest
    @CsvSource({"F8_E4M3, true", "F8_E4M3, false", "I8, true"})
    void anIntactModelOfATypeThatIsNotReadHereIsNotCalledDamaged(String type, boolean named) throws IOException {
        TinyCheckpoint checkpoint = checkpoint("llama");
        if (named) {
            checkpoint.config.put("quantization_config", Map.of("quant_method", "fp8"));
        }
        checkpoint.write();
        Path model = directory.resolve("model");
        String query = "model.layers.0.self_attn.q_proj.weight";
        Files.move(model.resolve("model.safetensors"), model.resolve("model-00001-of-00002.safetensors"));
        Files.write(model.resolve("model-00002-of-00002.safetensors"), ForeignFile.of(query, type, 64, 64));
        Map<String, String> shards = new TreeMap<>();
        checkpoint.values.keySet().forEach(name -> shards.put(name, "model-00001-of-00002.safetensors"));
        shards.put(query, "model-00002-of-00002.safetensors");
        Json.write(model.resolve("model.safetensors.index.json"), Map.of("weight_map", shards));
        Diagnosis diagnosis = examine();
        assertEquals(Verdict.UNKNOWN, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(Verdict.UNKNOWN, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        assertTrue(
                says(diagnosis, Consumer.VLLM, "1 tensors, such as " + query + ", are " + type), diagnosis.toString());
    }

    @Test
    void aTruncatedFileIsOneFaultForEachProgramAndToBeCopiedAnew() throws IOException {
        checkpoint("llama").write();
        Path weights = directory.resolve("model").resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        Files.write(weights, Arrays.copyOf(bytes, bytes.length / 2));
        Diagnosis damaged = examine();
        for (Consumer consumer : Consumer.values()) {
            List<Finding> all = refusals(damaged, consumer);
            assertEquals(1, all.size(), damaged.toString());
            assertEquals("copy the file anew", all.get(0).remedy());
        }
    }

    /** LFM2's own word goes before that of all models. */
    @Test
    void theKeyThatTiesIsNamedAsTheFileHasIt() throws IOException {
        TinyCheckpoint checkpoint = checkpoint("lfm2");
        checkpoint.config.put("architectures", new String[] {"Lfm2ForCausalLM"});
        checkpoint.config.put("tie_embedding", false);
        checkpoint.write();
        Diagnosis without = examine();
        assertTrue(says(without, Consumer.PEFT, "tie_embedding is false"), without.toString());
        checkpoint.config.put("tie_embedding", true);
        checkpoint.shapes.put("lm_head.weight", checkpoint.shapes.get("model.embed_tokens.weight"));
        checkpoint.write();
        Diagnosis other = examine();
        for (Consumer consumer : Consumer.values()) {
            String told = other.of(consumer).toString();
            assertTrue(told.contains("set tie_embedding to false"), told);
        }
    }
}
