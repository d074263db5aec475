package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.StoryCalls.ONCE;
import static org.loft4j.cli.StoryCalls.loft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** {@code loft generate}, on a small trained language model; {@link ChatTurnsEndToEndTest} has {@code loft chat}. */
class GenerateEndToEndTest {
    @TempDir
    Path folder;

    private StoryCalls calls;
    private Path model;

    @BeforeEach
    void aModelThatTellsStories() throws Exception {
        calls = StoryCalls.in(folder);
        model = calls.model();
    }

    @Test
    void continuesATextUpToAStopString() {
        Captured call = loft("generate", "--model", model, "--text", "Once upon a time", "--stop", " One day");
        assertEquals(0, call.status(), call.err());
        assertEquals("Once upon a time" + ONCE + "\n", call.out());
    }

    @Test
    void anEndBehindTextsIsNotPutBehindAPrompt() throws Exception {
        Path config = model.resolve("tokenizer_config.json");
        Files.writeString(
                config, Files.readString(config).replace("\"add_eos_token\": false", "\"add_eos_token\": true"));
        Captured call = loft("generate", "--model", model, "--text", "Once upon a time", "--stop", " One day");
        assertEquals("Once upon a time" + ONCE + "\n", call.out(), call.err());
    }

    @Test
    void aModelThatWritesNoTextIsRefusedAsSuch() {
        for (String verb : new String[] {"generate", "chat"}) {
            Captured call = verb.equals("chat")
                    ? loft(verb, "--model", Fixtures.of("bert_cls"))
                    : loft(verb, "--model", Fixtures.of("bert_cls"), "--text", "a");
            assertTrue(
                    call.err().contains("is for sequence-classification, and writes no text"),
                    verb + ": " + call.err());
            assertTrue(call.status() != 0, verb);
        }
    }

    @Test
    void severalTextsAreOneBatchAndGiveTheirTextsInOrder() throws Exception {
        Captured call = loft(
                "generate",
                "--model",
                model,
                "--text",
                "Once upon a time",
                "--text",
                "One day, Timmy",
                "--json",
                "--max-new-tokens",
                "20");
        assertEquals(0, call.status(), call.err());
        JsonNode answers = new ObjectMapper().readTree(call.out());
        assertEquals(2, answers.size());
        assertTrue(ONCE.startsWith(answers.get(0).get("continuation").asText()), call.out());
        assertEquals("One day, Timmy", answers.get(1).get("prompt").asText());
        assertEquals(20, answers.get(1).get("new_tokens").asInt());
        assertEquals("max_new_tokens", answers.get(1).get("stop").asText());
        JsonNode alone = new ObjectMapper()
                .readTree(loft(
                                "generate",
                                "--model",
                                model,
                                "--text",
                                "One day, Timmy",
                                "--json",
                                "--max-new-tokens",
                                "20")
                        .out());
        assertEquals(alone.get("continuation"), answers.get(1).get("continuation"));
    }

    /** What reads the answers of a file need not know how many rows it had. */
    @Test
    void aFileOfOneRowGivesAnArrayToo() throws Exception {
        Path rows = Files.writeString(folder.resolve("one.txt"), "One day, Timmy\n");
        Captured call =
                loft("generate", "--model", model, "--data", rows.toString(), "--json", "--max-new-tokens", "2");
        assertEquals(0, call.status(), call.err());
        JsonNode answers = new ObjectMapper().readTree(call.out());
        assertTrue(answers.isArray(), call.out());
        assertEquals("One day, Timmy", answers.get(0).get("prompt").asText());
    }

    /** The answers to the prompts before it would be lost. */
    @Test
    void aPromptThatCannotBeContinuedIsToldBeforeTheFirstToken() throws Exception {
        Path rows = Files.writeString(
                folder.resolve("long.jsonl"),
                "{\"text\": \"One day, Timmy\"}\n{\"text\": \"" + "Once upon a time ".repeat(200) + "\"}\n");
        Captured call = loft("generate", "--model", model, "--data", rows.toString(), "--eval-batch-size", "1");
        assertTrue(call.status() != 0);
        assertEquals("", call.out());
        assertTrue(
                call.err().contains(rows + ", line 2: a prompt must have fewer tokens than max_position_embeddings"),
                call.err());
    }

    @Test
    void drawsRepeatWithTheirSeed() {
        String first = drawn(1);
        assertEquals(first, drawn(1));
        assertTrue(!first.equals(drawn(2)), first);
    }

    /** The same prompt again and again, with an adapter that changes nothing beside it. */
    @Test
    void drawsFollowTheNumberOfTheTextWhateverTheBatch() throws Exception {
        Path adapter = folder.resolve("adapter");
        try (Model base = Models.open(model, ModelOptions.of(Task.CAUSAL_LM));
                LoraAdapter fresh = LoraAdapter.create(base, LoraConfig.of(2, 4, TargetModules.names("q_proj")), 1)) {
            PeftFiles.save(adapter, fresh, base, new PeftMetadata("stories"));
        }
        JsonNode all = continued(8, adapter);
        Set<String> texts = new HashSet<>();
        all.forEach(answer -> texts.add(answer.get("continuation").asText()));
        assertEquals(5, texts.size(), all.toString());
        for (int batch : new int[] {1, 3, 8}) {
            JsonNode some = continued(batch, adapter);
            for (int i = 0; i < 5; i++) {
                assertEquals(all.get(i).get("continuation"), some.get(i).get("continuation"), "batches of " + batch);
                assertEquals(
                        some.get(i).get("base_continuation"), some.get(i).get("continuation"), "batches of " + batch);
            }
        }
    }

