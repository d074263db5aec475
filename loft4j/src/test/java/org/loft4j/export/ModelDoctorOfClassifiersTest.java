package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.loft4j.export.ExaminedModel.refusals;
import static org.loft4j.export.ExaminedModel.says;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.export.Diagnosis.Verdict;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.NativeScope;

/** Whether classifiers and encoders load elsewhere: their poolings, their classes, their heads. */
class ModelDoctorOfClassifiersTest {
    @TempDir
    Path directory;

    private Diagnosis examine() throws IOException {
        return ExaminedModel.examine(directory.resolve("model"));
    }

    @ParameterizedTest
    @CsvSource({
        "mean, BertForSequenceClassification, AFTER",
        "cls, BertForSequenceClassification, AFTER",
        "pooler, BertForSequenceClassification, YES",
        "mean, BertForTokenClassification, YES",
    })
    void aPoolingThatOtherProgramsDoNotHaveIsNamed(String pooling, String architecture, Verdict expected)
            throws IOException {
        Path fixtures = Path.of("src/test/resources/fixtures");
        Path model = Files.createDirectories(directory.resolve("model"));
        for (String file : List.of("bert_cls/model.safetensors", "tiny_wordpiece/tokenizer.json")) {
            Files.copy(fixtures.resolve(file), model.resolve(Path.of(file).getFileName()));
        }
        ObjectNode config = Json.read(fixtures.resolve("bert_cls/config.json")).toTree();
        config.put("classifier_pooling", pooling).putArray("architectures").add(architecture);
        Json.write(model.resolve("config.json"), config);
        Diagnosis diagnosis = examine();
        assertEquals(expected, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(expected, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(
                expected == Verdict.AFTER,
                says(diagnosis, Consumer.PEFT, "pooling " + pooling + " is loft4j's own"),
                diagnosis.toString());
        assertFalse(says(diagnosis, Consumer.VLLM, "chat template"), "a classifier does not converse");
    }

    /** The class of Transformers for a Llama 4's states is that with its tower, which has none of the language model. */
    @ParameterizedTest
    @CsvSource({"llama4, NO", "llama4_text, YES"})
    void vectorsOfALlama4WithItsTowerHaveNoClass(String fixture, Verdict expected) throws IOException {
        Path fixtures = Path.of("src/test/resources/fixtures");
        Path model = Files.createDirectories(directory.resolve("model"));
        for (String file :
                List.of(fixture + "/model.safetensors", fixture + "/config.json", "tiny_wordpiece/tokenizer.json")) {
            Files.copy(fixtures.resolve(file), model.resolve(Path.of(file).getFileName()));
        }
        Files.writeString(model.resolve("modules.json"), "[]");
        Diagnosis diagnosis = examine();
        assertEquals(expected, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(
                expected == Verdict.YES,
                says(diagnosis, Consumer.PEFT, "sentence-transformers opens the directory too"),
                diagnosis.toString());
    }

    /** An encoder, as a classifier and as a base, says nothing that would have an end; and vLLM has no class for many. */
    @ParameterizedTest
    @CsvSource({
        "mpnet_cls, MPNetForSequenceClassification, NO",
        "mpnet_cls, MPNetForMaskedLM, NO",
        "mpnet_tok, MPNetForTokenClassification, NO",
        "deberta_v2_cls, DebertaV2ForSequenceClassification, NO",
        "electra_cls, ElectraForSequenceClassification, UNKNOWN",
        "electra_tok, ElectraForPreTraining, UNKNOWN",
        "albert_cls, AlbertForSequenceClassification, UNKNOWN",
        "albert_tok, AlbertForPreTraining, UNKNOWN",
        "distilbert_cls, DistilBertForSequenceClassification, UNKNOWN",
        "roberta_cls, RobertaForMaskedLM, YES",
    })
    void encodersThatVllmHasNoClassForAreNamed(String fixture, String architecture, Verdict expected)
            throws IOException {
        Path fixtures = Path.of("src/test/resources/fixtures");
        Path model = Files.createDirectories(directory.resolve("model"));
        for (String file : List.of(fixture + "/model.safetensors", "tiny_wordpiece/tokenizer.json")) {
            Files.copy(fixtures.resolve(file), model.resolve(Path.of(file).getFileName()));
        }
        ObjectNode config =
                Json.read(fixtures.resolve(fixture + "/config.json")).toTree();
        config.putArray("architectures").add(architecture);
        Json.write(model.resolve("config.json"), config);
        Diagnosis diagnosis = examine();
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(expected, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(
                expected != Verdict.YES,
                says(diagnosis, Consumer.VLLM, "vLLM has no class of its own for"),
                diagnosis.toString());
        for (Consumer consumer : Consumer.values()) {
            assertFalse(says(diagnosis, consumer, "chat template"), diagnosis.toString());
            assertFalse(says(diagnosis, consumer, "eos_token"), diagnosis.toString());
        }
    }

    /** Transformers and vLLM read {@code classifier_pooling} of this family themselves. */
    @ParameterizedTest
    @CsvSource({"modernbert_cls", "modernbert_mean"})
    void aPoolingThatOtherProgramsHaveTooIsNone(String fixture) throws IOException {
        Path fixtures = Path.of("src/test/resources/fixtures");
        Path model = Files.createDirectories(directory.resolve("model"));
        for (String file :
                List.of(fixture + "/model.safetensors", fixture + "/config.json", "tiny_wordpiece/tokenizer.json")) {
            Files.copy(fixtures.resolve(file), model.resolve(Path.of(file).getFileName()));
        }
        Diagnosis diagnosis = examine();
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.VLLM), diagnosis.toString());
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "llama, LlamaForSequenceClassification, , AFTER",
        "gpt2, GPT2ForSequenceClassification, -1, AFTER",
        "llama, LlamaForSequenceClassification, 3, YES",
        "llama, LlamaForTokenClassification, , YES",
        "phi3, Phi3ForSequenceClassification, , YES",
    })
    void aClassifierOfTextsThatTakesNoBatchesInTransformersIsNamed(
            String modelType, String architecture, Integer padId, Verdict expected) throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("model"), modelType);
        checkpoint.config.put("architectures", new String[] {architecture});
        checkpoint.config.put("pad_token_id", padId);
        checkpoint.write();
        Diagnosis diagnosis = examine();
        assertEquals(
                expected == Verdict.AFTER, says(diagnosis, Consumer.PEFT, "no pad_token_id"), diagnosis.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "granite, GraniteForSequenceClassification, true",
        "olmo3, Olmo3ForTokenClassification, true",
        "olmo3, Olmo3ForSequenceClassification, false",
        "granite, GraniteForCausalLM, false",
    })
    void aClassThatTransformersDoesNotHaveIsNamed(String modelType, String architecture, boolean missing)
            throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("model"), modelType);
        checkpoint.config.put("architectures", new String[] {architecture});
        checkpoint.write();
        Diagnosis diagnosis = examine();
        assertEquals(
                missing,
                says(diagnosis, Consumer.PEFT, "Transformers has no class that classifies"),
                diagnosis.toString());
    }

    /** As loft4j once merged classifiers into files of a base model alone. */
    @ParameterizedTest
    @CsvSource({"bert., AFTER", "'', YES"})
    void aHeadBesideNamesWithoutTheirModuleIsToBeMergedAnew(String lost, Verdict expected) throws IOException {
        Path fixtures = Path.of("src/test/resources/fixtures");
        Path model = Files.createDirectories(directory.resolve("model"));
        Files.copy(fixtures.resolve("tiny_wordpiece/tokenizer.json"), model.resolve("tokenizer.json"));
        Files.copy(fixtures.resolve("bert_cls/config.json"), model.resolve("config.json"));
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(fixtures.resolve("bert_cls"))) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                tensors.put(name.startsWith(lost) ? name.substring(lost.length()) : name, source.read(name));
            }
            SafetensorsWriter.write(model.resolve("model.safetensors"), tensors, Map.of());
        }
        Diagnosis diagnosis = examine();
        for (Consumer consumer : List.of(Consumer.PEFT, Consumer.VLLM)) {
            assertEquals(expected, diagnosis.verdict(consumer), diagnosis.toString());
            assertEquals(
                    expected == Verdict.AFTER,
                    refusals(diagnosis, consumer).stream()
                            .anyMatch(finding -> finding.remedy().startsWith("merge it anew")),
                    diagnosis.toString());
        }
    }
}
