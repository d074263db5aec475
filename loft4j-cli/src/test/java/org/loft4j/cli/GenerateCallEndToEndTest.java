package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

    private static Captured loft(String[] call, String... more) {
        return Captured.loft(Stream.concat(Stream.of(call), Stream.of(more)).toArray(String[]::new));
    }
}