    private JsonNode continued(int batch, Path adapter) throws Exception {
        List<Object> call = new ArrayList<>(List.of("generate", "--model", model, "--adapter", adapter));
        for (int i = 0; i < 5; i++) {
            call.addAll(List.of("--text", "Once upon a time"));
        }
        call.addAll(List.of("--temperature", 1, "--max-new-tokens", 20, "--compare-base", "--json"));
        call.addAll(List.of("--eval-batch-size", batch));
        Captured made = loft(call.toArray());
        assertEquals(0, made.status(), made.err());
        return new ObjectMapper().readTree(made.out());
    }

    private String drawn(int seed) {
        Captured call = loft(
                "generate",
                "--model",
                model,
                "--text",
                "Once upon a time",
                "--temperature",
                "1",
                "--top-p",
                "0.9",
                "--seed",
                seed,
                "--max-new-tokens",
                "40");
        assertEquals(0, call.status(), call.err());
        return call.out();
    }

    @Test
    void aTurnGoesThroughTheTemplateAndIsNotEchoed() {
        Captured call =
                loft("generate", "--model", model, "--chat", "--text", "Once upon a time", "--stop", " One day");
        assertEquals(0, call.status(), call.err());
        assertEquals(ONCE + "\n", call.out());
    }

    @Test
    void rowsOfMessagesAreAnswered() throws Exception {
        Path chats = folder.resolve("chats.jsonl");
        Files.writeString(
                chats,
                "{\"messages\": [{\"role\": \"user\", \"content\": \"Once upon a time\"},"
                        + " {\"role\": \"assistant\", \"content\": \"no\"}]}\n");
        Captured call = loft("generate", "--model", model, "--data", chats, "--stop", " One day");
        assertEquals(0, call.status(), call.err());
        assertEquals(ONCE + "\n", call.out());
    }

    @Test
    void promptsNeedNoCompletion() throws Exception {
        Path prompts = Files.writeString(folder.resolve("prompts.jsonl"), "{\"prompt\": \"Once upon a time\"}\n");
        Captured call = loft("generate", "--model", model, "--data", prompts, "--stop", " One day");
        assertEquals(0, call.status(), call.err());
        assertEquals("Once upon a time" + ONCE + "\n", call.out());
    }

    @Test
    void columnsAndFormatsAreThoseOfTraining() throws Exception {
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"prompt\": \"Once upon a time\", \"text\": \"One day\", \"q\": \"The\"}\n");
        Captured either = loft("generate", "--model", model, "--data", rows);
        assertTrue(either.err().contains("has both \"text\" and \"prompt\""), either.err());
        assertEquals("Once upon a time", asked("--format", "prompt"));
        assertEquals("One day", asked("--text-column", "text"));
        assertEquals("The", asked("--prompt-column", "q"));
        assertEquals("The", asked("--prompt-column", "q", "--completion-column", "none"));
        Captured wrong = loft("generate", "--model", model, "--data", rows, "--format", "alpaca", "--text-column", "q");
        assertEquals(2, wrong.status());
        assertTrue(wrong.err().contains("format alpaca has no column of that name"), wrong.err());
    }

    private String asked(String... columns) throws Exception {
        List<Object> call = new ArrayList<>(List.of("generate", "--model", model, "--json", "--max-new-tokens", 1));
        call.addAll(List.of("--data", folder.resolve("rows.jsonl")));
        call.addAll(List.of(columns));
        Captured made = loft(call.toArray());
        assertEquals(0, made.status(), made.err());
        return new ObjectMapper().readTree(made.out()).get(0).get("prompt").asText();
    }

    @Test
    void whatCannotBeIsRefusedAtOnce() {
        Captured call =
                loft("generate", "--model", model, "--temperature", "-1", "--max-new-tokens", "0", "--compare-base");
        assertEquals(2, call.status());
        assertTrue(call.err().contains("temperature must"), call.err());
        assertTrue(call.err().contains("max_new_tokens must be at least 1"), call.err());
        assertTrue(call.err().contains("either --text TEXT or --data FILE"), call.err());
        assertTrue(call.err().contains("--compare-base"), call.err());
    }

    @Test
    void theBaseAndTheAdaptedAnswerStandSideBySide() throws Exception {
        Path rows = folder.resolve("rows.jsonl");
        Files.writeString(rows, "{\"text\": \"Once upon a time the the the the the the\"}\n".repeat(8));
        Path run = folder.resolve("run");
        Captured trained = loft(
                "train",
                "--model",
                model,
                "--data",
                rows,
                "--output",
                run,
                "--method",
                "lora",
                "--rank",
                "4",
                "--learning-rate",
                "0.02",
                "--epochs",
                "4",
                "--batch-size",
                "4");
        assertEquals(0, trained.status(), trained.err());
        Captured call = loft(
                "generate",
                "--adapter",
                run,
                "--text",
                "Once upon a time",
                "--compare-base",
                "--json",
                "--max-new-tokens",
                "12");
        assertEquals(0, call.status(), call.err());
        JsonNode both = new ObjectMapper().readTree(call.out());
        assertTrue(ONCE.startsWith(both.get("base_continuation").asText()), call.out());
        assertTrue(both.get("continuation").asText().contains("the the the"), call.out());
        String text = loft("generate", "--adapter", run, "--text", "Once upon a time", "--compare-base")
                .out();
        assertTrue(text.lines().anyMatch(line -> line.matches("base +│ adapted")), text);
        Captured talk = calls.typed(
                "the big dog ".repeat(40).concat("\n").repeat(4),
                "--adapter",
                run,
                "--compare-base",
                "--temperature",
                "0");
        assertEquals(0, talk.status(), talk.err());
        assertTrue(talk.err().contains("left out"), talk.err());
        assertEquals(
                4,
                talk.out()
                        .lines()
                        .filter(line -> line.matches("(> )?base +│ adapted"))
                        .count(),
                talk.out());
    }
}
