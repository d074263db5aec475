package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Pairs of texts: from the file to the batch. */
class PairsTest {
    private static final List<String> WORDS =
            List.of("the", "a", "cat", "dog", "sat", "on", "mat", "happy", "is", "it");
    private static final Path WORDPIECE = Fixtures.directory("tiny_wordpiece");

    @TempDir
    Path directory;

    /** Ids, token types and what is cut are those of Hugging Face's library. */
    @ParameterizedTest
    @ValueSource(strings = {"tiny_wordpiece", "tiny_unigram", "stories260K"})
    void pairsAreWhatTheLibraryMakesOfThem(String fixture) throws IOException {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("PairsTest seed " + seed);
        Random random = new Random(seed);
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory(fixture))) {
            for (int trial = 0; trial < 60; trial++) {
                TextPair pair = new TextPair(words(random), words(random));
                int maxLength = 6 + random.nextInt(24);
                Encoded made = tokenizer.encodeTruncated(pair, maxLength);
                String what = "-Dtests.seed=" + seed + ", " + pair + ", " + maxLength;
                try (HuggingFaceTokenizer library = HuggingFaceTokenizer.newInstance(
                        Fixtures.directory(fixture).resolve("tokenizer.json"),
                        Map.of("truncation", "longest_first", "maxLength", "" + maxLength, "padding", "false"))) {
                    Encoding expected = library.encode(pair.text(), pair.textPair(), true, false);
                    assertArrayEquals(expected.getIds(), made.ids(), what);
                    long[] types = made.tokenTypeIds() == null ? new long[made.ids().length] : made.tokenTypeIds();
                    assertArrayEquals(expected.getTypeIds(), types, what);
                }
            }
        }
    }

    private static String words(Random random) {
        List<String> words = new ArrayList<>();
        for (int i = random.nextInt(14); i >= 0; i--) {
            words.add(WORDS.get(random.nextInt(WORDS.size())));
        }
        return String.join(" ", words);
    }

    /** What tokenizer_config.json says of beginning and end holds for both texts. */
    @Test
    void beginningsAndEndsAreAsConfigured() throws IOException {
        Path stories = Fixtures.directory("stories260K");
        Files.copy(stories.resolve("tokenizer.json"), directory.resolve("tokenizer.json"));
        Files.writeString(directory.resolve("tokenizer_config.json"), """
                {"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": true, "add_eos_token": true}
                """);
        try (Tokenizer plain = Tokenizer.open(stories);
                Tokenizer ended = Tokenizer.open(directory)) {
            long[] a = plain.encode("cat", false);
            long[] b = plain.encode("dog", false);
            Encoded made = ended.encodeTruncated(new TextPair("cat", "dog"), 50);
            List<Long> expected = new ArrayList<>(List.of(1L));
            Arrays.stream(a).forEach(expected::add);
            expected.addAll(List.of(2L, 1L));
            Arrays.stream(b).forEach(expected::add);
            expected.add(2L);
            assertEquals(expected, Arrays.stream(made.ids()).boxed().toList());
            assertEquals(0, made.tokenTypeIds()[a.length + 1], "the end of the first text");
            assertEquals(1, made.tokenTypeIds()[a.length + 2], "the beginning of the second");
        }
    }

    @Test
    void aLengthWithoutRoomForBothIsRefused() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            TextPair pair = new TextPair("the cat", "a dog");
            assertEquals(5, tokenizer.encodeTruncated(pair, 5).ids().length);
            String message = assertThrows(ConfigException.class, () -> tokenizer.encodeTruncated(pair, 4))
                    .getMessage();
            assertTrue(message.contains("adds 3 special tokens to a pair"), message);
            TextPair empty = new TextPair("the cat", "\u200d");
            assertThrows(ConfigException.class, () -> tokenizer.encodeTruncated(empty, 9));
        }
    }

    @Test
    void batchesHaveTokenTypesThatPaddingLeavesAtZero() throws IOException {
        List<LabeledText> rows = List.of(
                new LabeledText("the cat", "a dog sat on it", "x", Origin.MEMORY),
                new LabeledText("the", "a", "y", Origin.MEMORY));
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            Dataset dataset = Dataset.classification(rows, Labels.ofNames(List.of("x", "y")), tokenizer, 32);
            Batch batch = dataset.batch(new int[] {0, 1}, 3);
            assertArrayEquals(
                    new long[] {
                        1, 5, 7, 2, 6, 8, 9, 10, 19, 2,
                        1, 5, 2, 6, 2, 3, 3, 3, 3, 3
                    },
                    batch.inputIds());
            assertArrayEquals(
                    new long[] {
                        0, 0, 0, 0, 1, 1, 1, 1, 1, 1,
                        0, 0, 0, 1, 1, 0, 0, 0, 0, 0
                    },
                    batch.tokenTypeIds());
            Dataset swapped = Dataset.classification(
                    List.of(
                            new LabeledText("a dog sat on it", "the cat", "x", Origin.MEMORY),
                            new LabeledText("the", "a", "y", Origin.MEMORY)),
                    Labels.ofNames(List.of("x", "y")),
                    tokenizer,
                    32);
            assertNotEquals(dataset.fingerprint(), swapped.fingerprint());
            Dataset single = Dataset.classification(
                    List.of(new LabeledText("the cat", "x")), Labels.ofNames(List.of("x", "y")), tokenizer, 32);
            assertNull(single.batch(new int[] {0}, 3).tokenTypeIds());
        }
    }

    @Test
    void cutPairsAreCounted() throws IOException {
        List<LabeledText> rows = List.of(new LabeledText("the cat sat on the mat", "a dog", "x", Origin.MEMORY));
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            Dataset dataset = Dataset.classification(rows, Labels.ofNames(List.of("x", "y")), tokenizer, 8);
            assertEquals(new Truncations(1, 0, 3), dataset.truncations());
            assertArrayEquals(
                    new long[] {1, 5, 7, 9, 2, 6, 8, 2}, dataset.get(0).ids());
        }
    }

    @Test
    void aLanguageModelDoesNotLearnPairs() throws IOException {
        List<LabeledText> rows = List.of(new LabeledText("the cat", "a dog", "x", Origin.MEMORY));
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("stories260K"))) {
            String message = assertThrows(DataException.class, () -> Dataset.causalLm(rows, tokenizer, 32))
                    .getMessage();
            assertTrue(message.contains("holds a pair of texts"), message);
        }
    }

    private Row read(String name, String text, Columns columns) throws IOException {
        Path file = Files.writeString(directory.resolve(name), text);
        return DataFiles.read(file, columns).get(0);
    }

    @Test
    void aSecondTextIsFoundByItsUsualNameOrByTheNameThatIsGiven() throws IOException {
        Columns named = new Columns("premise", "hypothesis", null, null, null, RowFormat.AUTO, true);
        Columns labelled = new Columns("premise", "hypothesis", "gold", null, null, RowFormat.LABEL, true);
        for (Row row : List.of(
                read("a.csv", "text,text_pair,label\np,h,x\n", Columns.auto()),
                read("a.jsonl", "{\"text\":\"p\",\"text_pair\":\"h\",\"label\":\"x\"}\n", Columns.auto()),
                read("b.csv", "hypothesis,label,premise\nh,x,p\n", named),
                read("b.jsonl", "{\"premise\":\"p\",\"hypothesis\":\"h\",\"gold\":\"x\"}\n", labelled),
                read("c.csv", "kind,text_pair,text\nx,h,p\n", Columns.of(null, "kind")))) {
            LabeledText pair = (LabeledText) row;
            assertEquals(List.of("p", "h", "x"), List.of(pair.text(), pair.textPair(), pair.label()));
        }
        LabeledText one = (LabeledText) read("d.csv", "text,text_pair,label\np,h,x\n", Columns.of("text", "label"));
        assertNull(one.textPair(), "who names the text means it alone");
        TextPair asked =
                (TextPair) read("e.csv", "text,text_pair\np,h\n", Columns.auto().questions());
        assertEquals("h", asked.textPair());
    }

    @Test
    void faultsNameTheColumn() throws IOException {
        Columns named = new Columns("text", "other", "label", null, null, RowFormat.AUTO, true);
        String missing = assertThrows(DataException.class, () -> read("a.csv", "text,label\np,x\n", named))
                .getMessage();
        assertTrue(missing.contains("has no \"other\""), missing);
        assertTrue(missing.contains("--text-pair-column"), missing);
        String empty = assertThrows(
                        DataException.class, () -> read("b.csv", "text,text_pair,label\np, ,x\n", Columns.auto()))
                .getMessage();
        assertTrue(empty.contains("\"text_pair\" is empty"), empty);
        assertThrows(ConfigException.class, () -> new Columns("a", "a", "label", null, null, RowFormat.AUTO, true));
        assertThrows(ConfigException.class, () -> new Columns(null, "b", null, "p", "c", RowFormat.AUTO, true));
        assertThrows(ConfigException.class, () -> new Columns(null, "b", null, null, null, RowFormat.TEXT, true));
    }

    /** So that no copy of a training row is held out, and that rows are told apart that differ in the second text alone. */
    @Test
    void bothTextsSayWhichRowItIs() {
        Row one = new LabeledText("a", "b", "x", Origin.MEMORY);
        assertEquals(RowText.question(one), RowText.question(new TextPair("a", "b")));
        assertNotEquals(RowText.question(one), RowText.question(new LabeledText("a", "c", "x", Origin.MEMORY)));
        assertNotEquals(RowText.question(one), RowText.question(new LabeledText("ab", "x")));
    }
}
