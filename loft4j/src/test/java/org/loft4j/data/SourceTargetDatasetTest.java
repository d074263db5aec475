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
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
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

    /** Where the code of a language stands depends on the class of the tokenizer, and not on tokenizer.json, as in Transformers. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "NllbTokenizer | , \"src_lang\": \"X\", \"tgt_lang\": \"Y\" | X c </s> | Y d </s>",
                "NllbTokenizerFast | , \"src_lang\": \"X\", \"tgt_lang\": \"Y\", \"legacy_behaviour\": true | c </s> X | d </s> Y",
                "MBart50TokenizerFast | , \"src_lang\": \"X\", \"tgt_lang\": \"Y\" | X c </s> | Y d </s>",
                "MBartTokenizer | , \"src_lang\": \"X\", \"tgt_lang\": \"Y\" | c </s> X | d </s> Y",
                "M2M100Tokenizer | , \"src_lang\": \"X\", \"tgt_lang\": \"Y\" | __X__ c </s> | __Y__ d </s>",
                "T5Tokenizer | | c </s> | d </s>"
            })
    void codesOfLanguagesStandWhereTransformersPutsThem(String name, String settings, String read, String written)
            throws IOException {
        withLanguages(name, settings == null ? "" : settings);
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            SourceTargetBatch batch = SourceTargetDataset.of(List.of(new PromptCompletion("c", "d")), tokenizer, 16)
                    .batch(new int[] {0}, 0);
            assertEquals(read, spelled(tokenizer, batch.source().inputIds()));
            assertEquals(written, spelled(tokenizer, batch.labels()));
        }
    }

    /** As AutoTokenizer finds the class: in tokenizer_config.json, in config.json, by the model_type. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{} | {\"model_type\": \"mbart\"} | c </s> X",
                "{} | {\"model_type\": \"m2m_100\"} | __X__ c </s>",
                "{} | {\"model_type\": \"m2m_100\", \"tokenizer_class\": \"NllbTokenizerFast\"} | X c </s>",
                "{\"tokenizer_class\": \"MBart50Tokenizer\"} | {\"model_type\": \"mbart\"} | X c </s>"
            })
    void theClassThatTokenizerConfigDoesNotNameIsThatOfTheModel(String own, String model, String read)
            throws IOException {
        withLanguages("", "");
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                own.replace(
                        "}",
                        (own.equals("{}") ? "" : ", ")
                                + "\"eos_token\": \"</s>\", \"pad_token\": \"<pad>\", \"src_lang\": \"X\", \"tgt_lang\": \"Y\"}"));
        Files.writeString(folder.resolve("config.json"), model);
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertEquals(read, spelled(tokenizer, tokenizer.encode("c", true)));
        }
    }

    /** Where no file names the class, or the one of the model_type has other codes: NLLB is an m2m_100 too. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"model_type\": \"m2m_100\"} | eng_Latn | X | eng_Latn c </s>",
                "{} | eng_Latn | X | eng_Latn c </s>",
                "{} | __en__ | X | __en__ c </s>",
                "{} | en_XX | uk_UA | en_XX c </s>",
                "{} | en_XX | X | c </s> en_XX",
                "{\"model_type\": \"mbart\"} | en_XX | uk_UA | c </s> en_XX",
                "{\"model_type\": \"bart\"} | en_XX | uk_UA | c </s>"
            })
    void theClassThatNobodyNamesIsThatOfTheCodes(String model, String english, String other, String read)
            throws IOException {
        withLanguages("", "");
        Path tokens = folder.resolve("tokenizer.json");
        Files.writeString(
                tokens,
                Files.readString(tokens).replace("\"X\"", "\"" + english + "\"").replace("\"Y\"", "\"" + other + "\""));
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
        Files.writeString(folder.resolve("config.json"), model);
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertEquals(read, spelled(tokenizer, tokenizer.encode("c", true)));
            if (tokenizer.languages() == null) {
                String refusal = assertThrows(ConfigException.class, () -> tokenizer.between(null, english))
                        .getMessage();
                assertTrue(refusal.contains("name its class in tokenizer_config.json, such as"), refusal);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"NllbTokenizer, </s>", "NllbTokenizer, <pad>", "NllbTokenizer, <unk>", "M2M100Tokenizer, __Y__"})
    void whatIsNoLanguageIsRefusedByTheNameOfTheOption(String name, String language) throws IOException {
        withLanguages(name, ", \"src_lang\": \"X\", \"tgt_lang\": \"Y\"");
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            for (boolean source : new boolean[] {true, false}) {
                String refusal = assertThrows(
                                ConfigException.class,
                                () -> tokenizer.between(source ? language : null, source ? null : language))
                        .getMessage();
                assertTrue(
                        refusal.startsWith((source ? "--source-language" : "--target-language")
                                + " must be the code of a language"),
                        refusal);
                assertTrue(refusal.contains(language), refusal);
            }
        }
    }

    private void withLanguages(String name, String settings) throws IOException {
        String added = "{\"id\": %d, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false,"
                + " \"normalized\": false, \"special\": true}, ";
        Files.writeString(
                folder.resolve("tokenizer.json"),
                Files.readString(MODEL.resolve("tokenizer.json"))
                        .replace(
                                "\"added_tokens\": [",
                                "\"added_tokens\": [" + added.formatted(53, "X") + added.formatted(54, "Y")
                                        + added.formatted(73, "__X__") + added.formatted(74, "__Y__")));
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                "{\"tokenizer_class\": \"" + name + "\", \"eos_token\": \"</s>\", \"pad_token\": \"<pad>\"" + settings
                        + "}");
    }

    private static String spelled(Tokenizer tokenizer, long[] ids) {
        return Arrays.stream(ids)
                .mapToObj(id -> tokenizer.decode(new long[] {id}, false).strip())
                .filter(text -> !text.isEmpty())
                .collect(Collectors.joining(" "));
    }

    @Test
    void aLanguageThatIsNotSaidIsAskedFor() throws IOException {
        withLanguages("NllbTokenizer", ", \"src_lang\": \"X\", \"tgt_lang\": null");
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            String refusal = assertThrows(
                            ConfigException.class,
                            () -> SourceTargetDataset.of(List.of(new PromptCompletion("c", "d")), tokenizer, 16))
                    .getMessage();
            assertTrue(refusal.contains("--target-language, or tgt_lang in " + folder), refusal);
            Tokenizer between = tokenizer.between("Y", "X");
            SourceTargetBatch batch = SourceTargetDataset.of(List.of(new PromptCompletion("c", "e")), between, 16)
                    .batch(new int[] {0}, 0);
            assertEquals("Y c </s>", spelled(tokenizer, batch.source().inputIds()));
            assertEquals("X e </s>", spelled(tokenizer, batch.labels()));
            assertThrows(ConfigException.class, () -> tokenizer.between(null, "german"));
        }
        withLanguages("NllbTokenizer", ", \"tgt_lang\": \"german\"");
        assertTrue(assertThrows(CheckpointException.class, () -> Tokenizer.open(folder))
                .getMessage()
                .contains("tgt_lang must be the code of a language that is a token"));
    }

    @Test
    void whatIsTooLongLosesItsEndAndKeepsTheEndToken() throws IOException {
        SourceTargetDataset rows = encode(4, new PromptCompletion("abcdef", "b"), new PromptCompletion("a", "bcdefg"));
        SourceTargetBatch batch = rows.batch(new int[] {0}, 0);
        assertEquals(4, batch.source().columns());
        assertEquals(1, batch.source().inputIds()[3]);
        assertEquals(4, rows.batch(new int[] {1}, 0).target().columns());
        assertEquals(new Truncations(2, 1, 8), rows.texts().truncations());
        assertArrayEquals(new int[] {4, 4}, rows.longerSides());
        assertArrayEquals(
                new int[] {6, 4},
                encode(9, new PromptCompletion("abcd", "b"), new PromptCompletion("a", "bc"))
                        .longerSides());
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
