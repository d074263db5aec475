package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

class RankedDatasetTest {
    private static final Path TOKENIZER = Path.of("src/test/resources/fixtures/tiny_wordpiece");

    private static final List<Message> THREE =
            List.of(Message.of("user", "the cat"), Message.of("assistant", "is happy"), Message.of("user", "the dog"));

    private static RankedDataset of(int maxLength, Row... rows) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(TOKENIZER)) {
            return RankedDataset.of(List.of(rows), tokenizer, maxLength, null);
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

    private static RankedDataset ofTurns(int maxLength, Path template, Row... rows) throws IOException {
        Files.writeString(
                template,
                "{% for message in messages %}{% if message.role == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
                        + "[CLS] {{ message.role[:1] }} {{ message.content }} [SEP] {% endfor %}"
                        + "{% if add_generation_prompt %}happy{% endif %}{{ mood }}");
        try (Tokenizer tokenizer = Tokenizer.open(TOKENIZER)) {
            ChatFormat format = new ChatFormat(
                    ChatTemplate.read(template, TOKENIZER), LossOn.ASSISTANT, false, Map.of("mood", "the dog"));
            return RankedDataset.of(List.of(rows), tokenizer, maxLength, format);
        }
    }

    /** As TRL's RewardTrainer has it: the template's text of the whole conversation, with the special tokens that it writes. */
    @Test
    void aConversationIsOneTextAsTheTemplateWritesIt(@TempDir Path folder) throws IOException {
        Path template = folder.resolve("template.jinja");
        Row longer = new Preference(
                new Conversation(append(THREE, "is happy"), 3, Map.of(), Origin.MEMORY),
                new Conversation(append(THREE, "a cat"), 3, Map.of(), Origin.MEMORY));
        Row text = new Preference(
                new PromptCompletion("the cat", " is happy"), new PromptCompletion("the cat", " the dog"));
        RankedDataset data = ofTurns(64, template, longer, text);
        try (Tokenizer tokenizer = Tokenizer.open(TOKENIZER)) {
            for (String answer : List.of("is happy", "a cat")) {
                long[] expected = tokenizer.encode(
                        "[CLS] u the cat [SEP] [CLS] a is happy [SEP] [CLS] u the dog [SEP] [CLS] a " + answer
                                + " [SEP] the dog",
                        false);
                assertArrayEquals(
                        expected,
                        data.texts().get(answer.equals("a cat") ? 1 : 0).ids());
            }
        }
        // a prompt that is a text stays the first of a pair
        assertEquals(2, data.size());
        assertTrue(data.hasPairs());
        assertArrayEquals(of(32, text).texts().get(1).ids(), data.texts().get(3).ids());
        assertFalse(ofTurns(64, template, longer).hasPairs());
        assertNotNull(data.chatFormat());
        assertNull(ofTurns(64, template, text).chatFormat());
        DataException cut = assertThrows(DataException.class, () -> ofTurns(16, template, longer));
        assertTrue(
                String.valueOf(cut.getMessage()).contains("tokens with its answer, and max_length is 16"),
                cut::toString);
        Row tool = new Preference(
                new Conversation(append(List.of(Message.of("tool", "7")), "seven"), 1, Map.of(), Origin.MEMORY),
                new Conversation(append(List.of(Message.of("tool", "7")), "six"), 1, Map.of(), Origin.MEMORY));
        DataException refused = assertThrows(DataException.class, () -> ofTurns(64, template, tool));
        assertTrue(String.valueOf(refused.getMessage()).contains("no tools here"), refused::toString);
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
        Row conversation = new Preference(
                new Conversation(append(THREE, "is happy"), 3, Map.of(), Origin.MEMORY),
                new Conversation(append(THREE, "a cat"), 3, Map.of(), Origin.MEMORY));
        assertTrue(
                fault(32, conversation).contains("holds a conversation of 4 turns, and the model has no chat template"),
                fault(32, conversation));
    }

    private static List<Message> append(List<Message> turns, String answer) {
        return java.util.stream.Stream.concat(
                        turns.stream(), java.util.stream.Stream.of(Message.of("assistant", answer)))
                .toList();
    }
}
