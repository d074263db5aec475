package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.DataException;

class WordTokensTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"stories260K", "tiny_wordpiece"})
    void eachWordBeginsAtItsFirstToken(String name) throws Exception {
        List<String> words = List.of("the", "little", "girl", "😀é", "was", "happy,", "very", "very", "happy");
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory(name))) {
            WordTokens tokens = WordTokens.of(words, tokenizer, 100);
            int[] firsts = tokens.firsts();
            long[] ids = Arrays.stream(tokens.ids()).asLongStream().toArray();
            assertArrayEquals(tokenizer.encode(String.join(" ", words), true), ids);
            for (int i = 0; i < words.size(); i++) {
                int end = i + 1 < words.size() ? firsts[i + 1] : ids.length;
                assertTrue(firsts[i] > 0 && firsts[i] < end, words.get(i) + " at " + firsts[i] + " of " + end);
                String text = tokenizer
                        .decode(Arrays.copyOfRange(ids, firsts[i], end), false)
                        .replaceAll(" |\\[SEP]", "");
                if (!words.get(i).startsWith("😀") && !text.contains("[UNK]")) {
                    assertEquals(words.get(i), text);
                }
            }
        }
    }

    @Test
    void wordsThatAreCutOffHaveNoToken() throws Exception {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("stories260K"))) {
            WordTokens tokens = WordTokens.of(List.of("the", "the", "the", "the"), tokenizer, 3);
            assertEquals(3, tokens.ids().length);
            assertArrayEquals(new int[] {1, 2, -1, -1}, tokens.firsts());
        }
    }

    @Test
    void rowsOfTokensAndTagsAreRead() throws Exception {
        Path file = folder.resolve("ner.jsonl");
        Files.writeString(
                file,
                "{\"id\": 1, \"tokens\": [\"Ada\", \"sang\"], \"ner_tags\": [\"B-PER\", \"O\"]}\n"
                        + "{\"tokens\": [\"no\"], \"ner_tags\": [\"O\"]}\n");
        List<Row> rows = DataFiles.read(file);
        assertEquals(new TaggedWords(List.of("Ada", "sang"), List.of("B-PER", "O"), new Origin(file, 1)), rows.get(0));
        Labels labels = Labels.of(rows);
        assertEquals(List.of("B-PER", "O"), labels.names());
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("stories260K"))) {
            Dataset dataset = Dataset.tokenClassification(rows, labels, tokenizer, 20);
            assertTrue(dataset.isTagged());
            long[] tags = dataset.get(0).labels();
            assertEquals(
                    2, Arrays.stream(tags).filter(tag -> tag != Encoded.NO_LOSS).count());
            assertEquals(
                    0,
                    Arrays.stream(tags)
                            .filter(tag -> tag != Encoded.NO_LOSS)
                            .findFirst()
                            .orElseThrow());
            assertEquals(3, Batch.collate(dataset, new int[] {0, 1}, 0).targets());
            assertThrows(
                    DataException.class,
                    () -> Dataset.tokenClassification(rows, Labels.ofNames(List.of("O", "X")), tokenizer, 20));
            assertThrows(DataException.class, () -> Dataset.causalLm(rows, tokenizer, 20));
        }
    }

    @Test
    void anUnequalNumberOfTagsIsRefusedWithItsLine() throws Exception {
        Path file = folder.resolve("bad.jsonl");
        Files.writeString(
                file, "{\"tokens\": [\"a\"], \"tags\": [\"O\"]}\n{\"tokens\": [\"a\", \"b\"], \"tags\": [\"O\"]}\n");
        DataException fault = assertThrows(DataException.class, () -> DataFiles.read(file));
        assertTrue(
                fault.getMessage().contains("2") && fault.getMessage().contains("found 2 and 1"), fault.getMessage());
    }

    @Test
    void wordsThatHaveNoTokenAtAllAreNotCut() throws Exception {
        List<String> words = List.of("the", "\u200b", "the", "the");
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("tiny_wordpiece"))) {
            assertEquals(-1, WordTokens.of(words, tokenizer, 20).firsts()[1]);
            List<Row> rows = List.of(new TaggedWords(words, List.of("A", "B", "A", "B")));
            Labels labels = Labels.ofNames(List.of("A", "B"));
            assertEquals(
                    new Truncations(0, 0, 0),
                    Dataset.tokenClassification(rows, labels, tokenizer, 20).truncations());
            assertEquals(
                    new Truncations(1, 0, 1),
                    Dataset.tokenClassification(rows, labels, tokenizer, 4).truncations());
        }
    }

    /** Of a tokenizer that puts nothing before a text the first token of all is that of a word. */
    @Test
    void theFirstTokenOfATextIsATargetToo() throws Exception {
        List<Row> rows = List.of(new TaggedWords(List.of("ab", "c"), List.of("A", "B")));
        try (Tokenizer tokenizer = Tokenizer.open(ByteModel.write(folder, "{}"))) {
            Dataset dataset = Dataset.tokenClassification(rows, Labels.ofNames(List.of("A", "B")), tokenizer, 8);
            long no = Encoded.NO_LOSS;
            assertArrayEquals(new long[] {0, no, no, 1}, dataset.get(0).labels());
            assertEquals(2, Batch.collate(dataset, new int[] {0}, 0).targets());
            DataException alone = assertThrows(
                    DataException.class, () -> Dataset.causalLm(List.of(new PlainText("a")), tokenizer, 8));
            assertTrue(alone.getMessage().contains("fewer than two tokens"), alone.getMessage());
            assertEquals(
                    2,
                    Dataset.causalLm(List.of(new PlainText("ab")), tokenizer, 8).length(0));
        }
    }
}
