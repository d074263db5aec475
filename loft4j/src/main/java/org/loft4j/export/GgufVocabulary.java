package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;

/**
 * A tokenizer under the keys that llama.cpp reads. Byte-level BPE becomes its {@code gpt2}, with merges; BPE over
 * SentencePiece's words with bytes to fall back on becomes its {@code llama}, where a score takes the place of the merges:
 * llama.cpp joins the pair whose result has the highest score, so a token's score is less the later it is merged.
 */
final class GgufVocabulary {
    private static final String KEY = "tokenizer.ggml.";
    private static final Set<String> LOOK_SPECIAL = Set.of("<pad>", "<mask>", "<2mass>", "[@BOS@]");

    /** Gemma 4's marks of thoughts and calls, which llama.cpp reads in what a model has written, and prints no special tokens. */
    private static final Set<String> SHOWN = Set.of(
            "<|channel>",
            "<channel|>",
            "<|tool_call>",
            "<tool_call|>",
            "<|tool_response>",
            "<tool_response|>",
            "<|\"|>");

    private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

    /** Tokens that no pair makes are never to be the result of one. */
    private static final float NEVER = -1e9f;

    /** llama.cpp's kinds of tokens. */
    private static final int NORMAL = 1;

    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int UNUSED = 5;
    private static final int BYTE_TOKEN = 6;

    private final TokenizerFiles files;
    private final JsonObject json;
    private final JsonObject model;
    private final TextConfig config;
    private final List<String> notes;
    private final String[] tokens;
    private final int[] types;
    private final Map<String, Integer> ids = new HashMap<>();

    private GgufVocabulary(TokenizerFiles files, TextConfig config, int rows, List<String> notes)
            throws CheckpointException {
        this.files = files;
        this.json = files.tokenizer();
        this.model = json.requireObject("model");
        this.config = config;
        this.notes = notes;
        this.tokens = new String[rows];
        this.types = new int[rows];
    }

    /**
     * Puts the tokenizer, and the chat template.
     *
     * @param rows of the embedding, which is the number of tokens; ids that no token has are filled up
     * @param notes gets the tokens that are left out
     * @throws CheckpointException if there is no tokenizer.json, or it is of a kind that llama.cpp does not have
     * @throws ConfigException if the rule is not recognised
     */
    static void put(GgufModel.Options options, TextConfig config, int rows, GgufMetadata metadata, List<String> notes)
            throws IOException {
        new GgufVocabulary(TokenizerFiles.read(options.tokenizer()), config, rows, notes).put(metadata, options);
    }

    /** Whether a tokenizer of SentencePiece's words drops what is blank behind some of its special tokens. */
    static boolean stripsRight(TokenizerFiles files) throws CheckpointException {
        for (JsonNode token : added(files.tokenizer())) {
            if (token.path("rstrip").asBoolean()) {
                return isPieces(files.tokenizer().requireObject("model"));
            }
        }
        return false;
    }

    /** Whether a tokenizer has all of these tokens. */
    static boolean holds(TokenizerFiles files, List<String> texts) throws CheckpointException {
        JsonObject vocabulary = files.tokenizer().requireObject("model").requireObject("vocab");
        Set<String> found = new HashSet<>(vocabulary.keys());
        added(files.tokenizer())
                .forEach(token -> found.add(token.path("content").asText()));
        return found.containsAll(texts);
    }

    private static boolean isPieces(JsonObject model) throws CheckpointException {
        return model.booleanOr("byte_fallback", false);
    }

    private static Iterable<JsonNode> added(JsonObject json) {
        JsonNode added = json.node("added_tokens");
        return added == null ? List.of() : added;
    }

    private void put(GgufMetadata metadata, GgufModel.Options options) throws IOException {
        String pre = options.tokenizerPre();
        if (!model.stringOr("type", "BPE").equals("BPE")) {
            throw model.fault("type", "must be BPE to be exported, found " + model.findString("type"));
        }
        boolean pieces = isPieces(model);
        requireNormalizer(json.node("normalizer"));
        readTokens(pieces);
        // llama.cpp merges the pieces of Gemma 4 by the ranks of pairs
        boolean ranked = pieces && config.architecture() == GgufArchitecture.GEMMA4;
        metadata.text(KEY + "model", ranked ? "gemma4" : pieces ? "llama" : "gpt2");
        metadata.text(KEY + "pre", pre != null ? pre : ranked ? "gemma4" : pieces ? "default" : pre());
        metadata.texts(KEY + "tokens", List.of(tokens));
        if (pieces && !ranked) {
            metadata.numbers(KEY + "scores", scores());
        }
        metadata.wholes(KEY + "token_type", types);
        if (!pieces || ranked) {
            metadata.texts(KEY + "merges", merges());
        }
        Integer bos = id("bos", "bos");
        putId(metadata, "bos", bos);
        Integer closing = options.vectors() == null ? null : closing();
        Integer eos = closing != null ? closing : id("eos", "eos");
        putId(metadata, "eos", eos);
        EndOfAnswer.put(options, config, List.of(tokens), eos, metadata, notes);
        putId(metadata, "unknown", id("unk", "unk"));
        putId(metadata, "padding", id("pad", "pad"));
        metadata.flag(KEY + "add_bos_token", bos != null && adds("bos", 0));
        metadata.flag(KEY + "add_eos_token", closing != null || adds("eos", -1));
        String chatTemplate = options.chatTemplate();
        Map<String, String> templates = chatTemplate == null ? files.chatTemplates() : Map.of("default", chatTemplate);
        if (pieces) {
            metadata.flag(KEY + "add_space_prefix", addsSpace(!templates.isEmpty()));
        }
        putTemplates(metadata, templates);
    }

