package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.data.Message;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;

/** A model that has learnt conversations is used as it was trained, though nobody says so again. */
class ChatRunEndToEndTest {
    private static final String TURNS = "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}"
            + "{{ eos_token }}{% endif %}{% endfor %}";
    private static final String BASE = "{{ bos_token }}" + TURNS;
    private static final String OWN =
            "{{ bos_token }}{{ 'A tale. ' if tale else '' }}What the user says comes here: " + TURNS;

    @TempDir
    Path folder;

    private Path model;
    private Path rows;
    private Path template;

    @BeforeEach
    void aModelAndRows() throws Exception {
        model = Fixtures.copy("stories260K", folder.resolve("stories"));
        Path config = model.resolve("tokenizer_config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replaceFirst(
                                "\\{", "{\"chat_template\": " + new ObjectMapper().writeValueAsString(BASE) + ","));
        rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"prompt\": \"Once upon a time\", \"completion\": \", there was a dog.\"}\n".repeat(8));
        template = Files.writeString(folder.resolve("own.jinja"), OWN);
    }

    private Path train(String name, Object... options) {
        Path run = folder.resolve(name);
        Captured call = loft(Stream.concat(
                        Stream.of("train", "--model", model, "--data", rows, "--output", run, "--epochs", "1"),
                        Stream.of(options))
                .toArray());
        assertEquals(0, call.status(), call.err());
        return run;
    }

    private static JsonNode json(Object... args) throws Exception {
        Captured call = loft(Stream.concat(Stream.of(args), Stream.of("--json")).toArray());
        assertEquals(0, call.status(), call.err());
        return new ObjectMapper().readTree(call.out());
    }

    /** How many tokens a question takes, which tells how it was written. */
    private static int tokens(Object... options) throws Exception {
        return json(Stream.concat(
                                Stream.of("generate", "--text", "Once upon a time", "--max-new-tokens", "1"),
                                Stream.of(options))
                        .toArray())
                .get("prompt_tokens")
                .asInt();
    }

    @Test
    void theTemplateOfATrainingIsThatOfItsResult() throws Exception {
        Path run = train("run", "--method", "lora", "--chat", "--chat-template", template);
        int own = tokens("--model", model, "--chat", "--chat-template", template);
        assertTrue(own > tokens("--model", model, "--chat"));
        assertEquals(own, tokens("--adapter", run, "--chat"));
        assertEquals(OWN, Files.readString(run.resolve("chat_template.jinja")));
        assertFalse(Files.readString(run.resolve("tokenizer_config.json")).contains("chat_template"));
        assertEquals(own, tokens("--adapter", checkpoint(run), "--chat"));
        try (TextGenerator generator = TextGenerator.open(run)) {
            var answer = generator.reply(List.of(Message.of("user", "Once upon a time")), 1, SamplingConfig.GREEDY);
            assertEquals(own, answer.promptTokens());
        }
        Path merged = folder.resolve("merged");
        Captured merge = loft("merge", "--model", model, "--adapter", run, "--output", merged);
        assertEquals(0, merge.status(), merge.err());
        assertEquals(own, tokens("--model", merged, "--chat"));
        Path full = train("full", "--method", "full", "--chat", "--chat-template", template);
        assertEquals(own, tokens("--model", full, "--chat"));
        assertEquals(own, tokens("--model", checkpoint(full), "--chat"));
    }

    /** The base stops at {@code </s>} alone, and the template ends an answer with {@code <s>}, as ChatML's is no end of a base. */
    @Test
    void theEndOfATurnIsAnEndOfTheModelThatHasLearntIt() throws Exception {
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\": 2, \"top_k\": 7}");
        Files.writeString(template, BASE.replace("eos_token", "bos_token"));
        Path run = train("run", "--method", "lora", "--chat", "--chat-template", template);
        assertFalse(ends(run).has("eos_token_id"), "an adapter's ends are its model's");
        JsonNode merged = ends(merged(run));
        assertEquals("[1,2]", merged.get("eos_token_id").toString());
        assertEquals(7, merged.get("top_k").asInt());
        Path full = train("full", "--method", "full", "--chat", "--chat-template", template);
        assertEquals("[1,2]", ends(full).get("eos_token_id").toString());
        assertEquals("[1,2]", ends(checkpoint(full)).get("eos_token_id").toString());
        Path plain = train("plain", "--method", "lora");
        assertEquals("2", ends(merged(plain)).get("eos_token_id").toString());
        Files.writeString(model.resolve("chat_template.jinja"), BASE.replace("eos_token", "bos_token"));
        assertTrue(loft("doctor", model).out().contains("ends an answer with <s>, which no eos_token_id names"));
        assertFalse(loft("doctor", full).out().contains("which no eos_token_id names"));
    }

    /** The base stops at {@code <s>} alone, and a text that is learnt ends with the tokenizer's {@code </s>}. */
    @Test
    void theEndOfATextIsAnEndOfTheModelThatHasLearntIt() throws Exception {
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\": 1, \"top_k\": 7}");
        JsonNode merged = ends(merged(train("run", "--method", "lora")));
        assertEquals("[2,1]", merged.get("eos_token_id").toString());
        assertEquals(7, merged.get("top_k").asInt());
        Path full = train("full", "--method", "full");
        assertEquals("[2,1]", ends(full).get("eos_token_id").toString());
        assertEquals("[2,1]", ends(checkpoint(full)).get("eos_token_id").toString());
    }

    private Path merged(Path run) {
        Path merged = folder.resolve(run.getFileName() + "-merged");
        Captured merge = loft("merge", "--model", model, "--adapter", run, "--output", merged);
        assertEquals(0, merge.status(), merge.err());
        return merged;
    }

    private static JsonNode ends(Path directory) throws Exception {
        Path file = directory.resolve("generation_config.json");
        return Files.exists(file) ? new ObjectMapper().readTree(file.toFile()) : new ObjectMapper().createObjectNode();
    }

    private static Path checkpoint(Path run) throws Exception {
        try (Stream<Path> entries = Files.list(run)) {
            return entries.filter(entry -> entry.getFileName().toString().startsWith("checkpoint-"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    @Test
    void anotherRunInItsPlaceHasTheModelsTemplateAgain() throws Exception {
        train("run", "--method", "lora", "--chat", "--chat-template", template);
        Path run = train("run", "--method", "lora", "--chat", "--overwrite");
        assertFalse(Files.exists(run.resolve("chat_template.jinja")));
        assertEquals(tokens("--model", model, "--chat"), tokens("--adapter", run, "--chat"));
    }

    @Test
    void aModelIsAskedAndJudgedAsItWasTrained() throws Exception {
        Object[] as = {"--chat", "--chat-template", template, "--chat-template-kwargs", "tale=true"};
        Object[] learnt = Stream.concat(Stream.of("--method", "lora", "--loss-on", "all"), Stream.of(as))
                .toArray();
        Path run = train("run", learnt);
        int asked =
                tokens(Stream.concat(Stream.of("--model", model), Stream.of(as)).toArray());
        assertEquals(asked, tokens("--adapter", run));
        assertEquals(tokens("--model", model), tokens("--adapter", run, "--no-chat"));
        assertEquals(
                tokens("--model", model, "--chat", "--chat-template", template),
                tokens("--adapter", run, "--chat-template-kwargs", "tale=false"));
        try (TextGenerator generator = TextGenerator.open(run)) {
            var answer = generator.reply(List.of(Message.of("user", "Once upon a time")), 1, SamplingConfig.GREEDY);
            assertEquals(asked, answer.promptTokens());
        }
        double loss = loss(run);
        assertEquals(
                loss,
                loss(
                        run,
                        Stream.concat(Stream.of("--loss-on", "all"), Stream.of(as))
                                .toArray()));
        assertNotEquals(loss, loss(run, "--no-chat"));
        assertNotEquals(loss, loss(run, "--loss-on", "last"));
        assertNotEquals(loss, loss(run, "--chat-template-kwargs", "tale=false"));
    }

    private double loss(Path run, Object... options) throws Exception {
        return json(Stream.concat(Stream.of("eval", "--adapter", run, "--data", rows), Stream.of(options))
                        .toArray())
                .get("loss")
                .asDouble();
    }

    /** Every moment another text, as a template that writes the date makes every day. */
    private static final String TIMED = "{{ bos_token }}{{ strftime_now('%S.%f') }} " + TURNS;

    @Test
    void aRunThatGoesOnTakesTheDateOfItsBeginning() throws Exception {
        Files.writeString(template, TIMED);
        Object[] options = {"--method", "lora", "--chat", "--chat-template", template, "--batch-size", "2"};
        Path run = train(
                "run",
                Stream.concat(Stream.of(options), Stream.of("--save-steps", "1"))
                        .toArray());
        String date = date(run.resolve("loft_task.json"));
        Files.delete(run.resolve("trainer_state.json"));
        Path last = run.resolve("checkpoint-4");
        Files.move(last, last.resolveSibling("checkpoint-4.gone"));
        Files.delete(run.resolve("loft_task.json"));
        train(
                "run",
                Stream.concat(Stream.of(options), Stream.of("--save-steps", "1", "--resume"))
                        .toArray());
        assertEquals(date, date(run.resolve("loft_task.json")));
        train("run", Stream.concat(Stream.of(options), Stream.of("--overwrite")).toArray());
        assertNotEquals(date, date(run.resolve("loft_task.json")));
    }

    private Path talks() throws Exception {
        Files.writeString(model.resolve("chat_template.jinja"), TIMED);
        return Files.writeString(
                folder.resolve("talks.jsonl"),
                ("{\"messages\": [{\"role\": \"user\", \"content\": \"Once\"},"
                                + " {\"role\": \"assistant\", \"content\": \"upon a time\"}]}\n")
                        .repeat(4));
    }

    @ParameterizedTest
    @CsvSource({"rank,.", "distance,reference"})
    void anExperimentThatGoesOnTakesTheDateOfItsBeginning(String name, String comparison) throws Exception {
        Path talks = talks();
        Path output = folder.resolve("reproduced");
        Object[] call = {
            "reproduce",
            name,
            "--model",
            model,
            "--data",
            talks,
            "--eval-data",
            talks,
            "--test-data",
            talks,
            "--quick",
            "--max-steps",
            "2",
            "--ranks",
            "2",
            "--learning-rate",
            "1e-3",
            "--output",
            output
        };
        Captured first = loft(call);
        assertEquals(0, first.status(), first.err());
        Path file = output.resolve(comparison).resolve("comparison.json");
        String date = date(file);
        Captured again = loft(call);
        assertEquals(0, again.status(), again.err());
        assertEquals(date, date(file));
    }

    @Test
    void aComparisonThatGoesOnTakesTheDateOfItsBeginning() throws Exception {
        Path talks = talks();
        Path output = folder.resolve("compared");
        Object[] call = comparison(talks, output, "--learning-rates", "1e-3", "--epochs", "1");
        assertEquals(0, loft(call).status());
        String date = date(output.resolve("comparison.json"));
        Captured again = loft(call);
        assertEquals(0, again.status(), again.err());
        assertEquals(date, date(output.resolve("comparison.json")));
    }

    /** The call that compares LoRA at rank 2 on rows that are learnt, judged and tested alike. */
    private Object[] comparison(Path data, Path output, Object... more) {
        Object[] call = {
            "compare", "--model", model, "--data", data, "--eval-data", data, "--test-data", data, "--methods", "lora"
        };
        Object[] end = {"--ranks", "2", "--output", output};
        return Stream.of(call, end, more).flatMap(Stream::of).toArray();
    }

    private static String date(Path file) throws Exception {
        return new ObjectMapper().readTree(file.toFile()).get("chat_date").asText();
    }

    private static Captured loft(Object... args) {
        return Captured.loft(Stream.of(args).map(String::valueOf).toArray(String[]::new));
    }

    @Test
    void aComparisonsOnlyConversationMayBeOneOfItsTest() throws Exception {
        String text = "{\"prompt\": \"Once\", \"completion\": \" there was\"}\n";
        String turns = "{\"prompt\": [{\"role\": \"user\", \"content\": \"Once\"}],"
                + " \"completion\": [{\"role\": \"assistant\", \"content\": \" there was\"}]}\n";
        Path learnt = Files.writeString(folder.resolve("learnt.jsonl"), text.repeat(12));
        Path test = Files.writeString(folder.resolve("test.jsonl"), text + turns);
        Object[] call = comparison(learnt, folder.resolve("compared"), "--max-steps", "1", "--chat-template", template);
        call[List.of(call).indexOf("--test-data") + 1] = test;
        Captured compared = loft(call);
        assertEquals(0, compared.status(), compared.err());
    }

    /** A kept adapter of a comparison says how it was trained, and rows that are written otherwise are other rows. */
    @Test
    void aComparisonWritesConversationsAsItIsTold() throws Exception {
        Path output = folder.resolve("compared");
        Object[] call = comparison(rows, output, "--max-steps", "1", "--keep-weights");
        Object[] as = {"--chat", "--chat-template", template, "--chat-template-kwargs", "tale=true"};
        Captured first = loft(Stream.concat(Stream.of(call), Stream.of(as)).toArray());
        assertEquals(0, first.status(), first.err());
        Path kept;
        try (Stream<Path> files = Files.walk(output)) {
            kept = files.filter(file -> file.endsWith("adapter_config.json"))
                    .findFirst()
                    .orElseThrow()
                    .getParent();
        }
        int asked =
                tokens(Stream.concat(Stream.of("--model", model), Stream.of(as)).toArray());
        assertEquals(asked, tokens("--adapter", kept));
        Captured otherwise = loft(call);
        assertEquals(2, otherwise.status(), otherwise.err());
        assertTrue(otherwise.err().contains("train_data was "), otherwise.err());
        Captured again = loft("compare", "--config", output.resolve("config.yaml"));
        assertEquals(0, again.status(), again.err());
    }
}
