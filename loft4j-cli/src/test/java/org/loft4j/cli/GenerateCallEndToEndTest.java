package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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

    /** As {@code head} does, which has enough after some lines. */
    @Test
    void rowsThatNobodyReadsAreNotContinued() throws Exception {
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
        List<Integer> batches = new ArrayList<>();
        PrintWriter out = new PrintWriter(reader) {
            @Override
            public void println(String line) {
                batches.add(lines.get());
                super.println(line);
            }
        };
        String[] call = {
            "generate", "--model", MODEL, "--data", rows.toString(), "--max-new-tokens", "2", "--eval-batch-size", "4"
        };
        Loft.run(HubEnvironment::ofUser, out, err, call);
        assertEquals(8, batches.size(), "rows that were continued");
    }

    private static Captured loft(String[] call, String... more) {
        return Captured.loft(Stream.concat(Stream.of(call), Stream.of(more)).toArray(String[]::new));
    }
}