    private String pre() throws CheckpointException {
        String pre = PreTokenizer.name(json.node("pre_tokenizer"), model.booleanOr("ignore_merges", false));
        if (pre == null) {
            throw new ConfigException(json.file() + ": none of llama.cpp's rules that cut a text is known to be this"
                    + " pre_tokenizer; name it with --tokenizer-pre, as listed in llama.cpp's llama-vocab.cpp");
        }
        if (PreTokenizer.PARTS_MARKS.contains(pre)) {
            notes.add(
                    "llama.cpp cuts words before combining marks, as Hindi and Thai have them, where this tokenizer does not: such"
                            + " texts have other tokens there");
        }
        return pre;
    }

    private void readTokens(boolean pieces) throws CheckpointException {
        JsonNode vocabulary = model.requireObject("vocab").toTree();
        for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
            String text = entry.getKey();
            boolean isByte = pieces && BYTE.matcher(text).matches();
            set(text, entry.getValue().asInt(-1), isByte ? BYTE_TOKEN : NORMAL, text);
        }
        for (JsonNode token : added(json)) {
            String text = token.path("content").asText();
            int id = token.path("id").asInt(-1);
            if (id >= tokens.length && !isEnd(text, id)) {
                notes.add("the added token " + text + " is left out: its id " + id + " has no row in the embedding of "
                        + tokens.length + ", so that the model cannot read it");
                continue;
            }
            boolean control = (token.path("special").asBoolean() || looksSpecial(text)) && !SHOWN.contains(text);
            // SentencePiece's sign for a space; to a byte-level tokenizer it is a character as any other
            boolean spaces = pieces && !control;
            set(text, id, control ? CONTROL : USER_DEFINED, spaces ? text.replace('▁', ' ') : text);
        }
        String unknown = model.findString("unk_token");
        if (pieces && unknown != null && ids.containsKey(unknown)) {
            types[ids.get(unknown)] = UNKNOWN;
        }
        for (int i = 0; i < tokens.length; i++) {
            if (types[i] == 0) {
                tokens[i] = "[PAD" + i + "]";
                types[i] = UNUSED;
            }
        }
    }

    /** Whether a token begins or ends texts, without which there are none. */
    private boolean isEnd(String text, int id) {
        for (String key : List.of("bos", "eos")) {
            Integer configured = configured(key);
            if (text.equals(files.special(key + "_token")) || (configured != null && configured == id)) {
                return true;
            }
        }
        return false;
    }

    private void set(String text, int id, int type, String written) throws CheckpointException {
        if (id < 0 || id >= tokens.length) {
            throw new CheckpointException(
                    json.file(),
                    "token " + text + " has the id " + id + ", but the model's embedding has " + tokens.length
                            + " rows");
        }
        ids.put(text, id);
        tokens[id] = written;
        types[id] = type;
    }

    /** Some files call tokens ordinary that are not to be printed; llama.cpp's converter goes by their looks as well. */
    private static boolean looksSpecial(String text) {
        return (text.startsWith("<|") && text.endsWith("|>"))
                || (text.startsWith("<｜") && text.endsWith("｜>"))
                || (text.startsWith("<unused") && text.endsWith(">"))
                || LOOK_SPECIAL.contains(text);
    }

    private List<String> merges() throws CheckpointException {
        List<String> merges = new ArrayList<>();
        for (String[] pair : pairs()) {
            // a space parts the two, so one inside of them is written as the byte-level alphabet has it
            merges.add(pair[0].replace(' ', 'Ġ') + " " + pair[1].replace(' ', 'Ġ'));
        }
        return merges;
    }

    private float[] scores() throws CheckpointException {
        float[] scores = new float[tokens.length];
        java.util.Arrays.fill(scores, NEVER);
        int rank = 0;
        for (String[] pair : pairs()) {
            Integer id = ids.get(pair[0] + pair[1]);
            if (id != null && scores[id] == NEVER) {
                scores[id] = -rank;
            }
            rank++;
        }
        for (int i = 0; i < scores.length; i++) {
            if (types[i] != NORMAL) {
                scores[i] = types[i] == BYTE_TOKEN || types[i] == UNKNOWN ? 0 : -1000;
            }
        }
        return scores;
    }

    /** The merges in order, as two strings each; old files have one string with a space between them. */
    private List<String[]> pairs() throws CheckpointException {
        JsonNode merges = model.node("merges");
        List<String[]> pairs = new ArrayList<>();
        for (JsonNode merge : merges == null ? List.<JsonNode>of() : merges) {
            if (merge.isArray() && merge.size() == 2) {
                pairs.add(new String[] {merge.get(0).asText(), merge.get(1).asText()});
            } else {
                String text = merge.asText();
                int space = text.indexOf(' ', 1);
                if (space < 0) {
                    throw model.fault("merges", "must hold pairs, found " + text);
                }
                pairs.add(new String[] {text.substring(0, space), text.substring(space + 1)});
            }
        }
        return pairs;
    }

    private @Nullable Integer id(String token, String key) {
        String text = files.special(token + "_token");
        Integer id = text == null ? null : ids.get(text);
        if (id == null) {
            id = configured(key);
        }
        return id != null && id >= 0 && id < tokens.length ? id : null;
    }

    /** The id of a token by config.json, the first where there are several. */
    private @Nullable Integer configured(String key) {
        JsonNode value = config.either(key + "_token_id");
        JsonNode first = value != null && value.isArray() ? value.get(0) : value;
        return first != null && first.isIntegralNumber() ? (Integer) first.intValue() : null;
    }

    /**
     * The token that the tokenizer puts behind the texts that vectors are made of, be it another than an answer's end; null where there is
     * none, or the settings speak of it.
     */
    private @Nullable Integer closing() throws CheckpointException {
        String text = around(-1);
        if (text == null) {
            return null;
        }
        boolean settled = files.flag("add_eos_token") != null && text.equals(files.special("eos_token"));
        return settled ? null : ids.get(text);
    }

    private void putId(GgufMetadata metadata, String name, @Nullable Integer id) {
        if (id != null) {
            metadata.count(KEY + name + "_token_id", id);
        }
    }

    /** Whether a text gets the token at its start or end: by the tokenizer's settings, else by its template. */
    private boolean adds(String token, int position) throws CheckpointException {
        Boolean said = files.flag("add_" + token + "_token");
        if (said != null) {
            return said;
        }
        String text = around(position);
        return text != null && text.equals(files.special(token + "_token"));
    }

    /** The special token that the tokenizer's template has at the start or end of a text; null for none. */
    private @Nullable String around(int position) {
        JsonNode after = json.node("post_processor");
        if (after == null) {
            return null;
        }
        for (JsonNode step : after.has("processors") ? after.get("processors") : List.of(after)) {
            JsonNode single = step.path("single");
            if (step.path("type").asText().equals("TemplateProcessing") && single.size() > 1) {
                JsonNode at = single.get(position < 0 ? single.size() + position : position);
                String text = at.path("SpecialToken").path("id").asText();
                return text.isEmpty() ? null : text;
            }
        }
        return null;
    }

    /**
     * Whether llama.cpp is to put a space before a text, and behind every special token: it has no tokenizer that does the one and not
     * the other. In conversations all that is said stands behind such a token.
     *
     * @param converses whether there is a chat template
     */
    private boolean addsSpace(boolean converses) {
        JsonNode normalizer = json.node("normalizer");
        for (JsonNode step : steps(normalizer, "normalizers")) {
            if (step.path("type").asText().equals("Prepend")) {
                return true;
            }
        }
        for (JsonNode step : steps(json.node("pre_tokenizer"), "pretokenizers")) {
            if (step.path("type").asText().equals("Metaspace")) {
                String scheme = step.path("prepend_scheme").asText("always");
                if (scheme.equals("first")) {
                    notes.add(
                            "the tokenizer puts a space before a text and none behind special tokens, which llama.cpp cannot: "
                                    + (converses
                                            ? "it puts none, as conversations need it; begin a prompt without turns with a space"
                                            : "it puts one behind special tokens too"));
                    return !converses;
                }
                return !scheme.equals("never") && step.path("add_prefix_space").asBoolean(true);
            }
        }
        return false;
    }

    private static Iterable<JsonNode> steps(@Nullable JsonNode node, String list) {
        return node == null ? List.of() : node.has(list) ? node.get(list) : List.of(node);
    }

    private void requireNormalizer(@Nullable JsonNode normalizer) throws CheckpointException {
        for (JsonNode step : steps(normalizer, "normalizers")) {
            String type = step.path("type").asText();
            if (!List.of("Prepend", "Replace", "NFC", "Sequence", "").contains(type)) {
                throw json.fault("normalizer", "is " + type + ", which llama.cpp does not do");
            }
            if (type.equals("NFC")) {
                notes.add("llama.cpp composes no characters (NFC), as this tokenizer does: a text whose é is an e and a"
                        + " mark has other tokens there");
            }
        }
    }

    private static void putTemplates(GgufMetadata metadata, Map<String, String> templates) {
        List<String> others = new ArrayList<>();
        for (Map.Entry<String, String> template : templates.entrySet()) {
            if (template.getKey().equals("default")) {
                metadata.text("tokenizer.chat_template", template.getValue());
            } else {
                metadata.text("tokenizer.chat_template." + template.getKey(), template.getValue());
                others.add(template.getKey());
            }
        }
        if (!others.isEmpty()) {
            metadata.texts("tokenizer.chat_templates", others);
        }
    }
}
