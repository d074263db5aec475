package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.HubEnvironment;

/** {@code loft predict} over many texts, of which not all are there at once. */
class PredictEndToEndTest {
    private static final List<String> WORDS = List.of("the", "cat", "sat", "on", "mat", "a", ".");
    private static final String EMPTY = "the tokenizer finds no tokens in the text";

    @TempDir
    Path folder;

    private String model;

    @BeforeEach
    void aClassifierOfTexts() throws IOException {
        Path directory = Fixtures.copy("tiny_wordpiece", folder.resolve("bert"));
        for (String file : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(Fixtures.of("bert_cls").resolve(file), directory.resolve(file));
        }
        model = directory.toString();
    }

    /** Texts of one to seven words, no two of which are the same. */
    private static List<String> texts(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> {
                    StringBuilder text = new StringBuilder(WORDS.get(i % 7));
                    for (int left = i / 7; left > 0; left /= 7) {
                        text.append(' ').append(WORDS.get(left % 7));
                    }
                    return text.toString();
                })
                .toList();
    }

    @Test
    void whatIsClassifiedInPartsIsClassifiedAsAlone() throws IOException {
        List<String> texts = texts(150);
        Path rows = Files.write(folder.resolve("rows.txt"), texts);
        Captured call = Captured.loft(
                "predict", "--model", model, "--data", rows.toString(), "--eval-batch-size", "3", "--json");
        assertEquals(0, call.status(), call.err());
        JsonNode document = new ObjectMapper().readTree(call.out());
        assertEquals(
                List.of("predictions"),
                document.properties().stream().map(Map.Entry::getKey).toList());
        JsonNode predictions = document.get("predictions");
        assertEquals(150, predictions.size());
        for (int i = 0; i < 150; i += 29) {
            Captured alone = Captured.loft("predict", "--model", model, "--text", texts.get(i), "--json");
            JsonNode expected =
                    new ObjectMapper().readTree(alone.out()).get("predictions").get(0);
            assertEquals(texts.get(i), predictions.get(i).get("text").asText());
            assertEquals(expected.get("label"), predictions.get(i).get("label"));
            assertEquals(
                    expected.get("probability").asDouble(),
                    predictions.get(i).get("probability").asDouble(),
                    1e-6);
        }
        Captured none = Captured.loft("predict", "--model", model, "--data", rows.toString(), "--eval-batch-size", "3");
        assertEquals(
                texts, none.out().lines().map(line -> line.split("\t", -1)[2]).toList());
    }

    @Test
    void rowsThatCannotBeUsedMayBeLeftOut() throws IOException {
        Path rows = Files.writeString(folder.resolve("rows.csv"), "text,label\nthe cat,a\n,b\nsat on,a\n");
        String[] call = {"predict", "--model", model, "--data", rows.toString()};
        Captured whole = Captured.loft(call);
        assertTrue(whole.status() != 0 && whole.out().isEmpty(), whole.out());
        Captured without = Captured.loft(and(call, "--skip-faulty-rows"));
        assertEquals(0, without.status(), without.err());
        assertEquals(
                List.of("the cat", "sat on"),
                without.out().lines().map(line -> line.split("\t", -1)[2]).toList());
        assertTrue(without.err().startsWith("loft: 1 row is left out (--skip-faulty-rows):\n  "), without.err());
        Files.writeString(rows, "text,label\n,a\n");
        Captured none = Captured.loft(and(call, "--skip-faulty-rows"));
        assertEquals(whole.status(), none.status(), none.err());
    }

    /** As eval tells it. */
    @Test
    void whatWasCutIsTold() {
        String[] call = {"predict", "--model", model, "--text", "the cat sat on the mat", "--text", "the cat"};
        assertEquals("", Captured.loft(call).err());
        Captured exact = Captured.loft(and(call, "--max-length", "8"));
        assertEquals("", exact.err(), "six words and two special tokens");
        Captured cut = Captured.loft(and(call, "--max-length", "7"));
        assertEquals(0, cut.status());
        assertEquals("loft: 1 text was cut to 7 tokens (--max-length)\n", cut.err());
        Captured pairs = Captured.loft(and(call, "--max-length", "8", "--text-pair", "a cat", "--text-pair", "mat"));
        assertEquals("loft: 1 text was cut to 8 tokens (--max-length)\n", pairs.err());
    }

    private static String[] and(String[] call, String... more) {
        return Stream.concat(Stream.of(call), Stream.of(more)).toArray(String[]::new);
    }

    @Test
    void aFolderIsNoFileOfTexts() throws IOException {
        Captured call = Captured.loft("predict", "--model", model, "--data", folder.toString());
        assertEquals(2, call.status());
        assertTrue(
                call.err().contains("--data " + folder + " is not a file, and the model classifies texts, not images"),
                call.err());
    }

    /** As {@code head} does, which has enough after some lines. */
    @Test
    void rowsThatNobodyReadsAreNotClassified() throws IOException {
        Path rows = Files.write(folder.resolve("rows.txt"), texts(300));
        AtomicInteger lines = new AtomicInteger();
        Writer reader = new Writer() {
            @Override
            public void write(char[] text, int offset, int length) throws IOException {
                for (int i = offset; i < offset + length; i++) {
                    lines.addAndGet(text[i] == '\n' ? 1 : 0);
                }
                if (lines.get() >= 5) {
                    throw new IOException("the reader has left");
                }
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        AtomicInteger printed = new AtomicInteger();
        PrintWriter out = new PrintWriter(reader) {
            @Override
            public void println(String line) {
                printed.incrementAndGet();
                super.println(line);
            }
        };
        String[] call = {"predict", "--model", model, "--data", rows.toString(), "--eval-batch-size", "2"};
        Loft.run(HubEnvironment::ofUser, out, new PrintWriter(Writer.nullWriter()), call);
        // parts of 2, 4 and 8 rows
        assertEquals(6, printed.get(), "rows that were classified");
    }

    /** As of {@code tail -f}: the next line may be hours away. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aLineOfStandardInputIsClassifiedWhenItComes(boolean json) throws Exception {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        InputStream before = System.in;
        String[] call = json
                ? new String[] {"predict", "--model", model, "--json"}
                : new String[] {"predict", "--model", model};
        try (PipedOutputStream typed = new PipedOutputStream()) {
            System.setIn(new PipedInputStream(typed));
            Thread thread = new Thread(
                    () -> Loft.run(HubEnvironment::ofUser, new PrintWriter(out), new PrintWriter(err), call));
            thread.start();
            for (String text : List.of("the cat", "a mat")) {
                typed.write((text + "\n").getBytes(StandardCharsets.UTF_8));
                typed.flush();
                for (int i = 0; i < 600 && !out.toString().contains(text) && thread.isAlive(); i++) {
                    Thread.sleep(100);
                }
                assertTrue(out.toString().contains(text), out + err.toString());
            }
            typed.close();
            thread.join(60_000);
        } finally {
            System.setIn(before);
        }
        if (json) {
            assertEquals(
                    2,
                    new ObjectMapper()
                            .readTree(out.toString())
                            .get("predictions")
                            .size());
        } else {
            assertEquals(2, out.toString().lines().count());
        }
    }

    @Test
    void aRowThatCannotBeUsedIsToldBeforeTheFirstIsClassified() throws IOException {
        List<String> rows =
                texts(150).stream().map(text -> "{\"text\": \"" + text + "\"}").toList();
        Path file = Files.write(folder.resolve("rows.jsonl"), rows);
        Files.writeString(file, Files.readString(file) + "{\"words\": 1}\n");
        Captured call = Captured.loft("predict", "--model", model, "--data", file.toString(), "--eval-batch-size", "2");
        assertEquals(1, call.status());
        assertEquals("", call.out());
        assertTrue(call.err().contains(file + ", line 151: "), call.err());
    }

    /** Beside others such a text was judged by its padding. */
    @Test
    void aTextWithoutTokensIsToldByItsPlace() throws IOException {
        Path tokenizer = Path.of(model, "tokenizer.json");
        JsonNode plain = new ObjectMapper().readTree(tokenizer.toFile());
        ((ObjectNode) plain).putNull("post_processor");
        Files.writeString(tokenizer, plain.toString());
        Path rows = Files.writeString(folder.resolve("rows.jsonl"), "{\"text\": \"a\"}\n{\"text\": \"\\u0001\"}\n");
        Captured file = Captured.loft("predict", "--model", model, "--data", rows.toString());
        assertEquals("", file.out());
        assertTrue(file.err().contains(rows + ", line 2: " + EMPTY), file.err());
        Captured typed = Captured.loft("predict", "--model", model, "--text", "a", "--text", "");
        assertEquals("", typed.out());
        assertTrue(typed.err().contains("--text, row 2: " + EMPTY), typed.err());
    }

    /** The special tokens around a pair are no text. */
    @Test
    void aPairOfWhichATextHasNoTokensIsToldByItsPlace() throws IOException {
        Path rows = Files.writeString(
                folder.resolve("pairs.jsonl"),
                "{\"text\": \"a\", \"text_pair\": \"cat\"}\n{\"text\": \"the\", \"text_pair\": \"\\u0001\"}\n");
        String told = ", line 2: the tokenizer finds no tokens in one of the texts";
        Captured call = Captured.loft("predict", "--model", model, "--data", rows.toString());
        assertEquals(1, call.status(), call.err());
        assertEquals("", call.out());
        assertTrue(call.err().contains(rows + told), call.err());
        Captured skipping = Captured.loft("predict", "--model", model, "--data", rows.toString(), "--skip-faulty-rows");
        assertEquals(0, skipping.status(), skipping.err());
        assertEquals(1, skipping.out().lines().count());
        assertTrue(skipping.err().contains(told), skipping.err());
    }
}
