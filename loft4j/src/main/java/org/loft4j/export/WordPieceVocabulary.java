package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;

/**
 * The tokenizer of BERT under the keys that llama.cpp reads, its {@code bert}: there the beginning of a word has a mark, where files
 * have one on what goes on with a word.
 */
final class WordPieceVocabulary {
    private static final String KEY = "tokenizer.ggml.";
    private static final String PREFIX = "##";

    /** llama.cpp's kinds of tokens. */
    private static final int NORMAL = 1;

    private static final int CONTROL = 3;
    private static final int UNUSED = 5;

    private WordPieceVocabulary() {}

    /**
     * Puts it.
     *
     * @param tokenizer directory with tokenizer.json
     * @param rows of the embedding, which is the number of tokens; ids that no token has are filled up
     * @throws CheckpointException if it is of a kind that llama.cpp does not have
     */
    static void put(Path tokenizer, int rows, GgufMetadata metadata, List<String> notes) throws CheckpointException {
        TokenizerFiles files = TokenizerFiles.read(tokenizer);
        JsonObject json = files.tokenizer();
        JsonObject model = json.requireObject("model");
        require(model, "type", "WordPiece");
        require(model, "continuing_subword_prefix", PREFIX);
        requireType(json, "pre_tokenizer", "BertPreTokenizer");
        requireTemplate(json, files);
        putNormalizer(requireType(json, "normalizer", "BertNormalizer"), json, metadata, notes);
        String[] tokens = new String[rows];
        int[] types = new int[rows];
        Map<String, Integer> ids = new HashMap<>();
        Arrays.setAll(tokens, i -> "[PAD" + i + "]");
        Arrays.fill(types, UNUSED);
        for (Map.Entry<String, JsonNode> entry :
                model.requireObject("vocab").toTree().properties()) {
            String text = entry.getKey();
            int id = id(json, text, entry.getValue(), rows);
            ids.put(text, id);
            tokens[id] = text.startsWith(PREFIX) ? text.substring(PREFIX.length()) : "▁" + text;
            types[id] = NORMAL;
        }
        JsonNode added = json.node("added_tokens");
        for (JsonNode token : added == null ? List.<JsonNode>of() : added) {
            String text = token.path("content").asText();
            int id = id(json, text, token.path("id"), rows);
            ids.put(text, id);
            tokens[id] = text;
            types[id] = CONTROL;
        }
        metadata.text(KEY + "model", "bert");
        metadata.text(KEY + "pre", "default");
        metadata.texts(KEY + "tokens", List.of(tokens));
        metadata.wholes(KEY + "token_type", types);
        metadata.flag(KEY + "add_bos_token", true);
        metadata.flag(KEY + "add_sep_token", true);
        putId(metadata, files, ids, "cls", "bos");
        putId(metadata, files, ids, "cls", "cls");
        // llama.cpp's spelling
        putId(metadata, files, ids, "sep", "seperator");
        putId(metadata, files, ids, "unk", "unknown");
        putId(metadata, files, ids, "pad", "padding");
        putId(metadata, files, ids, "mask", "mask");
    }

    private static void require(JsonObject model, String key, String value) throws CheckpointException {
        String found = model.stringOr(key, value);
        if (!found.equals(value)) {
            throw model.fault(key, "must be " + value + " for llama.cpp's bert, found " + found);
        }
    }

    private static JsonNode requireType(JsonObject json, String key, String type) throws CheckpointException {
        JsonNode found = json.node(key);
        if (found == null || !found.path("type").asText().equals(type)) {
            throw json.fault(key, "must be a " + type + " for llama.cpp's bert");
        }
        return found;
    }

    /** llama.cpp always has the two around a text. */
    private static void requireTemplate(JsonObject json, TokenizerFiles files) throws CheckpointException {
        JsonNode after = json.node("post_processor");
        boolean around = after != null
                && (after.path("type").asText().equals("BertProcessing")
                        || isBetween(after.path("single"), files.special("cls_token"), files.special("sep_token")));
        if (!around) {
            throw json.fault(
                    "post_processor", "must put cls_token before a text and sep_token behind it for llama.cpp's bert");
        }
    }

    private static boolean isBetween(JsonNode single, @Nullable String first, @Nullable String last) {
        return single.size() == 3
                && special(single.get(0)).equals(first)
                && special(single.get(2)).equals(last);
    }

    private static String special(JsonNode step) {
        return step.path("SpecialToken").path("id").asText();
    }

    private static void putNormalizer(JsonNode normalizer, JsonObject json, GgufMetadata metadata, List<String> notes)
            throws CheckpointException {
        for (String flag : List.of("clean_text", "handle_chinese_chars")) {
            if (!normalizer.path(flag).asBoolean(true)) {
                throw json.fault("normalizer", "has " + flag + " false, which llama.cpp's bert always does");
            }
        }
        boolean lower = normalizer.path("lowercase").asBoolean(true);
        boolean strips = normalizer.path("strip_accents").asBoolean(lower);
        metadata.flag(KEY + "normalizer.lowercase", lower);
        metadata.flag(KEY + "normalizer.strip_accents", strips);
        if (!lower || !strips) {
            notes.add("the tokenizer keeps capitals or accents: versions of llama.cpp that do not read"
                    + " tokenizer.ggml.normalizer drop both");
        }
    }

    private static int id(JsonObject json, String text, JsonNode value, int rows) throws CheckpointException {
        int id = value.asInt(-1);
        if (id < 0 || id >= rows) {
            throw new CheckpointException(
                    json.file(),
                    "token " + text + " has the id " + id + ", but the model's embedding has " + rows + " rows");
        }
        return id;
    }

    private static void putId(
            GgufMetadata metadata, TokenizerFiles files, Map<String, Integer> ids, String token, String key)
            throws CheckpointException {
        String text = files.special(token + "_token");
        Integer id = text == null ? null : ids.get(text);
        if (id != null) {
            metadata.count(KEY + key + "_token_id", id);
        }
    }
}
