package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.HubEnvironment;

/** What {@code loft generate} makes of its call and of whoever reads it. */
class GenerateCallEndToEndTest {
    private static final String MODEL = Fixtures.of("stories260K").toString();

    @TempDir
    Path folder;

    /** Of a file they may be meant for other calls. */
    @Test
    void whatIsForTurnsIsRefusedWhereThereAreNone() throws Exception {
        String[] call = {"generate", "--model", MODEL, "--text", "Once", "--max-new-tokens", "2"};
        Captured refused = loft(call, "--system", "Tell a story.");
        assertEquals(2, refused.status(), refused.out());
        assertTrue(refused.err().contains("--system is for turns of a conversation"), refused.err());
        Path file = Files.writeString(folder.resolve("run.yaml"), "system: Tell a story.\n");
        Captured quiet = loft(call, "--config", file.toString());
        assertEquals(0, quiet.status(), quiet.err());
    }

    /** What cannot be read, and what is too long for the model. */
    @Test
    void rowsThatCannotBeContinuedMayBeLeftOut() throws Exception {
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"text\": \"Once\"}\n{\"text\": 3}\n{\"text\": \"" + "Once upon a time ".repeat(400)
                        + "\"}\n{\"text\": \"The cat\"}\n");
        String[] call = {"generate", "--model", MODEL, "--data", rows.toString(), "--max-new-tokens", "2", "--json"};
        Captured refused = loft(call);
        assertEquals(1, refused.status(), refused.out());
        assertTrue(refused.out().isEmpty(), refused.out());
        Captured without = loft(call, "--skip-faulty-rows");
        assertEquals(0, without.status(), without.err());
        JsonNode answers = new ObjectMapper().readTree(without.out());
        assertEquals(2, answers.size());
        assertEquals("The cat", answers.get(1).get("prompt").asText());
        assertTrue(without.err().contains("loft: 2 rows are left out (--skip-faulty-rows):\n  "), without.err());
        assertTrue(without.err().contains("line 3: "), without.err());
        Files.writeString(rows, "{\"text\": \"a\", \"text_pair\": \"b\"}\n");
        Captured none = loft(call, "--skip-faulty-rows");
        assertEquals(1, none.status(), none.err());
        assertTrue(none.err().contains("line 1: is a pair of texts"), none.err());
    }

    /** And of the roles that the template leaves out, those of rows that are asked are told alone. */
    @Test
    void conversationsThatTheTemplateRefusesMayBeLeftOut() throws Exception {
        Path template = Files.writeString(
                folder.resolve("template.jinja"),
                "{% for m in messages %}{% if m.content == 'bad' %}{{ raise_exception('no bad ones') }}{% endif %}"
                        + "{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}");
        String turn = "{\"role\": \"user\", \"content\": \"%s\"}";
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"messages\": [" + turn.formatted("Once") + "]}\n{\"messages\": [{\"role\": \"system\","
                        + " \"content\": \"a\"}, " + turn.formatted("bad") + "]}\n");
        String[] call = {
            "generate",
            "--model",
            MODEL,
            "--data",
            rows.toString(),
            "--chat-template",
            template.toString(),
            "--max-new-tokens",
            "2",
            "--json"
        };
        Captured refused = loft(call);
        assertEquals(1, refused.status(), refused.out());
        assertTrue(refused.err().contains("line 2: ") && refused.err().contains("no bad ones"), refused.err());
        Captured without = loft(call, "--skip-faulty-rows");
        assertEquals(0, without.status(), without.err());
        assertEquals(1, new ObjectMapper().readTree(without.out()).size());
        assertTrue(without.err().contains("loft: 1 row is left out (--skip-faulty-rows):\n  "), without.err());
        assertFalse(without.err().contains("system"), without.err());
    }

    /** The seconds of each were those of all in its batch. */
    @Test
    void theSecondsOfTheTextsOfABatchAreItsOwn() throws Exception {
        Path rows = Files.writeString(folder.resolve("rows.txt"), "Once upon a time\n".repeat(16));
        long start = System.nanoTime();
        Captured call = Captured.loft(
                "generate",
                "--model",
                MODEL,
                "--data",
                rows.toString(),
                "--max-new-tokens",
                "200",
                "--eval-batch-size",
                "16",
                "--json");
        double wall = (System.nanoTime() - start) / 1e9;
        double told = 0;
        for (JsonNode answer : new ObjectMapper().readTree(call.out())) {
            told += answer.get("seconds").asDouble();
        }
        assertTrue(told > 0 && told <= wall, told + " of " + wall + " s");
    }

    /** As {@code head} does, which has enough after some lines. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void rowsThatNobodyReadsAreNotContinued(boolean json) throws Exception {
        Path rows = Files.writeString(folder.resolve("rows.txt"), "Once upon a time\n".repeat(40));
        AtomicInteger lines = new AtomicInteger();
        Writer reader = new Writer() {
            @Override
            public void write(char[] text, int offset, int length) throws IOException {
                for (int i = offset; i < offset + length; i++) {
                    lines.addAndGet(text[i] == '\n' ? 1 : 0);
                }
                if (lines.get() > 5) {
                    throw new IOException("the reader has left");
                }
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        PrintWriter err = new PrintWriter(Writer.nullWriter());
        AtomicInteger continued = new AtomicInteger();
        PrintWriter out = new PrintWriter(reader) {
            @Override
            public void write(String text, int offset, int length) {
                continued.addAndGet(text.contains("Once upon a time") ? 1 : 0);
                super.write(text, offset, length);
            }
        };
        List<String> call = new ArrayList<>(List.of("generate", "--model", MODEL, "--data", rows.toString()));
        call.addAll(List.of("--max-new-tokens", "2", "--eval-batch-size", "4"));
        if (json) {
            call.add("--json");
        }
        Loft.run(HubEnvironment::ofUser, out, err, call.toArray(String[]::new));
        assertEquals(8, continued.get(), "rows that were continued");
    }

    /** An encoder-decoder writes with the beams of its file. */
    @Test
    void beamsAreThoseOfTheFileUnlessTheCallHasOthers() throws Exception {
        Path model = Files.createDirectory(folder.resolve("model"));
        for (String file : List.of("config.json", "model.safetensors", "tokenizer.json")) {
            Files.copy(Fixtures.of("t5_gated").resolve(file), model.resolve(file));
        }
        String[] call = {"generate", "--model", model.toString(), "--text", "abc", "--max-new-tokens", "9", "--json"};
        String plain = continuation(loft(call));
        String asked = continuation(loft(
                call,
                "--num-beams",
                "3",
                "--length-penalty",
                "0.5",
                "--early-stopping",
                "true",
                "--min-new-tokens",
                "3"));
        Files.writeString(
                model.resolve("generation_config.json"),
                "{\"num_beams\": 3, \"length_penalty\": 0.5, \"early_stopping\": true, \"min_length\": 4}");
        assertNotEquals(plain, asked);
        assertEquals(asked, continuation(loft(call)));
        assertEquals(plain, continuation(loft(call, "--num-beams", "1", "--min-new-tokens", "0")));
        String[] shorter = call.clone();
        shorter[6] = "2";
        Captured cut = loft(shorter);
        assertEquals(0, cut.status(), cut.err());
        String told = model + " asks for at least 3 new tokens, and --max-new-tokens is 2: each text is cut there,"
                + " before the model may end it; give a greater --max-new-tokens, or --min-new-tokens 1 or less";
        assertTrue(cut.err().contains(told), cut.err());
        shorter[6] = "3";
        assertFalse(loft(shorter).err().contains("--min-new-tokens"));
        // a file's own length goes where the call says none
        Files.writeString(model.resolve("generation_config.json"), "{\"max_length\": 4}");
        String[] unsaid = Arrays.copyOf(call, 5);
        Captured written = loft(unsaid, "--json");
        assertEquals(
                4, new ObjectMapper().readTree(written.out()).get("new_tokens").asInt(), written.out());
        Captured least = loft(unsaid, "--min-new-tokens", "8");
        assertEquals(2, least.status());
        assertTrue(least.err().contains("max_new_tokens, 4 without --max-new-tokens"), least.err());
        Files.writeString(model.resolve("generation_config.json"), "{\"num_beams\": 3}");
        // what need not be loaded for is not loaded for
        Files.writeString(model.resolve("model.safetensors"), "");
        Captured drawn = loft(call, "--temperature", "0.7");
        assertEquals(2, drawn.status());
        assertTrue(
                drawn.err().contains("num_beams = 3 looks for the likeliest text, and temperature = 0.7"), drawn.err());
        Captured idle = loft(call, "--num-beams", "1", "--length-penalty", "2");
        assertTrue(idle.err().contains("--length-penalty is of beams, and there is one"), idle.err());
        Files.writeString(model.resolve("generation_config.json"), "{\"num_beams\": 1025}");
        Captured broken = loft(call);
        assertTrue(broken.err().contains("num_beams must be from 1 to 1024, got 1025"), broken.err());
    }

    @Test
    void whatIsOfBeamsIsRefusedWhereThereAreNone() {
        String[] call = {"generate", "--model", MODEL, "--text", "Once", "--max-new-tokens", "2"};
        Captured idle = loft(call, "--length-penalty", "2", "--early-stopping", "never");
        assertEquals(2, idle.status(), idle.out());
        assertTrue(
                idle.err().contains("--length-penalty, --early-stopping are of beams, and there is one"), idle.err());
        Captured wrong = loft(call, "--num-beams", "4", "--top-k", "5", "--min-new-tokens", "3");
        assertEquals(2, wrong.status(), wrong.out());
        assertTrue(wrong.err().contains("num_beams = 4 looks for the likeliest text"), wrong.err());
        assertTrue(wrong.err().contains("min_new_tokens must be at most max_new_tokens, 2, got 3"), wrong.err());
        Captured many = loft(call, "--num-beams", "1100000000");
        assertEquals(2, many.status(), many.out());
        assertTrue(many.err().contains("num_beams must be from 1 to 1024, got 1100000000"), many.err());
        Captured beyond = loft(call, "--num-beams", "600");
        assertTrue(beyond.err().contains("num_beams must be at most the model's vocabulary size"), beyond.err());
        assertEquals("", beyond.out());
        Captured word = loft(call, "--early-stopping", "soon");
        assertTrue(word.err().contains("early_stopping must be true, false or never, got 'soon'"), word.err());
    }

    private static String continuation(Captured call) throws IOException {
        assertEquals(0, call.status(), call.err());
        return new ObjectMapper().readTree(call.out()).get("continuation").asText();
    }

    private static Captured loft(String[] call, String... more) {
        return Captured.loft(Stream.concat(Stream.of(call), Stream.of(more)).toArray(String[]::new));
    }
}
