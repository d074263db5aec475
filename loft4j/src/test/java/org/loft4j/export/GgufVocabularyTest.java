package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufReader;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;

/** The tokenizer and the chat template in a file; and tokens that were added: which are written, as what, and how. */
class GgufVocabularyTest {
    /** Of an added token in the tokenizer of {@link TinyCheckpoint}. */
    private static final int ID = 9;

    @TempDir
    Path directory;

    private final List<String> notes = new ArrayList<>();

    /** Exports a Llama whose tokenizer has another added token, that is not called special. */
    private Map<String, Object> export(int id, String token, boolean pieces, Map<String, Object> config)
            throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("model"), "llama");
        checkpoint.config.putAll(config);
        checkpoint.write();
        Path file = checkpoint.directory.resolve("tokenizer.json");
        ObjectNode tokenizer = Json.read(file).toTree();
        ((ObjectNode) tokenizer.get("model")).put("byte_fallback", pieces);
        ((ArrayNode) tokenizer.get("added_tokens"))
                .addObject()
                .put("id", id)
                .put("content", token)
                .put("special", false);
        Json.write(file, tokenizer);
        return read(GgufModel.Options.of(checkpoint.directory)).metadata;
    }

    private GgufReader read(GgufModel.Options options) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(options.directory())) {
            ExportReport report = GgufModel.write(source, options, directory.resolve("model.gguf"));
            notes.addAll(report.notes());
            return new GgufReader(report.file());
        }
    }

    private Path gpt2() throws IOException {
        return new TinyCheckpoint(directory.resolve("gpt2"), "gpt2").write().directory;
    }

    @Test
    void theTokenizerGoesAlong() throws IOException {
        Map<String, Object> metadata = read(GgufModel.Options.of(gpt2())).metadata;
        assertEquals("gpt2", metadata.get("tokenizer.ggml.model"));
        assertEquals("gpt-2", metadata.get("tokenizer.ggml.pre"));
        assertEquals(
                List.of("a", "b", "c", "Ġ", "ab", "abc", "Ġa", "[PAD7]", "<|end|>", "▁word", "[PAD10]", "[PAD11]"),
                metadata.get("tokenizer.ggml.tokens"));
        assertEquals(
                List.of(1L, 1L, 1L, 1L, 1L, 1L, 1L, 5L, 3L, 4L, 5L, 5L), metadata.get("tokenizer.ggml.token_type"));
        assertEquals(List.of("a b", "ab c", "Ġ a"), metadata.get("tokenizer.ggml.merges"));
        assertEquals(8L, metadata.get("tokenizer.ggml.eos_token_id"));
        assertEquals(8L, metadata.get("tokenizer.ggml.bos_token_id"));
        assertEquals(true, metadata.get("tokenizer.ggml.add_bos_token"));
        assertEquals(false, metadata.get("tokenizer.ggml.add_eos_token"));
        assertEquals("{{ messages }}", metadata.get("tokenizer.chat_template"));
    }

    /** By the settings where they speak, else by what the tokenizer puts around a text. */
    @ParameterizedTest
    @CsvSource({
        ", '', false, false",
        ", 'E A', true, false",
        ", 'A E', false, true",
        ", 'E A E', true, true",
        "false, 'E A E', false, false",
        "true, '', true, true"
    })
    void textsGetABeginningAndAnEndWhereTheFilesSaySo(
            @Nullable Boolean told, String template, boolean begins, boolean ends) throws IOException {
        Path model = gpt2();
        ObjectNode settings = Json.read(model.resolve("tokenizer_config.json")).toTree();
        settings.remove("add_bos_token");
        if (told != null) {
            settings.put("add_bos_token", told).put("add_eos_token", told);
        }
        Json.write(model.resolve("tokenizer_config.json"), settings);
        ObjectNode tokenizer = Json.read(model.resolve("tokenizer.json")).toTree();
        if (!template.isEmpty()) {
            ArrayNode single = tokenizer
                    .putObject("post_processor")
                    .put("type", "TemplateProcessing")
                    .putArray("single");
            for (String part : template.split(" ")) {
                single.addObject()
                        .putObject(part.equals("E") ? "SpecialToken" : "Sequence")
                        .put("id", part.equals("E") ? "<|end|>" : part);
            }
        }
        Json.write(model.resolve("tokenizer.json"), tokenizer);
        Map<String, Object> metadata = read(GgufModel.Options.of(model)).metadata;
        assertEquals(begins, metadata.get("tokenizer.ggml.add_bos_token"));
        assertEquals(ends, metadata.get("tokenizer.ggml.add_eos_token"));
    }

    @Test
    void chatTemplatesAreLookedUpInEveryFileThatMayHoldThem() throws IOException {
        Path model = gpt2();
        Files.writeString(model.resolve("tokenizer_config.json"), "{}");
        Files.writeString(model.resolve("chat_template.json"), "{\"chat_template\": \"main\"}");
        Path folder = Files.createDirectory(model.resolve("additional_chat_templates"));
        Files.writeString(folder.resolve("tool_use.jinja"), "tools");
        Map<String, Object> metadata = read(GgufModel.Options.of(model)).metadata;
        assertEquals("main", metadata.get("tokenizer.chat_template"));
        assertEquals("tools", metadata.get("tokenizer.chat_template.tool_use"));
        assertEquals(List.of("tool_use"), metadata.get("tokenizer.chat_templates"));
        Files.writeString(model.resolve("chat_template.jinja"), "own");
        assertEquals("own", read(GgufModel.Options.of(model)).metadata.get("tokenizer.chat_template"));
    }

    @Test
    void anotherChatTemplateTakesThePlaceOfTheTokenizers() throws IOException {
        Path model = gpt2();
        Map<String, Object> metadata =
                read(new GgufModel.Options(model, model, null, null, "{{ learnt }}", null, null)).metadata;
        assertEquals("{{ learnt }}", metadata.get("tokenizer.chat_template"));
    }

    /** Id 8 is the tokenizer's end, 9 an ordinary token, and 10 the one that is added here. */
    @ParameterizedTest
    @CsvSource({
        "<|turn_end|>, 10, 10",
        "<|turn_end|>, 8,",
        "<|turn_end|>, 12,",
        "<|turn_end|>, ,",
        "<|im_end|>, 10,",
        "<end_of_turn>, 10,",
    })
    void anEndOfTurnThatLlamaCppDoesNotKnowIsNamed(String token, @Nullable Long end, @Nullable Long written)
            throws IOException {
        export(10, token, false, Map.of());
        Path model = directory.resolve("model");
        Map<String, Object> metadata = read(new GgufModel.Options(model, model, null, null, null, end, null)).metadata;
        assertEquals(written, metadata.get("tokenizer.ggml.eot_token_id"));
        assertEquals(8L, metadata.get("tokenizer.ggml.eos_token_id"));
    }

    /** As GLM-4, whose template ends no answer: 9 is an ordinary token, 10 is the one that is added here. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"eos_token_id\": [8, 10]} | [9] | 10 | 0",
                "{\"eos_token_id\": [8, 10, 9]} | [9] | 10 | 1",
                "{\"eos_token_id\": 8} | [9] | | 0",
                "{} | [8, 9] | 9 | 0",
            })
    void withoutAnEndByTheTemplateThatOfTheModelIsNamed(
            String generation, String config, @Nullable Long written, int noted) throws IOException {
        export(10, "<|user|>", false, Map.of("eos_token_id", new ObjectMapper().readValue(config, List.class)));
        Path model = directory.resolve("model");
        Files.writeString(model.resolve("generation_config.json"), generation);
        notes.clear();
        assertEquals(written, read(GgufModel.Options.of(model)).metadata.get("tokenizer.ggml.eot_token_id"));
        assertEquals(
                noted,
                notes.stream()
                        .filter(note -> note.contains("ends at ▁word too"))
                        .count(),
                notes.toString());
    }

    @Test
    void sentencePieceTokensGetScoresByTheOrderOfTheirMerges() throws IOException {
        Path stories = Path.of("src", "test", "resources", "fixtures", "stories260K");
        GgufReader read = read(GgufModel.Options.of(stories));
        Map<String, Object> metadata = read.metadata;
        assertEquals("llama", metadata.get("tokenizer.ggml.model"));
        assertEquals(true, metadata.get("tokenizer.ggml.add_bos_token"));
        assertEquals(true, metadata.get("tokenizer.ggml.add_space_prefix"));
        List<?> tokens = (List<?>) metadata.get("tokenizer.ggml.tokens");
        List<?> types = (List<?>) metadata.get("tokenizer.ggml.token_type");
        List<?> scores = (List<?>) metadata.get("tokenizer.ggml.scores");
        assertEquals(List.of(2L, 3L, 3L, 6L), types.subList(0, 4));
        assertEquals("<0x0A>", tokens.get(13));
        // SentencePiece numbers its pieces by score, so that the scores of pieces that are merged fall
        float last = 1;
        for (int i = 259; i < 400; i++) {
            float score = (Float) scores.get(i);
            assertTrue(score < last, i + ": " + score + " after " + last);
            last = score;
        }
        assertFalse(read.tensors.containsKey("output.weight"));
    }

    /** Such as Mistral's since v0.3: what llama.cpp puts before a text it puts behind special tokens too. */
    @ParameterizedTest
    @CsvSource({
        "always, true, true, ''",
        "never, true, false, ''",
        "first, true, false, 'it puts none, as conversations need it; begin a prompt without turns with a space'",
        "first, false, true, it puts one behind special tokens too",
    })
    void aSpaceBeforeATextAndNotBehindSpecialTokensIsAMatterOfTheTemplate(
            String scheme, boolean converses, boolean adds, String said) throws IOException {
        TinyCheckpoint checkpoint = metaspace(pieces -> pieces.put("prepend_scheme", scheme));
        if (!converses) {
            Files.delete(checkpoint.directory.resolve("tokenizer_config.json"));
        }
        Map<String, Object> metadata = read(GgufModel.Options.of(checkpoint.directory)).metadata;
        assertEquals(adds, metadata.get("tokenizer.ggml.add_space_prefix"));
        String note =
                "the tokenizer puts a space before a text and none behind special tokens, which llama.cpp cannot: ";
        assertEquals(said.isEmpty() ? List.of() : List.of(note + said), notes);
    }

    /** A model whose tokenizer turns spaces into a sign of their own. */
    private TinyCheckpoint metaspace(Consumer<ObjectNode> settings) throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("model"), "llama").write();
        Path file = checkpoint.directory.resolve("tokenizer.json");
        ObjectNode tokenizer = Json.read(file).toTree();
        ((ObjectNode) tokenizer.get("model")).put("byte_fallback", true);
        settings.accept(tokenizer.putObject("pre_tokenizer").put("type", "Metaspace"));
        Json.write(file, tokenizer);
        return checkpoint;
    }

    /** As old files say it, without a scheme. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void oldFilesSayWhetherASpaceIsPut(boolean adds) throws IOException {
        TinyCheckpoint checkpoint = metaspace(pieces -> pieces.put("add_prefix_space", adds));
        Map<String, Object> metadata = read(GgufModel.Options.of(checkpoint.directory)).metadata;
        assertEquals(adds, metadata.get("tokenizer.ggml.add_space_prefix"));
    }

    /** Some files say -1 for none. */
    @ParameterizedTest
    @CsvSource({"-1, ", "12, ", "11, 11"})
    void anIdThatNoTokenHasIsNotWritten(int id, @Nullable Long written) throws IOException {
        Map<String, Object> metadata = export(10, "<|user|>", false, Map.of("pad_token_id", id));
        assertEquals(written, metadata.get("tokenizer.ggml.padding_token_id"));
    }

    /** A byte-level tokenizer that cuts words by a regular expression. */
    private Map<String, Object> cut(String pattern) throws IOException {
        Path file = gpt2().resolve("tokenizer.json");
        ObjectNode tokenizer = Json.read(file).toTree();
        ArrayNode steps =
                tokenizer.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        steps.addObject().put("type", "Split").putObject("pattern").put("Regex", pattern);
        steps.addObject().put("type", "ByteLevel").put("use_regex", false);
        Json.write(file, tokenizer);
        return read(GgufModel.Options.of(directory.resolve("gpt2"))).metadata;
    }

    @Test
    void aRuleThatLlamaCppHasWithoutCombiningMarksIsNoted() throws IOException {
        String letters = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
        String small = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
        Map<String, Object> metadata = cut(letters + "*" + small + "+|" + letters + "+" + small
                + "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
        assertEquals("tekken", metadata.get("tokenizer.ggml.pre"));
        assertTrue(notes.toString().contains("cuts words before combining marks"), notes.toString());
    }

    @Test
    void theRuleOfQwen35LeavesMarksWithTheirLetters() throws IOException {
        Map<String, Object> metadata = cut("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                + "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
        assertEquals("qwen35", metadata.get("tokenizer.ggml.pre"));
        assertFalse(notes.toString().contains("marks"), notes.toString());
    }

    /** Numbers, ideographs and kana, and all else, one after the other; line ends are as they are in the published file. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theRulesOfDeepseekV3AreThree(boolean published) throws IOException {
        String words =
                "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                        + "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
        if (published) {
            words = words.replace("\\r", "\r").replace("\\n", "\n");
        }
        List<Map<String, Object>> steps = new ArrayList<>();
        for (String rule : List.of("\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", words)) {
            steps.add(Map.of("type", "Split", "pattern", Map.of("Regex", rule), "behavior", "Isolated"));
        }
        steps.add(Map.of("type", "ByteLevel", "use_regex", false));
        JsonNode sequence = new ObjectMapper().valueToTree(Map.of("type", "Sequence", "pretokenizers", steps));
        assertEquals("deepseek-v3", PreTokenizer.name(sequence, false));
        steps.remove(1);
        JsonNode two = new ObjectMapper().valueToTree(Map.of("type", "Sequence", "pretokenizers", steps));
        assertNull(PreTokenizer.name(two, false));
    }

    /** Qwen's do; llama.cpp's have other tokens for what they compose. */
    @Test
    void aTokenizerThatComposesCharactersIsNoted() throws IOException {
        Path file = new TinyCheckpoint(directory.resolve("qwen3"), "qwen3")
                .write()
                .directory
                .resolve("tokenizer.json");
        ObjectNode tokenizer = Json.read(file).toTree();
        read(GgufModel.Options.of(directory.resolve("qwen3")));
        assertEquals(List.of(), notes);
        tokenizer.putObject("normalizer").put("type", "NFC");
        Json.write(file, tokenizer);
        read(GgufModel.Options.of(directory.resolve("qwen3")));
        assertEquals(
                List.of("llama.cpp composes no characters (NFC), as this tokenizer does: a text whose é is an e and a"
                        + " mark has other tokens there"),
                notes);
    }

    /** Gemma 3 of 1B and less name a token of images that their embedding has no row for. */
    @Test
    void anAddedTokenWithoutARowIsLeftOutAndNoted() throws IOException {
        int rows = TinyCheckpoint.VOCABULARY;
        Map<String, Object> metadata = export(rows, "<image_soft_token>", false, Map.of());
        List<?> tokens = (List<?>) metadata.get("tokenizer.ggml.tokens");
        assertEquals(rows, tokens.size());
        assertTrue(
                notes.contains(
                        "the added token <image_soft_token> is left out: its id 12 has no row in the embedding of 12,"
                                + " so that the model cannot read it"),
                notes.toString());
        String needed = assertThrows(
                        CheckpointException.class,
                        () -> export(rows, "<image_soft_token>", false, Map.of("eos_token_id", List.of(rows))))
                .getMessage();
        assertTrue(needed.contains("token <image_soft_token> has the id 12"), needed);
        assertThrows(CheckpointException.class, () -> export(rows, "<|end|>", false, Map.of()));
        assertThrows(CheckpointException.class, () -> export(-1, "<image_soft_token>", false, Map.of()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"<|a|>", "<｜fim▁begin｜>", "<unused7>", "<pad>", "<mask>", "<2mass>", "[@BOS@]"})
    void whatLooksSpecialIsAControlTokenAsItIsWritten(String token) throws IOException {
        for (boolean pieces : new boolean[] {false, true}) {
            Map<String, Object> metadata = export(ID, token, pieces, Map.of());
            assertEquals(token, ((List<?>) metadata.get("tokenizer.ggml.tokens")).get(ID));
            assertEquals(3L, ((List<?>) metadata.get("tokenizer.ggml.token_type")).get(ID));
        }
    }

    /** The lower one eighth block is SentencePiece's sign for a space, and a character of its own to all others. */
    @ParameterizedTest
    @CsvSource({"true, ' word'", "false, ▁word"})
    void aSpaceIsASpaceWhereTheTokenizerHasASignForIt(boolean pieces, String written) throws IOException {
        Map<String, Object> metadata = export(ID, "▁word", pieces, Map.of());
        assertEquals(written, ((List<?>) metadata.get("tokenizer.ggml.tokens")).get(ID));
        assertEquals(4L, ((List<?>) metadata.get("tokenizer.ggml.token_type")).get(ID));
    }
}
