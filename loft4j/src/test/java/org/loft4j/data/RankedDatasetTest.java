package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.DataException;

class RankedDatasetTest {
    private static final Path TOKENIZER = Path.of("src/test/resources/fixtures/tiny_wordpiece");

    private static RankedDataset of(int maxLength, Row... rows) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(TOKENIZER)) {
            return RankedDataset.of(List.of(rows), tokenizer, maxLength);
        }
    }

    private static String fault(int maxLength, Row row) {
        return String.valueOf(
                assertThrows(DataException.class, () -> of(maxLength, row)).getMessage());
    }

    private static Conversation answered(String prompt, String answer) {
        return new Conversation(
                List.of(Message.of("user", prompt), Message.of("assistant", answer)), 1, Map.of(), Origin.MEMORY);
    }

    @Test
    void aGroupIsTheRightPairAndTheOthers() throws IOException {
        RankedDataset data = of(
                32,
                new TextMatch("the cat", "is happy", List.of("the dog", "a dog is happy")),
                new TextMatch("a dog", "the dog", List.of("cat")));
        assertEquals(2, data.size());
        assertEquals(2, data.rows());
        assertTrue(data.isRanked() && data.hasPairs());
        assertEquals(5, data.rowsTogether(2));
        assertEquals(3, data.rowsTogether(1));
        int[] lengths = data.texts().lengths();
        assertEquals(2L * Math.max(lengths[3], lengths[4]), data.cells(new int[] {1}));
        Batch batch = data.batch(new int[] {1, 0}, 0);
        assertArrayEquals(new int[] {2, 3}, ((RowFacts.Groups) batch.facts()).sizes());
        assertArrayEquals(new float[] {1, 0, 1, 0, 0}, batch.scores());
        assertEquals(5, batch.rows());
        assertEquals(2, batch.targets());
        try (Tokenizer tokenizer = Tokenizer.open(TOKENIZER)) {
            // as a classifier reads pairs of texts
            Dataset pairs = Dataset.regression(
                    List.of(new LabeledText("the cat", "a dog is happy", "0", Origin.MEMORY)), tokenizer, 32);
            assertArrayEquals(pairs.get(0).ids(), data.texts().get(2).ids());
            assertArrayEquals(pairs.get(0).tokenTypeIds(), data.texts().get(2).tokenTypeIds());
            assertEquals(pairs.length(0), data.lengths()[0]);
        }
    }

    @Test
    void preferencesAreGroupsOfTwoHoweverTheyAreWritten() throws IOException {
        RankedDataset texts = of(
                32,
                new Preference(
                        new PromptCompletion("the cat", " is happy"), new PromptCompletion("the cat", " the dog")));
        RankedDataset turns = of(32, new Preference(answered("the cat", "is happy"), answered("the cat", "the dog")));
        RankedDataset match = of(32, new TextMatch("the cat", "is happy", List.of("the dog")));
        assertEquals(match.fingerprint(), texts.fingerprint());
        assertEquals(match.fingerprint(), turns.fingerprint());
        assertNotEquals(
                match.fingerprint(),
                of(32, new TextMatch("the cat", "the dog", List.of("is happy"))).fingerprint());
    }

    @Test
    void whatCannotBeRankedIsRefused() {
        assertTrue(fault(32, new TextMatch("the cat", "is happy")).contains("holds no \"negative\""));
        assertTrue(
                fault(32, new LabeledText("the cat", "good")).contains("holds nothing to rank: it needs \"anchor\""));
        assertTrue(fault(8, new TextMatch("the cat is happy", "a dog is happy", List.of("a dog is the cat")))
                .contains("are the same tokens once they are cut to 8: raise max_length, or leave the row out"));
        assertTrue(fault(32, new TextMatch("the cat", "is happy", List.of("IS  happy")))
                .contains("are the same tokens: there is nothing to learn from them"));
        List<Message> long3 = List.of(
                Message.of("user", "the cat"), Message.of("assistant", "is happy"), Message.of("user", "the dog"));
        Row conversation = new Preference(
                new Conversation(append(long3, "is happy"), 3, Map.of(), Origin.MEMORY),
                new Conversation(append(long3, "a cat"), 3, Map.of(), Origin.MEMORY));
        assertTrue(fault(32, conversation).contains("holds a conversation of 4 turns"), fault(32, conversation));
    }

    private static List<Message> append(List<Message> turns, String answer) {
        return java.util.stream.Stream.concat(
                        turns.stream(), java.util.stream.Stream.of(Message.of("assistant", answer)))
                .toList();
    }
}
