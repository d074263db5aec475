package org.loft4j.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.loft4j.CheckpointException;
import org.loft4j.FileFault;
import org.loft4j.Shown;

/**
 * Reads tokenizer.json and makes sure that the native library can be given it: that one ends the whole process at what it does
 * not expect, at a comma that is missing as at a pattern that takes too long. The vocabulary is looked through as it streams by,
 * the rest by {@link TokenizerParts}.
 */
final class TokenizerFile {
    private static final long LARGEST = 256L << 20;
    // the native parser gives up at 128 levels
    private static final int DEEPEST = 64;
    /** Bytes: a Unigram becomes a tree with a level for each, which the native library frees by recursion. */
    private static final int LONGEST_PIECE = 1024;
    /** Characters: a WordPiece takes a word apart in time with the cube of its length, 15 s for 5,000. */
    private static final int LONGEST_WORD = 1000;

    private static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(DEEPEST)
                    .maxNumberLength(100)
                    .maxNameLength(1 << 20)
                    .maxStringLength(64 << 20)
                    .build())
            .build());

    private final TokenizerParts parts;
    private String prefix = "";
    private long largest = -1;
    private long vocabularySize;
    private boolean vocabularyFirst;

    /** By their content, in the order of the file. */
    private final Map<String, Long> addedTokens = new LinkedHashMap<>();

    /** The ids that the vocabulary gives to added tokens. */
    private final Map<String, Long> inVocabulary = new HashMap<>();

    private TokenizerFile(Path file) {
        this.parts = new TokenizerParts(file);
    }

    /** One more than the largest id of the vocabulary and the added tokens. */
    static long ids(Path file) throws CheckpointException {
        TokenizerFile reader = new TokenizerFile(file);
        reader.whole(file);
        return reader.largest + 1;
    }

    /** The bytes of the file, looked through. */
    static byte[] read(Path file) throws CheckpointException {
        return new TokenizerFile(file).whole(file);
    }

    private byte[] whole(Path file) throws CheckpointException {
        try {
            if (Files.size(file) > LARGEST) {
                throw new CheckpointException(file, "has more than " + (LARGEST >> 20) + " MiB: not a tokenizer");
            }
            byte[] bytes = Files.readAllBytes(file);
            read(bytes);
            if (!prefix.isEmpty() || (vocabularyFirst && !addedTokens.isEmpty())) {
                // merges may stand before the prefix that they are cut by, and a vocabulary before what is added to it
                read(bytes);
            }
            requireIdsOfTheFile();
            return bytes;
        } catch (CheckpointException e) {
            throw e;
        } catch (CharacterCodingException e) {
            throw new CheckpointException(file, "is not UTF-8 text", e);
        } catch (JsonProcessingException e) {
            throw new CheckpointException(file, "is not valid JSON: " + Shown.text(e.getOriginalMessage()), e);
        } catch (IOException e) {
            throw new CheckpointException(file, "cannot be read: " + FileFault.of(e), e);
        }
    }

    /**
     * The native library, that of Transformers too, passes over the ids of added tokens: one that the vocabulary lacks gets the next
     * number, whatever the file says, and GGUF, which has the ids of the file, would be of another tokenizer.
     */
    private void requireIdsOfTheFile() throws CheckpointException {
        long last = -1;
        for (Map.Entry<String, Long> added : addedTokens.entrySet()) {
            long given = inVocabulary.getOrDefault(added.getKey(), Math.max(last + 1, vocabularySize));
            last = Math.max(last, given);
            parts.require(
                    given == added.getValue(),
                    () -> "the added token " + Quoted.text(added.getKey()) + " has the id " + added.getValue()
                            + ", and would be read as " + given
                            + ": behind the vocabulary the ids must go on without a gap, in the order of \"added_tokens\";"
                            + " fill the gap with tokens that no text has");
        }
    }

    private void read(byte[] bytes) throws IOException {
        vocabularySize = 0;
        var text = new InputStreamReader(new ByteArrayInputStream(bytes), StandardCharsets.UTF_8.newDecoder());
        try (JsonParser json = MAPPER.createParser(text)) {
            parts.require(json.nextToken() == JsonToken.START_OBJECT, "must hold a JSON object");
            boolean model = false;
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = parts.text(json.currentName());
                JsonToken value = json.nextToken();
                if (key.equals("model")) {
                    parts.require(value == JsonToken.START_OBJECT, "\"model\" must be an object");
                    vocabularyFirst |= addedTokens.isEmpty();
                    model(json);
                    model = true;
                } else {
                    JsonNode part = MAPPER.readTree(json);
                    parts.check(key, part);
                    if (key.equals("added_tokens")) {
                        part.forEach(this::added);
                    }
                }
            }
            parts.require(model, "\"model\" is missing");
            parts.require(json.nextToken() == null, "must hold one JSON object, and holds more");
        }
    }

    private void added(JsonNode token) {
        long id = token.path("id").asLong(-1);
        largest = Math.max(largest, id);
        String content = token.path("content").asText();
        if (!content.isEmpty()) {
            addedTokens.putIfAbsent(content, id);
        }
    }

    private void inVocabulary(String token, long id) {
        vocabularySize++;
        largest = Math.max(largest, id);
        if (addedTokens.containsKey(token)) {
            inVocabulary.put(token, id);
        }
    }

    private void model(JsonParser json) throws IOException {
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = parts.text(json.currentName());
            JsonToken value = json.nextToken();
            if (key.equals("vocab") && value == JsonToken.START_OBJECT) {
                ids(json);
            } else if (key.equals("vocab") && value == JsonToken.START_ARRAY) {
                scores(json);
            } else if (key.equals("merges")) {
                parts.require(value == JsonToken.START_ARRAY, "\"merges\" must be an array");
                merges(json);
            } else {
                JsonNode setting = MAPPER.readTree(json);
                parts.check("model." + key, setting);
                parts.require(
                        !key.equals("max_input_chars_per_word") || setting.asLong(0) <= LONGEST_WORD,
                        "\"max_input_chars_per_word\" must be at most " + LONGEST_WORD);
                if (key.equals("continuing_subword_prefix") && setting.isTextual()) {
                    prefix = setting.textValue();
                }
            }
        }
    }

    private void ids(JsonParser json) throws IOException {
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String token = parts.text(json.currentName());
            json.nextToken();
            parts.require(
                    json.currentToken() == JsonToken.VALUE_NUMBER_INT
                            && json.getNumberType() == JsonParser.NumberType.INT
                            && json.getIntValue() >= 0,
                    () -> "the vocabulary must give a whole number from 0 to 2^31 - 1 for " + Quoted.text(token));
            inVocabulary(token, json.getIntValue());
        }
    }

    private void scores(JsonParser json) throws IOException {
        for (long id = 0; json.nextToken() == JsonToken.START_ARRAY; id++) {
            String token = merged(json);
            inVocabulary(token, id);
            parts.require(
                    token.length() <= LONGEST_PIECE && token.getBytes(StandardCharsets.UTF_8).length <= LONGEST_PIECE,
                    () -> "a piece of the vocabulary has more than " + LONGEST_PIECE + " bytes: " + Quoted.text(token));
            JsonToken score = json.nextToken();
            parts.require(
                    score.isNumeric()
                            && Double.isFinite(json.getDoubleValue())
                            && json.nextToken() == JsonToken.END_ARRAY,
                    () -> "the vocabulary must give one finite number for " + Quoted.text(token));
        }
        parts.require(json.currentToken() == JsonToken.END_ARRAY, "\"vocab\" must hold pairs of a text and a number");
    }

    /** Each is a text with a blank in it, or two texts. */
    private void merges(JsonParser json) throws IOException {
        while (json.nextToken() != JsonToken.END_ARRAY) {
            String right;
            if (json.currentToken() == JsonToken.START_ARRAY) {
                merged(json);
                right = merged(json);
                parts.require(json.nextToken() == JsonToken.END_ARRAY, "a merge must be of two texts");
            } else {
                parts.require(json.currentToken() == JsonToken.VALUE_STRING, "a merge must be of two texts");
                String both = parts.text(json.getText());
                right = both.substring(both.indexOf(' ') + 1);
            }
            parts.require(
                    right.startsWith(prefix),
                    () -> "the merge with " + Quoted.text(right) + " must go on with continuing_subword_prefix "
                            + Quoted.text(prefix));
        }
    }

    private String merged(JsonParser json) throws IOException {
        parts.require(json.nextToken() == JsonToken.VALUE_STRING, "vocabulary and merges must be of texts");
        return parts.text(json.getText());
    }
}
