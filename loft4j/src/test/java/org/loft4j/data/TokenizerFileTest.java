package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;

/** What would end the process in native code is refused before. */
class TokenizerFileTest {
    private static final String MODEL = "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}";

    @TempDir
    Path folder;

    private Path file(String parts) throws IOException {
        return Files.writeString(folder.resolve("tokenizer.json"), "{\"version\": \"1.0\", " + parts + "}");
    }

    private void refused(String parts) throws IOException {
        Path file = file(parts);
        var refused = assertThrows(CheckpointException.class, () -> Tokenizer.open(folder), parts);
        assertTrue(refused.getMessage().startsWith(file + ": "), refused.getMessage());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"decoder\": {\"type\": BPEDecoder}",
                "\"decoder\": {\"type\": \"Strip\", \"content\": \"a\", \"start\": 0, \"stop\": 3}",
                "\"decoder\": {\"type\": \"\\ud800\"}",
                "\"decoder\": {\"type\": \"Fuse\", \"x\": 1e999}",
                "\"decoder\": {\"type\": \"Fuse\"}, \"decoder\": {\"type\": \"Fuse\"}",
                "\"pre_tokenizer\": {\"type\": \"FixedLength\", \"length\": 0}",
                "\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a+)+$\"}, \"behavior\": \"Isolated\", \"invert\": false}",
                "\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAA\"}",
                "\"normalizer\": {\"type\": \"Precompiled\"}",
                "\"normalizer\": {\"type\": \"Prepend\", \"prepend\": \"\"}",
                "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": \"a\"}",
                "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {0,}\"}, \"content\": \" \"}",
                "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"x\", \"type_id\": 0}}], \"pair\": [], \"special_tokens\": {}}",
                "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"B\", \"type_id\": 0}}], \"pair\": [], \"special_tokens\": {}}"
            })
    void aPartThatNativeCodeCannotTake(String part) throws IOException {
        refused(part + ", " + MODEL);
    }

    @Test
    void wordsOfAnyLength() throws IOException {
        String model =
                "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"a\", \"continuing_subword_prefix\": \"##\","
                        + " \"max_input_chars_per_word\": %d, \"vocab\": {\"a\": 0}}";
        file(model.formatted(1000));
        Tokenizer.open(folder).close();
        refused(model.formatted(1001));
    }

    @Test
    void normalizersThatMakeEverMore() throws IOException {
        String one = "{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, \"content\": \"aaaaaaaaaa\"}";
        refused("\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [" + (one + ", ").repeat(8) + one + "]}, "
                + MODEL);
    }

    @Test
    void aVocabularyOfNumbersThatAreNoIds() throws IOException {
        refused("\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 4294967296}, \"merges\": []}");
        refused("\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}");
    }

    @Test
    void aPieceThatIsNoWord() throws IOException {
        refused("\"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"" + "a".repeat(50_000)
                + "\", -1.0]]}");
    }

    @Test
    void anAddedTokenThatIsNoWord() throws IOException {
        refused("\"added_tokens\": [{\"id\": 0, \"content\": \"" + "{".repeat(16_384)
                + "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false,"
                + " \"special\": true}], " + MODEL);
    }

    @Test
    void mergesShorterThanTheirPrefix() throws IOException {
        refused("\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1}, \"merges\": [\"a b\"],"
                + " \"continuing_subword_prefix\": \"####\"}");
    }

    @Test
    void aMapOfCharactersThatStaysInsideOfItselfIsTaken() throws IOException {
        byte[] map = ByteBuffer.allocate(4 + 1024 + 1)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(1024)
                .array();
        String text = Base64.getEncoder().encodeToString(map);
        String part = "\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"%s\"}, " + MODEL;
        file(String.format(part, text));
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertEquals(1, tokenizer.encode("a", false).length);
        }
        // bits beside the bytes
        String longer = Base64.getEncoder().encodeToString(java.util.Arrays.copyOf(map, map.length + 1));
        assertTrue(longer.endsWith("AA=="));
        refused(String.format(part, longer.substring(0, longer.length() - 3) + "B=="));
        // the root leads beyond the last unit
        ByteBuffer.wrap(map).order(ByteOrder.LITTLE_ENDIAN).putInt(4, 5000 << 10);
        refused(String.format(part, Base64.getEncoder().encodeToString(map)));
    }

    /** The map was made by SentencePiece, as those of XLM-R and T5 were. */
    @Test
    void aUnigramWithAMapOfSentencePieceIsTaken() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("tiny_unigram"))) {
            long[] plain = tokenizer.encode("\u00e9 A find...  the", true);
            assertArrayEquals(plain, tokenizer.encode("e\u0301 \uff21 \ufb01nd\u2026 \u00a0the", true));
            assertEquals(1, plain[0]);
            assertEquals(2, plain[plain.length - 1]);
            assertEquals("find the tiny fox", tokenizer.decode(tokenizer.encode("\ufb01nd the tiny fox", true), true));
        }
    }

    /** XLM-R, T5, ALBERT, CLIP, BLOOM and RoBERTa as their files are built; MAP stands for SentencePiece's map. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"normalizer\": {\"type\": \"Precompiled\", MAP}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"WhitespaceSplit\"}, {\"type\": \"Metaspace\", \"replacement\": \"▁\", \"add_prefix_space\": true}]}, \"decoder\": {\"type\": \"Metaspace\", \"replacement\": \"▁\", \"add_prefix_space\": true}",
                "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Precompiled\", MAP}, {\"type\": \"Strip\", \"strip_left\": false, \"strip_right\": true}, {\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \"▁\"}]}",
                "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"``\"}, \"content\": \"\\\"\"}, {\"type\": \"NFKD\"}, {\"type\": \"StripAccents\"}, {\"type\": \"Lowercase\"}, {\"type\": \"Precompiled\", MAP}]}",
                "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\s+\"}, \"content\": \" \"}, {\"type\": \"Lowercase\"}]}",
                "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \" ?[^(\\\\s|[.,!?…。，、।۔،])]+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false}]}",
                "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true}, \"post_processor\": {\"type\": \"RobertaProcessing\", \"sep\": [\"a\", 0], \"cls\": [\"a\", 0], \"trim_offsets\": true, \"add_prefix_space\": false}, \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true}"
            })
    void whatKnownFamiliesAreBuiltOfIsTaken(String parts) throws IOException {
        String map = new ObjectMapper()
                .readTree(Fixtures.directory("tiny_unigram")
                        .resolve("tokenizer.json")
                        .toFile())
                .at("/normalizer/normalizers/0/precompiled_charsmap")
                .asText();
        file(parts.replace("MAP", "\"precompiled_charsmap\": \"" + map + "\"") + ", " + MODEL);
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertTrue(tokenizer.encode("a ﬁne  day", true).length > 0);
        }
    }

    @Test
    void halfASurrogatePairInATextEndsNothing() throws IOException {
        file(MODEL);
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertEquals(1, tokenizer.encode("a\ud800", false).length);
        }
    }

    /** The vocabulary has three tokens, and the added ones come before it and behind it. */
    private String added(boolean first, String... idsAndContents) {
        StringBuilder tokens = new StringBuilder();
        for (int i = 0; i < idsAndContents.length; i += 2) {
            tokens.append(i == 0 ? "" : ", ")
                    .append("{\"id\": " + idsAndContents[i] + ", \"content\": \"" + idsAndContents[i + 1]
                            + "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false,"
                            + " \"special\": true}");
        }
        String added = "\"added_tokens\": [" + tokens + "]";
        String model = "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"<b>\": 1, \"c\": 2}, \"merges\": []}";
        return first ? added + ", " + model : model + ", " + added;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void addedTokensHaveTheIdsOfTheFile(boolean first) throws IOException {
        file(added(first, "1", "<b>", "3", "<x>", "4", "<y>"));
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertArrayEquals(new long[] {3, 0, 4, 1}, tokenizer.encode("<x>a<y><b>", false));
        }
        refused(added(first, "400", "<x>"));
        refused(added(first, "4", "<x>", "3", "<y>"));
        refused(added(first, "2", "<b>", "3", "<x>"));
        Path file = file(added(first, "1", "<b>", "3", "<x>", "5", "<y>"));
        assertEquals(
                file
                        + ": is not a tokenizer that can be used: the added token \"<y>\" has the id 5, and would be read as"
                        + " 4: behind the vocabulary the ids must go on without a gap, in the order of \"added_tokens\";"
                        + " fill the gap with tokens that no text has",
                assertThrows(CheckpointException.class, () -> Tokenizer.open(folder))
                        .getMessage());
    }

    /** What the refusal goes by: native code gives other ids than the file. */
    @Test
    void nativeCodePassesOverTheIdsOfAddedTokens() throws IOException {
        byte[] gap = ("{\"version\": \"1.0\", " + added(true, "400", "<x>", "1", "<b>", "7", "<y>") + "}")
                .getBytes(StandardCharsets.UTF_8);
        Map<String, String> options = Map.of("truncation", "false", "padding", "false");
        try (var read = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(gap), options)) {
            assertArrayEquals(
                    new long[] {3, 1, 4}, read.encode("<x><b><y>", false, false).getIds());
        }
    }
}
