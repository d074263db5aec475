package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** An encoder-decoder, from rows to what it writes. */
class WritingEndToEndTest {
    private static final Path T5 = Fixtures.of("t5_gated");

    @TempDir
    Path folder;

    private Path rows;

    @BeforeEach
    void writeRows() throws IOException {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 40; i++) {
            String word = i % 2 == 0 ? "red" : "green";
            String order = i % 2 == 0 ? "stop" : "go";
            lines.append("{\"prompt\": \"light: " + word + "\", \"completion\": \"" + order + "\"}\n");
        }
        rows = Files.writeString(folder.resolve("rows.jsonl"), lines);
    }

    private Captured train(Path model, Path output, String... more) {
        return Captured.loft(Stream.concat(
                        Stream.of(
                                "train",
                                "--model",
                                model.toString(),
                                "--data",
                                rows.toString(),
                                "--output",
                                output.toString(),
                                "--batch-size",
                                "8"),
                        Stream.of(more))
                .toArray(String[]::new));
    }

    private static List<String> written(String... where) throws IOException {
        Captured call = Captured.loft(Stream.concat(
                        Stream.of("generate", "--text", "light: red", "--text", "light: green", "--json"),
                        Stream.of(where))
                .toArray(String[]::new));
        assertEquals(0, call.status(), call.err());
        JsonNode all = new ObjectMapper().readTree(call.out());
        assertEquals("light: red", all.get(0).get("prompt").asText());
        return List.of(
                all.get(0).get("continuation").asText().strip(),
                all.get(1).get("continuation").asText().strip());
    }

    @Test
    void learnsByAnAdapterWritesAndIsMerged() throws Exception {
        Path run = folder.resolve("run");
        Captured call = train(
                T5,
                run,
                "--method",
                "loft",
                "--rank",
                "8",
                "--learning-rate",
                "3e-2",
                "--epochs",
                "10",
                "--eval-data",
                rows.toString(),
                "--sample-prompt",
                "light: red");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains("generate --adapter"), call.out());
        assertEquals(List.of("stop", "go"), written("--adapter", run.toString()));
        List<String> samples = Files.readAllLines(run.resolve("samples.jsonl"));
        assertTrue(samples.get(samples.size() - 1).contains("\"stop\""), samples.toString());
        String settings = Files.readString(run.resolve("adapter_config.json"));
        assertTrue(settings.contains("\"SEQ_2_SEQ_LM\""), settings);
        Captured judged = Captured.loft("eval", "--adapter", run.toString(), "--data", rows.toString(), "--json");
        assertEquals(0, judged.status(), judged.err());
        assertTrue(
                new ObjectMapper().readTree(judged.out()).get("token_accuracy").asDouble() == 1, judged.out());

        Path merged = folder.resolve("merged");
        Captured merge = Captured.loft("merge", "--adapter", run.toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        assertEquals(List.of("stop", "go"), written("--model", merged.toString()));
        assertTrue(Files.readString(merged.resolve("config.json")).contains("T5ForConditionalGeneration"));

        Captured doctor = Captured.loft("doctor", merged.toString());
        assertTrue(doctor.out().contains("vLLM has no class for t5, an encoder-decoder"), doctor.out());
        assertFalse(doctor.out().contains("chat template"), doctor.out());
        Captured ofAdapter = Captured.loft("doctor", run.toString());
        assertTrue(ofAdapter.out().contains("vLLM has no class for t5"), ofAdapter.out());
    }

    @Test
    void learnsInFullFromRowsThatAreReadAsTheyAreLearnt() throws Exception {
        Path run = folder.resolve("run");
        Captured call = train(
                T5,
                run,
                "--method",
                "full",
                "--learning-rate",
                "1e-2",
                "--epochs",
                "8",
                "--streaming",
                "--eval-data",
                rows.toString());
        assertEquals(0, call.status(), call.err());
        assertEquals(List.of("stop", "go"), written("--model", run.toString()));
        Captured inspected = Captured.loft("inspect", "--data", rows.toString(), "--model", T5.toString());
        assertTrue(inspected.out().contains("|r|e|d|</s>|[ ][s][t][o][p][</s>]"), inspected.out());
    }

    /** A translator with new weights, and a tokenizer whose letters are codes of languages too. */
    private Path translator() throws IOException {
        Path base = Files.createDirectories(folder.resolve("base"));
        StringBuilder added = new StringBuilder("\"added_tokens\": [");
        for (int id = 34; id < 38; id++) {
            added.append(
                    ("{\"id\": %d, \"content\": \"%c\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false,"
                                    + " \"normalized\": false, \"special\": false}, ")
                            .formatted(id, 'E' + id - 34));
        }
        Files.writeString(
                base.resolve("tokenizer.json"),
                Files.readString(T5.resolve("tokenizer.json")).replace("\"added_tokens\": [", added));
        Files.writeString(
                base.resolve("tokenizer_config.json"),
                "{\"tokenizer_class\": \"NllbTokenizer\", \"eos_token\": \"</s>\", \"pad_token\": \"<pad>\", \"src_lang\": \"E\"}");
        Files.writeString(base.resolve("config.json"), """
                {"architectures": ["M2M100ForConditionalGeneration"], "model_type": "m2m_100", "is_encoder_decoder": true,
                 "vocab_size": 73, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
                 "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 64,
                 "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 1}
                """);
        try (Model model = Models.initialise(base, ModelOptions.of(Task.SEQ2SEQ_LM))) {
            SafetensorsWriter.write(
                    base.resolve("model.safetensors"), model.weights().asMap(), Map.of());
        }
        return base;
    }

    @Test
    void translatesBetweenTheLanguagesThatTheTrainingLeavesWordOf() throws Exception {
        Path base = translator();
        Path run = folder.resolve("run");
        Captured unnamed = train(base, run);
        assertTrue(
                unnamed.err().contains("the language that is written must be named (--target-language"), unnamed.err());
        Captured call = train(base, run, "--target-language", "G", "--source-language", "F", "--epochs", "1");
        assertEquals(0, call.status(), call.err());
        JsonNode left =
                new ObjectMapper().readTree(run.resolve("tokenizer_config.json").toFile());
        assertEquals("F", left.get("src_lang").asText());
        assertEquals("G", left.get("tgt_lang").asText());
        assertEquals("NllbTokenizer", left.get("tokenizer_class").asText());
        for (String text : written("--adapter", run.toString(), "--max-new-tokens", "4")) {
            assertTrue(text.startsWith("G"), text);
        }
        for (String text : written("--model", base.toString(), "--target-language", "H", "--max-new-tokens", "4")) {
            assertTrue(text.startsWith("H"), text);
        }
        Captured judged = Captured.loft("eval", "--adapter", run.toString(), "--data", rows.toString(), "--json");
        assertEquals(0, judged.status(), judged.err());
        Captured inspected = Captured.loft(
                "inspect", "--data", rows.toString(), "--model", base.toString(), "--target-language", "G");
        assertTrue(inspected.out().contains("|r|e|d|</s>|[G]"), inspected.out());
        Captured base0 = Captured.loft("generate", "--model", base.toString(), "--text", "a");
        assertTrue(base0.err().contains("--target-language"), base0.err());
        Files.writeString(base.resolve("generation_config.json"), "{\"forced_bos_token_id\": 37}");
        Path whole = folder.resolve("whole");
        Captured full = train(base, whole, "--target-language", "G", "--method", "full", "--epochs", "1");
        assertEquals(0, full.status(), full.err());
        Path merged = folder.resolve("merged");
        Captured merge = Captured.loft("merge", "--adapter", run.toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        for (Path result : List.of(whole, merged)) {
            JsonNode first = new ObjectMapper()
                    .readTree(result.resolve("generation_config.json").toFile());
            assertEquals(36, first.get("forced_bos_token_id").asInt());
        }
        Captured without = train(T5, folder.resolve("other"), "--target-language", "G");
        assertTrue(without.err().contains("has no codes of languages"), without.err());
    }

    @Test
    void whereItsFilesCutATextIsTold() throws IOException {
        Path model = folder.resolve("model");
        Fixtures.copy("t5_gated", model);
        Files.writeString(model.resolve("generation_config.json"), "{\"max_new_tokens\": 2, \"min_new_tokens\": 2}");
        Captured call = Captured.loft(
                "generate", "--model", model.toString(), "--text", "light: red", "--text", "light: green");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("2 texts were cut at 2 tokens, by the model's files"), call.err());
        Captured asked =
                Captured.loft("generate", "--model", model.toString(), "--text", "light: red", "--max-new-tokens", "2");
        assertFalse(asked.err().contains("cut"), asked.err());
    }

    @Test
    void itsMemoryAndTimeAreToldBeforehand() {
        Captured call = train(T5, folder.resolve("run"), "--dry-run", "--rank", "4", "--load-in", "4bit");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains("steps    5 in"), call.out());
        assertTrue(call.out().contains("memory   about"), call.out());
        Captured little = train(T5, folder.resolve("run"), "--max-memory", "1MB");
        assertEquals(2, little.status());
        assertTrue(little.err().contains("max_memory is 1.0 MB"), little.err());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--packing | --packing blocks and an encoder-decoder (seq2seq-lm) exclude each other",
                "--chat | --chat is for causal-lm, and the model is for seq2seq-lm: leave it out",
                "--reward regex:a | --reward is for causal-lm, and the model is for seq2seq-lm: leave it out",
                "--task causal-lm | task causal-lm is not available for model_type t5",
                "--preference-loss simpo | the task is seq2seq-lm: leave it out",
                "--format text --text-column prompt | holds a text to read and none to write: it learns rows of",
                "--format label --text-column prompt --label-column completion | holds a text with its label"
            })
    void whatItCannotLearnIsRefused(String options, String refusal) {
        Captured call = train(T5, folder.resolve("run"), options.split(" "));
        assertTrue(call.status() != 0);
        assertTrue(call.err().contains(refusal), call.err());
        assertFalse(Files.exists(folder.resolve("run")));
    }

    @Test
    void otherVerbsSayWhatToCall() throws IOException {
        Captured chat = Captured.loft("chat", "--model", T5.toString());
        assertTrue(chat.err().contains("has no turns: 'loft generate' has it write texts of others"), chat.err());
        Captured turns = Captured.loft("generate", "--model", T5.toString(), "--text", "a", "--chat");
        assertTrue(turns.err().contains("an encoder-decoder (seq2seq-lm) has no turns"), turns.err());
        Path messages = folder.resolve("messages.jsonl");
        Files.writeString(messages, "{\"messages\": [{\"role\": \"user\", \"content\": \"red\"}]}\n");
        Captured conversation = Captured.loft("generate", "--model", T5.toString(), "--data", messages.toString());
        assertTrue(
                conversation.err().contains("holds messages, and an encoder-decoder (seq2seq-lm) has no turns"),
                conversation.err());
        Path jinja = Files.writeString(folder.resolve("t.jinja"), "{{ messages[0].content }}");
        Captured template =
                Captured.loft("generate", "--model", T5.toString(), "--text", "a", "--chat-template", jinja.toString());
        assertTrue(template.err().contains("--chat-template is for turns of a conversation"), template.err());
        Captured system = Captured.loft("generate", "--model", T5.toString(), "--text", "a", "--system", "b", "--chat");
        assertTrue(
                system.err()
                        .contains(
                                "--chat, --system are for turns of a conversation, and an encoder-decoder (seq2seq-lm)"
                                        + " has no turns: leave them out"),
                system.err());
        Captured predict = Captured.loft("predict", "--model", T5.toString(), "--text", "a");
        assertTrue(predict.err().contains("'loft generate' asks it"), predict.err());
        Captured embed = Captured.loft("embed", "--model", T5.toString(), "--text", "a");
        assertTrue(embed.err().contains("task sentence-embedding is not available for model_type t5"), embed.err());
        Captured export = Captured.loft(
                "export",
                "--to",
                "gguf",
                "--model",
                T5.toString(),
                "--output",
                folder.resolve("x.gguf").toString());
        assertTrue(export.err().contains("to be exported to GGUF, got t5"), export.err());
    }
}
