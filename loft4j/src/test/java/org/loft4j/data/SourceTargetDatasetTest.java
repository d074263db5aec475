package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

class SourceTargetDatasetTest {
    private static final Path MODEL = Path.of("src/test/resources/fixtures/t5_gated");

    @TempDir
    Path folder;

    private static SourceTargetDataset encode(int maxLength, Row... rows) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(MODEL)) {
            return SourceTargetDataset.of(List.of(rows), tokenizer, maxLength);
        }
    }

    /** As Transformers' tokenizers make inputs and labels: each with the end token behind it. */
    @Test
    void promptAndCompletionHaveEachTheirEnd() throws IOException {
        SourceTargetDataset rows = encode(16, new PromptCompletion("ab c", "b"), new PromptCompletion("d", "ef"));
        try (Tokenizer tokenizer = Tokenizer.open(MODEL)) {
            SourceTargetBatch batch = rows.batch(new int[] {0, 1}, 0);
            long[] source = tokenizer.encode("ab c", true);
            assertEquals(1, source[source.length - 1]);
            assertArrayEquals(source, Arrays.copyOf(batch.source().inputIds(), source.length));
            long[] target = tokenizer.encode("ef", true);
            assertArrayEquals(
                    target,
                    Arrays.copyOfRange(
                            batch.labels(),
                            batch.target().columns(),
                            2 * batch.target().columns()));
            assertEquals(1, target[target.length - 1]);
            assertEquals(2, rows.size());
            assertEquals(source.length + tokenizer.encode("b", true).length, rows.lengths()[0]);
        }
    }

    @Test
    void whatIsTooLongLosesItsEndAndKeepsTheEndToken() throws IOException {
        SourceTargetDataset rows = encode(4, new PromptCompletion("abcdef", "b"), new PromptCompletion("a", "bcdefg"));
        SourceTargetBatch batch = rows.batch(new int[] {0}, 0);
        assertEquals(4, batch.source().columns());
        assertEquals(1, batch.source().inputIds()[3]);
        assertEquals(4, rows.batch(new int[] {1}, 0).target().columns());
        assertEquals(new Truncations(2, 1, 8), rows.texts().truncations());
        assertTrue(!rows.fingerprint()
                .equals(encode(5, new PromptCompletion("abcdef", "b")).fingerprint()));
    }

    /** An instruction becomes a prompt as it does for a language model. */
    @Test
    void rowsOfInstructionsAreRead() throws IOException {
        Path file = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"instruction\": \"double\", \"input\": \"ab\", \"output\": \"aabb\"}\n");
        SourceTargetDataset rows = encode(512, DataFiles.read(file).toArray(Row[]::new));
        assertEquals(1, rows.size());
        assertEquals(6, rows.longestTarget(new int[] {0}));
    }

    @Test
    void rowsThatSayNotWhatToWriteAreRefused() throws IOException {
        refuses("holds a text to read and none to write", new PlainText("a", Origin.MEMORY));
        refuses("holds a text with its label", new LabeledText("a", "b", Origin.MEMORY));
        refuses("holds messages", new Conversation(List.of(Message.of("user", "a"), Message.of("assistant", "b"))));
        refuses("holds texts that belong together", new TextMatch("a", "b"));
        refuses("finds no tokens in the completion", new PromptCompletion("a", ""));
        refuses("finds no tokens in the prompt", new PromptCompletion("", "a"));
    }

    private static void refuses(String fault, Row row) {
        String refusal =
                assertThrows(DataException.class, () -> encode(16, row)).getMessage();
        assertTrue(refusal.contains(fault), refusal);
    }
}
