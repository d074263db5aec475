package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The name under which llama.cpp knows how a byte-level tokenizer cuts a text before it merges. llama.cpp has these rules
 * built in and chooses by name; tokenizer.json spells them as regular expressions, by which they are recognised.
 */
final class PreTokenizer {
    /** The rules that take marks for letters, which llama.cpp's versions of them do not. */
    static final Set<String> PARTS_MARKS = Set.of("gpt-4o", "tekken");

    private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private static final String TAIL = "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String PUNCTUATION = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
    private static final String PUNCTUATION_OR_SLASH = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";
    private static final String WORD = "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
    private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String CASED = "[^\\r\\n\\p{L}\\p{N}]?" + UPPER + "*" + LOWER + "+";
    private static final String CAPITALS = "|[^\\r\\n\\p{L}\\p{N}]?" + UPPER + "+" + LOWER + "*";

    private static final String DIGITS_BY_THREE = CONTRACTIONS + WORD + "|\\p{N}{1,3}" + PUNCTUATION + TAIL;

    private static final Map<String, String> BY_PATTERN = Map.of(
            CONTRACTIONS + WORD + "|\\p{N}" + PUNCTUATION + TAIL,
            "qwen2",
            CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" + TAIL,
            "qwen35",
            CASED + CONTRACTIONS + "?" + CAPITALS + CONTRACTIONS + "?|\\p{N}{1,3}" + PUNCTUATION_OR_SLASH + TAIL,
            "gpt-4o",
            CASED + CAPITALS + "|\\p{N}" + PUNCTUATION_OR_SLASH + TAIL,
            "tekken");

    /** DeepSeek V3's, one after the other. */
    private static final List<String> DEEPSEEK_V3 = List.of(
            "\\p{N}{1,3}",
            "[一-龥\u3040-ゟ゠-ヿ]+",
            "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                    + "| ?[\\p{P}\\p{S}]+[\\r\\n]*" + TAIL);

    private PreTokenizer() {}

    /** @param ignoresMerges whether a word that is in the vocabulary is taken whole, which llama.cpp ties to the name */
    static @Nullable String name(@Nullable JsonNode preTokenizer, boolean ignoresMerges) {
        List<JsonNode> steps = steps(preTokenizer);
        List<String> patterns = new ArrayList<>();
        boolean digits = false;
        boolean ownWords = false;
        for (JsonNode step : steps) {
            switch (step.path("type").asText()) {
                case "Split" ->
                    patterns.add(spelled(step.path("pattern").path("Regex").asText()));
                case "Digits" -> digits = step.path("individual_digits").asBoolean();
                case "ByteLevel" -> ownWords = step.path("use_regex").asBoolean(true);
                default -> {
                    return null;
                }
            }
        }
        if (patterns.isEmpty()) {
            return !ownWords ? null : digits ? "smollm" : "gpt-2";
        }
        if (patterns.equals(DEEPSEEK_V3) && !digits && !ownWords) {
            return "deepseek-v3";
        }
        if (patterns.size() > 1 || digits || ownWords) {
            return null;
        }
        if (patterns.get(0).equals(DIGITS_BY_THREE)) {
            return ignoresMerges ? "llama-bpe" : "dbrx";
        }
        return BY_PATTERN.get(patterns.get(0));
    }

    /** With escapes for the line ends that some files have as they are. */
    private static String spelled(String pattern) {
        return pattern.replace("\r", "\\r").replace("\n", "\\n");
    }

    private static List<JsonNode> steps(@Nullable JsonNode preTokenizer) {
        List<JsonNode> steps = new ArrayList<>();
        if (preTokenizer != null && preTokenizer.path("type").asText().equals("Sequence")) {
            preTokenizer.path("pretokenizers").forEach(steps::add);
        } else if (preTokenizer != null) {
            steps.add(preTokenizer);
        }
        return steps;
    }
}
