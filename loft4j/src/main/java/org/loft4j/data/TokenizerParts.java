package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Supplier;
import org.loft4j.CheckpointException;

/**
 * What must hold for the parts of a tokenizer.json, so that they neither end the process nor fill the memory in native code.
 * Parts are known by their fields, as the native library knows them where a type is missing.
 */
final class TokenizerParts {
    private static final int LONGEST_ADDED_TOKEN = 1024;

    /** Bytes that normalizers or decoders, one behind the other, may make of one. */
    private static final double MOST_GROWTH = 1000;

    private final Path file;
    private double growth = 1;

    TokenizerParts(Path file) {
        this.file = file;
    }

    /**
     * Checks a part.
     *
     * @param name its key at the top of the file, for messages
     */
    void check(String name, JsonNode part) throws CheckpointException {
        growth = 1;
        walk(name, part);
    }

    private void walk(String name, JsonNode node) throws CheckpointException {
        if (node.isTextual()) {
            text(node.textValue());
        } else if (node.isNumber()) {
            require(Double.isFinite(node.doubleValue()), () -> "\"" + name + "\" holds a number that is not finite");
        } else if (node.isArray()) {
            for (JsonNode element : node) {
                walk(name, element);
            }
        } else if (node.isObject()) {
            for (Map.Entry<String, JsonNode> entry : node.properties()) {
                text(entry.getKey());
                walk(name, entry.getValue());
            }
            component(name, node);
        }
    }

    private void component(String name, JsonNode node) throws CheckpointException {
        if (name.equals("added_tokens")) {
            // what finds them takes time with the square of their length: 16,384 characters take seconds
            require(
                    node.path("content").asText().length() <= LONGEST_ADDED_TOKEN,
                    "\"added_tokens\" holds one of more than " + LONGEST_ADDED_TOKEN + " characters");
        }
        if (node.has("stop")) {
            require(node.path("stop").asLong(0) == 0, "\"" + name + "\": a Strip with a \"stop\" cannot be used");
        }
        if (node.has("length")) {
            require(node.path("length").asLong(0) >= 1, "\"" + name + "\": \"length\" must be at least 1");
        }
        if (node.has("precompiled_charsmap") || node.path("type").asText().equals("Precompiled")) {
            require(
                    PrecompiledMap.isSound(node.path("precompiled_charsmap")),
                    "\"" + name + "\": \"precompiled_charsmap\" is damaged or missing");
        }
        if (node.path("pattern").has("Regex")) {
            String fault = RegexCheck.fault(node.path("pattern").path("Regex").asText());
            require(fault == null, "\"" + name + "\": a Regex that " + fault + " is not used");
        }
        if (node.has("pattern") && node.has("content")) {
            JsonNode plain = node.path("pattern").path("String");
            require(
                    plain.isMissingNode() || !plain.asText().isEmpty(),
                    "\"" + name + "\": a Replace of nothing cannot be used");
            require(
                    !RegexCheck.matchesNothing(
                            node.path("pattern").path("Regex").asText("")),
                    "\"" + name + "\": a Replace of a Regex that fits no characters cannot be used");
            grow(name, bytes(node.path("content")) / Math.max(1, bytes(plain)));
        }
        if (node.has("prepend")) {
            require(
                    !node.path("prepend").asText("").isEmpty(),
                    "\"" + name + "\": a Prepend of nothing cannot be used");
            grow(name, 1 + bytes(node.path("prepend")) / 16);
        }
        if (node.has("special_tokens") || node.has("single")) {
            template(name, node);
        }
    }

    private static double bytes(JsonNode text) {
        return text.asText("").getBytes(StandardCharsets.UTF_8).length;
    }

    private void grow(String name, double factor) throws CheckpointException {
        growth *= Math.max(1, factor);
        require(growth <= MOST_GROWTH, "\"" + name + "\" makes texts more than " + MOST_GROWTH + " times as long");
    }

    /** A template must not speak of a second text where there is one, nor of a token that it does not tell. */
    private void template(String name, JsonNode node) throws CheckpointException {
        JsonNode tokens = node.path("special_tokens");
        for (JsonNode token : tokens) {
            require(
                    token.path("ids").size() == token.path("tokens").size(),
                    "\"" + name + "\": a special token must have as many ids as tokens");
        }
        for (String pieces : new String[] {"single", "pair"}) {
            for (JsonNode piece : node.path(pieces)) {
                JsonNode special = piece.path("SpecialToken").path("id");
                require(
                        special.isMissingNode() || tokens.has(special.asText()),
                        "\"" + name + "\" uses the special token " + Quoted.text(special.asText())
                                + ", which it does not tell");
                require(
                        pieces.equals("pair")
                                || !piece.path("Sequence").path("id").asText().equals("B"),
                        "\"" + name + "\": \"single\" has a second sequence");
            }
        }
    }

    /** A text that is one in UTF-8 too: the native parser takes no half of a surrogate pair. */
    String text(String text) throws CheckpointException {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                require(
                        Character.isHighSurrogate(c)
                                && i + 1 < text.length()
                                && Character.isLowSurrogate(text.charAt(i + 1)),
                        "a text holds half of a surrogate pair");
                i++;
            }
        }
        return text;
    }

    void require(boolean holds, String fault) throws CheckpointException {
        require(holds, () -> fault);
    }

    /** For what is asked of each entry of a vocabulary: the message is made only where it is told. */
    void require(boolean holds, Supplier<String> fault) throws CheckpointException {
        if (!holds) {
            throw new CheckpointException(file, "is not a tokenizer that can be used: " + fault.get());
        }
    }
}
