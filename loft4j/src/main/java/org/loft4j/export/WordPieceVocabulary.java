package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
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
        JsonNode after = requireTemplate(json);
        Integer first = around(after, 0, "cls");
        Integer last = around(after, 2, "sep");
        if (first == null || last == null) {
            throw json.fault(
                    "post_processor", "must put one token before a text and one behind it for llama.cpp's bert");
        }
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
        requireOnce(json, tokens, ids);
        metadata.text(KEY + "model", "bert");
        metadata.text(KEY + "pre", "default");
        metadata.texts(KEY + "tokens", List.of(tokens));
        metadata.wholes(KEY + "token_type", types);
        metadata.flag(KEY + "add_bos_token", true);
        metadata.flag(KEY + "add_sep_token", true);
        putId(metadata, "bos", first);
        putId(metadata, "cls", first);
        // llama.cpp's spelling
        putId(metadata, "seperator", last);
        putId(metadata, "unknown", ids.get(model.stringOr("unk_token", "[UNK]")));
        putId(metadata, "padding", special(files, ids, "pad_token", "[PAD]"));
        putId(metadata, "mask", special(files, ids, "mask_token", "[MASK]"));
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

    private static JsonNode requireTemplate(JsonObject json) throws CheckpointException {
        JsonNode after = json.node("post_processor");
        if (after == null) {
            throw json.fault(
                    "post_processor",
                    "must put a token before a text and one behind it, as llama.cpp's bert always does");
        }
        return after;
    }

    /**
     * The id of the token that is put before a text or behind it; null for none, or several. The settings beside tokenizer.json may not
     * name it.
     *
     * @param place in a template
     * @param key in what old files have in its place
     */
    private static @Nullable Integer around(JsonNode after, int place, String key) {
        JsonNode single = after.path("single");
        JsonNode id = after.path("type").asText().equals("BertProcessing")
                ? after.path(key).path(1)
                : single.size() == 3
                        ? idIn(
                                after,
                                single.get(place)
                                        .path("SpecialToken")
                                        .path("id")
                                        .asText())
                        : MissingNode.getInstance();
        return id.isIntegralNumber() ? (Integer) id.asInt() : null;
    }

    private static JsonNode idIn(JsonNode after, String name) {
        JsonNode ids = after.path("special_tokens").path(name).path("ids");
        return ids.size() == 1 ? ids.get(0) : MissingNode.getInstance();
    }

    /** llama.cpp marks the beginnings of words, and stops where an added token is written as what goes on with one. */
    private static void requireOnce(JsonObject json, String[] tokens, Map<String, Integer> ids)
            throws CheckpointException {
        Map<String, Integer> written = new HashMap<>();
        for (int i = 0; i < tokens.length; i++) {
            Integer other = written.put(tokens[i], i);
            if (other != null) {
                throw new CheckpointException(
                        json.file(),
                        "has the tokens " + text(ids, other) + " and " + text(ids, i) + ", ids " + other + " and " + i
                                + ", which are both " + tokens[i] + " in llama.cpp's bert, and it loads no such file");
            }
        }
    }

    private static String text(Map<String, Integer> ids, int id) {
        return ids.entrySet().stream()
                .filter(entry -> entry.getValue() == id)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse("without a text");
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
        if (strips) {
            notes.add(
                    "llama.cpp drops spacing marks (Mc), such as vowels of Hindi and Tamil, along with accents, where the"
                            + " tokenizer keeps them: such texts have other tokens there");
        }
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

    private static @Nullable Integer special(
            TokenizerFiles files, Map<String, Integer> ids, String key, String absent) {
        String text = files.special(key);
        return ids.get(text == null ? absent : text);
    }

    private static void putId(GgufMetadata metadata, String key, @Nullable Integer id) {
        if (id != null) {
            metadata.count(KEY + key + "_token_id", id);
        }
    }
}
