package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;

/**
 * The codes of languages that tokenizers of translations put around texts: that of what is read, and that of what is written. They
 * stand in tokenizer_config.json ({@code src_lang}, {@code tgt_lang}); where in a text each stands follows from the class of the
 * tokenizer, and not from tokenizer.json, as in Transformers. The class is the {@code tokenizer_class} of tokenizer_config.json,
 * else of config.json, else that of its {@code model_type}; where neither says it, or the vocabulary has no English of that class, it
 * is the one whose English the vocabulary has.
 *
 * @param source of texts that are read
 * @param target of those that are written; null where nobody says it
 * @param tokenizer its class, without {@code Fast}
 * @param codeFirst whether the code stands before a text, and not behind its end
 * @param end id of the end of a text
 * @param file that says it
 */
public record Languages(Code source, @Nullable Code target, String tokenizer, boolean codeFirst, long end, Path file) {
    /** Key of the language that is read, in tokenizer_config.json. */
    public static final String SOURCE = "src_lang";

    /** Key of the language that is written. */
    public static final String TARGET = "tgt_lang";

    /** The file with the two. */
    public static final String FILE = "tokenizer_config.json";

    /** The class of the tokenizer of mBART-25, whose models begin to write with the code. */
    private static final String MBART = "MBartTokenizer";

    /** The class of the tokenizer of mBART-50. */
    private static final String MBART_50 = "MBart50Tokenizer";

    private static final String NLLB = "NllbTokenizer";

    /** A language of mBART-50 that mBART-25 has not. */
    private static final String OF_MBART_50 = "uk_UA";

    /** The class whose tokens of languages have lines around the name. */
    private static final String M2M_100 = "M2M100Tokenizer";

    /** The language that classes take texts to be in where the file does not say it. */
    private static final Map<String, String> USUAL =
            Map.of(M2M_100, "en", MBART_50, "en_XX", MBART, "en_XX", NLLB, "eng_Latn");

    /** The class of the tokenizers of models whose files do not name it. */
    private static final Map<String, String> OF_MODELS = Map.of(
            "m2m_100", M2M_100,
            "mbart", MBART);

    /**
     * A language.
     *
     * @param name as the file has it
     * @param id of its token
     */
    public record Code(String name, long id) {}

    /**
     * Reads those of a tokenizer; null for one that has none.
     *
     * @param modelDirectory whose config.json is read where {@code directory} has none
     */
    static @Nullable Languages read(
            Path directory, Path modelDirectory, Function<String, OptionalLong> vocabulary, SpecialTokens special)
            throws CheckpointException {
        Path file = directory.resolve(FILE);
        JsonNode config = SpecialTokens.json(file);
        JsonNode model = SpecialTokens.json(SpecialTokens.ofModel(directory, modelDirectory, "config.json"));
        String name = tokenizer(config, model, vocabulary);
        String usual = USUAL.get(name);
        if (usual == null || special.eos().isEmpty()) {
            return null;
        }
        try {
            Code source = code(SOURCE, named(config, SOURCE), name, vocabulary, special);
            Code target = code(TARGET, named(config, TARGET), name, vocabulary, special);
            if (source == null) {
                OptionalLong id = id(usual, name, vocabulary);
                if (id.isEmpty() && target == null) {
                    // without codes it is like any other
                    return null;
                }
                if (id.isEmpty()) {
                    throw new ConfigException(SOURCE + " must name the language of what is read, as " + TARGET
                            + " does of what is written");
                }
                source = new Code(usual, id.getAsLong());
            }
            boolean behind = name.equals(MBART)
                    || name.equals(NLLB) && config.path("legacy_behaviour").asBoolean(false);
            return new Languages(source, target, name, !behind, special.eos().getAsLong(), file);
        } catch (ConfigException e) {
            throw new CheckpointException(file, String.valueOf(e.getMessage()), e);
        }
    }

