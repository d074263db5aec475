package org.loft4j.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.util.Utils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;

class TokenizerTest {
    private static final Path WORDPIECE = Fixtures.directory("tiny_wordpiece");

    @TempDir
    Path folder;

    @Test
    void truncationAndPaddingOfTheFileAreOff() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            // the file cuts at 4 and pads to 6
            assertArrayEquals(new long[] {1, 6, 2}, tokenizer.encode("a", true));
            assertArrayEquals(
                    new long[] {1, 5, 7, 9, 10, 5, 11, 15, 2}, tokenizer.encode("The cat sat on the mat.", true));
            assertArrayEquals(new long[] {12, 13}, tokenizer.encode("unhappy", false));
        }
    }

    /** The native library stays local, and the program's own use of DJL is left alone. */
    @Test
    void whatTheLibraryIsToldIsNotToldToTheProgram() throws IOException {
        Tokenizer.open(WORDPIECE).close();
        assertEquals("cpu", Utils.getEnvOrSystemProperty("RUST_FLAVOR"));
        assertEquals("true", Utils.getEnvOrSystemProperty("OPT_OUT_TRACKING"));
        assertNull(System.getProperty("ai.djl.offline"));
    }

    @Test
    void aPromptHasWhatComesBeforeATextAndNotWhatComesBehind() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            assertArrayEquals(new long[] {1, 6}, tokenizer.encodePrompt("a"));
        }
    }

    @Test
    void truncationCutsTheTextAndKeepsSpecialTokens() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            String text = "the cat sat on the mat";
            assertArrayEquals(new long[] {1, 5, 7, 2}, tokenizer.encodeTruncated(text, 4));
            assertArrayEquals(new long[] {1, 5, 2}, tokenizer.encodeTruncated(text, 3));
            assertArrayEquals(new long[] {1, 5, 7, 9, 10, 5, 11, 2}, tokenizer.encodeTruncated(text, 8));
            var fault = assertThrows(ConfigException.class, () -> tokenizer.encodeTruncated(text, 2));
            assertEquals(
                    "max_length (this tokenizer adds 2 special tokens) must be at least 3, got 2", fault.getMessage());
        }
    }

    @Test
    void decodesWithAndWithoutSpecialTokens() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            long[] ids = tokenizer.encode("The unhappy dogs!", true);
            assertEquals("the unhappy dogs!", tokenizer.decode(ids, true));
            assertEquals("[CLS] the unhappy dogs! [SEP]", tokenizer.decode(ids, false));
            assertEquals("", tokenizer.decode(new long[0], true));
            assertThrows(ConfigException.class, () -> tokenizer.decode(new long[] {-100}, true));
        }
    }

    /** A character that the vocabulary lacks becomes one, too, but is another text. */
    @Test
    void aSpecialTokenIsKnownByItsText() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            assertEquals(OptionalLong.of(2), tokenizer.specialId("[SEP]"));
            assertEquals(1, tokenizer.encode("日", false).length);
            for (String other : List.of("日", "the", "[SEP][SEP]", "the [SEP]", "", " ")) {
                assertEquals(OptionalLong.empty(), tokenizer.specialId(other), other);
            }
        }
    }

    @Test
    void readsObjectValuedTokensAndAbsentLimits() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            assertEquals(3, tokenizer.padId());
            assertEquals(OptionalLong.empty(), tokenizer.bosId());
            assertEquals(OptionalLong.empty(), tokenizer.eosId());
            assertEquals(Set.of(), tokenizer.stopIds());
            assertEquals(OptionalInt.empty(), tokenizer.modelMaxLength(), "1e30 is no limit");
            assertEquals(
                    List.of(Path.of("tokenizer.json"), Path.of("tokenizer_config.json")), Tokenizer.filesIn(WORDPIECE));
        }
    }

    private Tokenizer wordpieceWith(String name, String json) throws IOException {
        Files.copy(
                WORDPIECE.resolve("tokenizer.json"),
                folder.resolve("tokenizer.json"),
                StandardCopyOption.REPLACE_EXISTING);
        Files.write(folder.resolve(name), json.getBytes(UTF_8));
        return Tokenizer.open(folder);
    }

    @Test
    void paddingFallsBackInOrder() throws IOException {
        try (Tokenizer none = wordpieceWith("config.json", "{\"pad_token_id\": null}")) {
            assertEquals(0, none.padId());
        }
        try (Tokenizer end = wordpieceWith("config.json", "{\"pad_token_id\": -1, \"eos_token_id\": [9, 4]}")) {
            assertEquals(9, end.padId());
            assertEquals(OptionalLong.of(9), end.eosId());
            assertEquals(Set.of(9L, 4L), end.stopIds());
        }
        try (Tokenizer generation =
                wordpieceWith("generation_config.json", "{\"pad_token_id\": 7, \"eos_token_id\": 8}")) {
            assertEquals(7, generation.padId());
            assertEquals(OptionalLong.of(9), generation.eosId(), "config.json comes first");
            assertEquals(Set.of(8L, 9L), generation.stopIds(), "generation ends at the end that training puts there");
        }
        try (Tokenizer config = wordpieceWith("config.json", "{\"pad_token_id\": 5}")) {
            assertEquals(5, config.padId());
        }
        try (Tokenizer map = wordpieceWith(
                "special_tokens_map.json", "{\"pad_token\": \"[MASK]\", \"eos_token\": {\"content\": \"[SEP]\"}}")) {
            assertEquals(4, map.padId());
            assertEquals(OptionalLong.of(2), map.eosId());
            assertEquals(Set.of(8L, 2L), map.stopIds());
        }
        try (Tokenizer own =
                wordpieceWith("tokenizer_config.json", "{\"pad_token\": \"no such token\", \"eos_token\": \"!\"}")) {
            assertEquals(4, own.padId(), "a text that is no token is passed over");
            assertEquals(OptionalLong.of(17), own.eosId());
        }
    }

    @Test
    void filesThatCannotBeUsedAreNamed() throws IOException {
        Path none = folder.resolve("none");
        var nowhere = assertThrows(CheckpointException.class, () -> Tokenizer.open(none));
        assertEquals(none + ": there is no such directory", nowhere.getMessage());
        var missing = assertThrows(CheckpointException.class, () -> Tokenizer.open(folder));
        assertTrue(missing.getMessage().startsWith(folder.resolve("tokenizer.json") + ": there is no such file; "));
        Files.writeString(folder.resolve("tokenizer.json"), "{\"model\": 3}");
        var wrong = assertThrows(CheckpointException.class, () -> Tokenizer.open(folder));
        assertTrue(wrong.getMessage()
                .startsWith(folder.resolve("tokenizer.json") + ": is not a tokenizer that can be used: "));
        var config = assertThrows(CheckpointException.class, () -> wordpieceWith("tokenizer_config.json", "{"));
        assertTrue(config.getMessage().startsWith(folder.resolve("tokenizer_config.json") + ": is not valid JSON: "));
    }

    @Test
    void severalThreadsMayEncode() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            long[] expected = tokenizer.encode("the cat sat on the mat", true);
            IntStream.range(0, 2000)
                    .parallel()
                    .forEach(i -> assertArrayEquals(expected, tokenizer.encode("the cat sat on the mat", true)));
        }
    }

    /** The native library would end the process. */
    @Test
    @SuppressWarnings("NullAway")
    void aTextThatIsNullIsRefused() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(WORDPIECE)) {
            for (Executable call : List.<Executable>of(
                    () -> tokenizer.encode(null, true),
                    () -> tokenizer.encode(null, false),
                    () -> tokenizer.encodePrompt(null),
                    () -> tokenizer.encodeTruncated((String) null, 8),
                    () -> tokenizer.encodeTruncated(new TextPair("a", null), 8),
                    () -> tokenizer.spans(null),
                    () -> tokenizer.tokenizeWithPlaces(null))) {
                assertEquals(
                        "a text is null",
                        assertThrows(NullPointerException.class, call).getMessage());
            }
        }
    }

    @Test
    void closingTwiceIsHarmless() throws IOException {
        Tokenizer tokenizer = Tokenizer.open(WORDPIECE);
        tokenizer.close();
        tokenizer.close();
        assertThrows(IllegalStateException.class, () -> tokenizer.encode("a", true));
    }

    @Test
    void theTokenizersConfigurationAddsTheBeginningOnce() throws IOException {
        ByteModel.write(
                folder,
                "{\"bos_token\": \"<s>\", \"eos_token\": \"<|im_end|>\", \"pad_token\": \"<|im_end|>\", \"add_bos_token\": true}",
                "<s>",
                "<|im_start|>",
                "<|im_end|>");
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertArrayEquals(new long[] {256, 'a'}, tokenizer.encode("a", true));
            assertArrayEquals(new long[] {'a'}, tokenizer.encode("a", false));
            assertArrayEquals(new long[] {256, 'a'}, tokenizer.encodePrompt("a"));
            Dataset plain = Dataset.causalLm(List.of(new PlainText("a")), tokenizer, 10);
            assertArrayEquals(new long[] {256, 'a', 258}, plain.get(0).ids());
        }
        Path other = Files.createDirectory(folder.resolve("other"));
        ByteModel.write(
                other,
                "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"add_bos_token\": false, \"add_eos_token\": true}",
                "<s>",
                "</s>");
        try (Tokenizer ends = Tokenizer.open(other)) {
            assertArrayEquals(new long[] {'a', 257}, ends.encode("a", true));
            assertArrayEquals(new long[] {'a'}, ends.encodePrompt("a"));
            Dataset once = Dataset.causalLm(List.of(new PlainText("a")), ends, 10);
            assertArrayEquals(new long[] {'a', 257}, once.get(0).ids());
        }
    }
}