    private static String tokenizer(JsonNode tokenizer, JsonNode model, Function<String, OptionalLong> vocabulary) {
        String name = tokenizer.path("tokenizer_class").asText("");
        if (name.isEmpty()) {
            name = model.path("tokenizer_class").asText("");
        }
        if (!name.isEmpty()) {
            return name.replaceFirst("Fast$", "");
        }
        String type = model.path("model_type").asText("");
        String ofModel = OF_MODELS.getOrDefault(type, "");
        boolean isOther = ofModel.isEmpty() && !type.isEmpty();
        return isOther || hasEnglish(ofModel, vocabulary)
                ? ofModel
                : Stream.of(NLLB, M2M_100, vocabulary.apply(OF_MBART_50).isPresent() ? MBART_50 : MBART)
                        .filter(known -> hasEnglish(known, vocabulary))
                        .findFirst()
                        .orElse(ofModel);
    }

    private static boolean hasEnglish(String tokenizer, Function<String, OptionalLong> vocabulary) {
        String usual = USUAL.get(tokenizer);
        return usual != null && id(usual, tokenizer, vocabulary).isPresent();
    }

    private static @Nullable String named(JsonNode config, String key) {
        JsonNode value = config.path(key);
        return value.isMissingNode() || value.isNull() ? null : value.asText();
    }

    private static @Nullable Code code(
            String key,
            @Nullable String name,
            String tokenizer,
            Function<String, OptionalLong> vocabulary,
            SpecialTokens special) {
        if (name == null) {
            return null;
        }
        OptionalLong id = id(name, tokenizer, vocabulary);
        if (id.isEmpty() || special.roles().contains(id.getAsLong())) {
            throw new ConfigException(key
                    + " must be the code of a language that is a token of tokenizer.json, such as de_DE (mBART), deu_Latn (NLLB)"
                    + " or de (M2M-100), got " + Shown.text(name)
                    + (id.isEmpty() ? "" : ", a special token that is no language"));
        }
        return new Code(name, id.getAsLong());
    }

    private static OptionalLong id(String name, String tokenizer, Function<String, OptionalLong> vocabulary) {
        return vocabulary.apply(tokenizer.equals(M2M_100) ? "__" + name + "__" : name);
    }

    /** Others where they are named. */
    Languages between(
            @Nullable String read,
            @Nullable String written,
            Function<String, OptionalLong> vocabulary,
            SpecialTokens special) {
        Code from = code("--source-language", read, tokenizer, vocabulary, special);
        Code to = code("--target-language", written, tokenizer, vocabulary, special);
        return new Languages(from == null ? source : from, to == null ? target : to, tokenizer, codeFirst, end, file);
    }

    /** Whether a text that is written begins with the code in place of {@code decoder_start_token_id}, and not behind it. */
    public boolean startsWithCode() {
        return tokenizer.equals(MBART);
    }

    /**
     * The code of texts that are written.
     *
     * @throws ConfigException if nobody says it
     */
    public Code requireTarget() {
        if (target == null) {
            throw new ConfigException(
                    "the language that is written must be named (--target-language, or " + TARGET + " in "
                            + file
                            + "), such as de_DE (mBART), deu_Latn (NLLB) or de (M2M-100), and that which is read where it is not "
                            + source.name() + " (--source-language, " + SOURCE + ")");
        }
        return target;
    }

    /** A text with a code and its end, in place of what a file puts around texts. */
    TokenizedText around(TokenizedText text, Code code) {
        int[] content = text.content();
        int[] ids = new int[content.length + 2];
        System.arraycopy(content, 0, ids, codeFirst ? 1 : 0, content.length);
        int last = ids.length - 1;
        ids[codeFirst ? 0 : last] = Math.toIntExact(code.id());
        ids[codeFirst ? last : last - 1] = Math.toIntExact(end);
        return new TokenizedText(ids, codeFirst ? 1 : 0, codeFirst ? 1 : 2);
    }
}
