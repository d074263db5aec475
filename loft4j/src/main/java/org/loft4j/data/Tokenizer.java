package org.loft4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.Links;
import org.loft4j.Shown;

/**
 * The tokenizer of a model directory: Hugging Face's own, from tokenizer.json. Truncation and padding that the file may switch on
 * are switched off; both are done here, by the caller's numbers.
 *
 * <p>Several threads may encode and decode at once. {@link #close} must come after all of them: it frees native memory.
 */
public final class Tokenizer implements AutoCloseable {
    /** What a tokenizer and its chat template may lie in, beside the weights of a model. */
    public static final List<String> FILES = List.of(
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.txt",
            "vocab.json",
            "merges.txt",
            "tokenizer.model",
            "spiece.model",
            "spm.model",
            "sentencepiece.bpe.model",
            "chat_template.jinja",
            "chat_template.json");

    private final Path directory;
    private final NativeTokenizer tokenizer;
    private final SpecialTokens special;
    private final EdgeTokens edges;
    private final @Nullable Languages languages;
    private final int specialCount;
    private volatile @Nullable PairTemplate pairs;

    private Tokenizer(Path directory, Path modelDirectory, NativeTokenizer tokenizer) throws CheckpointException {
        this.directory = directory;
        this.tokenizer = tokenizer;
        this.special = SpecialTokens.read(directory, modelDirectory, tokenizer::idOf);
        this.edges = EdgeTokens.of(special);
        this.languages = Languages.read(directory, modelDirectory, tokenizer::idOf, special);
        this.specialCount = tokenize("").ids().length;
    }

    private Tokenizer(Tokenizer other, Languages languages) {
        this.directory = other.directory;
        this.tokenizer = other.tokenizer;
        this.special = other.special;
        this.edges = other.edges;
        this.specialCount = other.specialCount;
        this.languages = languages;
    }

    /**
     * The same for a translation between other languages than its files name. It is closed with this one.
     *
     * @param source code of the language that is read; null for that of the files
     * @param target code of the language that is written; null likewise
     * @throws ConfigException if the tokenizer has no codes of languages, or not these
     */
    public Tokenizer between(@Nullable String source, @Nullable String target) {
        if (source == null && target == null) {
            return this;
        }
        if (languages == null) {
            throw new ConfigException("the tokenizer of " + directory
                    + " has no codes of languages (tokenizer_class is none of mBART, NLLB and M2M-100), and is asked for "
                    + (source == null ? target : source)
                    + ": leave --source-language and --target-language out, or name its class in " + Languages.FILE
                    + ", such as \"tokenizer_class\": \"NllbTokenizer\"");
        }
        return new Tokenizer(this, languages.between(source, target, tokenizer::idOf, special));
    }

    /**
     * Those of {@link #FILES} that lie in a directory, and the chat templates in a folder of theirs, by their paths in it.
     *
     * @throws CheckpointException if one is a link to some other file of this machine
     */
    public static List<Path> filesIn(Path directory) throws IOException {
        Stream<Path> plain = FILES.stream().map(Path::of).filter(file -> Files.isRegularFile(directory.resolve(file)));
        List<Path> files = Stream.concat(plain, ChatTemplateFiles.additional(directory).stream())
                .toList();
        for (Path file : files) {
            Links.requireOwn(directory, file);
        }
        return files;
    }

    /**
     * Opens the tokenizer of a model directory.
     *
     * @throws CheckpointException if there is no such directory or no tokenizer.json, or it or one of the files beside it cannot be
     *     used
     */
    public static Tokenizer open(Path modelDirectory) throws IOException {
        return open(modelDirectory, modelDirectory);
    }

    /** @param modelDirectory whose config.json and generation_config.json are read where there are none beside the tokenizer */
    static Tokenizer open(Path directory, Path modelDirectory) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new CheckpointException(directory, "there is no such directory");
        }
        Path file = directory.resolve("tokenizer.json");
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException(
                    file,
                    "there is no such file; a tokenizer in another format becomes one by"
                            + " AutoTokenizer.from_pretrained(…).save_pretrained(…) in Python");
        }
        NativeTokenizer tokenizer = NativeTokenizer.open(file);
        try {
            return new Tokenizer(directory, modelDirectory, tokenizer);
        } catch (IOException e) {
            tokenizer.close();
            throw e;
        } catch (RuntimeException e) {
            tokenizer.close();
            throw new CheckpointException(
                    file, "is not a tokenizer that can be used: " + Shown.text(String.valueOf(e.getMessage())), e);
        }
    }

    /** The ids of a text, however long. */
    public long[] encode(String text, boolean addSpecialTokens) {
        return addSpecialTokens
                ? Arrays.stream(tokenize(text).ids()).asLongStream().toArray()
                : tokenizer.ids(text, false).ids();
    }

    /**
     * The ids of a text that a model is to continue, as training reads a prompt: with the special tokens before the text, and
     * without those behind it, which would end it. A text that begins with the beginning, as a template writes it, gets no second one.
     */
    public long[] encodePrompt(String text) {
        TokenizedText tokens = tokenize(text).beginningOnce(bosId());
        return Arrays.stream(tokens.ids(), 0, tokens.ids().length - tokens.trailing())
                .asLongStream()
                .toArray();
    }

    /**
     * The ids of a text with special tokens, of which at most {@code maxLength} are kept: the end of the text is cut, the special
     * tokens on both sides stay.
     */
    public long[] encodeTruncated(String text, int maxLength) {
        requireRoom(maxLength);
        return Arrays.stream(tokenize(text).truncate(maxLength).ids())
                .asLongStream()
                .toArray();
    }

    /**
     * A pair of texts with the special tokens around and between them, and without labels: at most {@code maxLength} tokens, the
     * longer text cut first.
     *
     * @throws ConfigException if one of the texts has no tokens
     */
    public Encoded encodeTruncated(TextPair pair, int maxLength) {
        requireRoomForPair(maxLength);
        EncodedText encoded = tokenize(pair.text(), pair.textPair(), maxLength);
        if (encoded == null) {
            throw new ConfigException("the tokenizer finds no tokens in one of the texts " + Quoted.text(pair.text())
                    + " and " + Quoted.text(pair.textPair()));
        }
        return new Encoded(Arrays.stream(encoded.ids()).asLongStream().toArray(), new long[0], encoded.tokenTypeIds());
    }

    /** The text of some ids. A piece of a character that ids at the end leave incomplete becomes U+FFFD. */
    public String decode(long[] ids, boolean skipSpecialTokens) {
        for (long id : ids) {
            Checks.atLeast("token id", id, 0);
        }
        return ids.length == 0 ? "" : tokenizer.decode(ids, skipSpecialTokens);
    }

    /** The id to pad with: the padding token, else {@code pad_token_id} of the model's configuration, else the end, else 0. */
    public long padId() {
        return special.pad();
    }

    /** The id of the beginning of a text, if there is one. */
    public OptionalLong bosId() {
        return special.bos();
    }

    /** The id of the end of a text, if there is one. */
    public OptionalLong eosId() {
        return special.eos();
    }

    /** The codes of languages that it puts around texts; null where it has none. */
    public @Nullable Languages languages() {
        return languages;
    }

    /** All ids at which generation ends; chat models have several. */
    public Set<Long> stopIds() {
        return special.stop();
    }

    /** The longest input in tokens that tokenizer_config.json states; nothing here is cut by it. */
    public OptionalInt modelMaxLength() {
        return special.modelMaxLength();
    }

    @Override
    public void close() {
        tokenizer.close();
    }

    /** How many special tokens stand around one text. */
    int specialCount() {
        return specialCount;
    }

    /** Refuses a greatest length without room for one token beside the special ones. */
    void requireRoom(int maxLength) {
        Checks.atLeast(
                "max_length (this tokenizer adds " + specialCount + " special tokens)", maxLength, specialCount + 1L);
    }

    /** The same of a pair of texts. */
    void requireRoomForPair(int maxLength) {
        int specials = pairTemplate().specials();
        Checks.atLeast(
                "max_length (this tokenizer adds " + specials + " special tokens to a pair)", maxLength, specials + 2L);
    }

    /** A pair of texts in at most so many tokens; null if one of them has no tokens. */
    @Nullable
    EncodedText tokenize(String text, String textPair, int maxLength) {
        int[] first = tokenizer.content(text);
        int[] second = tokenizer.content(textPair);
        return first.length == 0 || second.length == 0 ? null : pairTemplate().encode(first, second, maxLength);
    }

    /** Found by a pair of letters, with which a tokenizer does nothing else. */
    private PairTemplate pairTemplate() {
        PairTemplate known = pairs;
        if (known == null) {
            known = edges.on(tokenizer.pairTemplate());
            if (known == null) {
                throw new ConfigException(
                        directory.resolve("tokenizer.json") + ": makes of a pair of texts what is not known here");
            }
            pairs = known;
        }
        return known;
    }

    TokenizedText tokenize(String text) {
        TokenizedText read = tokenizer.ids(text, true).text();
        return languages == null ? edges.on(read) : languages.around(read, languages.source());
    }

    /** A text as it stands, without special tokens beside its own, and where each token is in it. */
    ChatTokens tokenizeWithPlaces(String text) {
        return tokenizer.places(text);
    }

    /** The special token that a text begins with, blanks aside. */
    OptionalLong firstSpecial(String text) {
        OptionalLong first = firstWritten(text);
        return first.isPresent() && isSpecial(first.getAsLong()) ? first : OptionalLong.empty();
    }

    /** The first token of a text that is not blank; empty where all are. */
    OptionalLong firstWritten(String text) {
        return Arrays.stream(tokenizer.ids(text, false).ids())
                .filter(id -> !decode(new long[] {id}, false).isBlank())
                .findFirst();
    }

    /** A text up to the first special token that it spells. */
    String beforeSpecial(String text) {
        for (long id : tokenizer.ids(text, false).ids()) {
            // an unknown character is one too, but does not spell it
            int at = isSpecial(id) ? text.indexOf(decode(new long[] {id}, false).strip()) : -1;
            if (at >= 0) {
                return text.substring(0, at);
            }
        }
        return text;
    }

    /** The special token that a text spells; empty for any other text. What is decoded without special tokens lacks it. */
    public OptionalLong specialId(String text) {
        long[] ids = encode(text, false);
        // an unknown character is a special token, too, but does not spell it
        return ids.length == 1
                        && isSpecial(ids[0])
                        && decode(ids, false).strip().equals(text.strip())
                ? OptionalLong.of(ids[0])
                : OptionalLong.empty();
    }

    private boolean isSpecial(long id) {
        return !decode(new long[] {id}, false).isBlank()
                && decode(new long[] {id}, true).isEmpty();
    }

    /** Many texts, with their special tokens, on all cores. */
    List<TokenizedText> tokenize(List<String> texts) {
        return texts.parallelStream().map(this::tokenize).toList();
    }

    /**
     * The same of texts that an encoder-decoder is to write, each with the end of a text behind it in any case.
     *
     * @throws ConfigException if the language that is written must be known, and no file says it
     */
    List<TokenizedText> tokenizeWritten(List<String> texts) {
        if (languages == null) {
            return tokenize(texts).stream().map(text -> text.ended(eosId())).toList();
        }
        Languages.Code code = languages.requireTarget();
        return texts.parallelStream()
                .map(text -> languages.around(tokenizer.ids(text, true).text(), code))
                .toList();
    }

    /** The same for a model that continues them: a text that begins with the beginning itself gets no second one. */
    List<TokenizedText> tokenizeContinued(List<String> texts) {
        return texts.parallelStream()
                .map(text -> tokenize(text).beginningOnce(bosId()))
                .toList();
    }

    /** Many texts, without special tokens, on all cores. */
    List<int[]> tokenizeContent(List<String> texts) {
        return texts.parallelStream().map(text -> tokenizer.content(text)).toList();
    }

    /** A text with its special tokens, and where each token is in it. */
    NativeTokenizer.Spans spans(String text) {
        return tokenizer.spans(text);
    }
}
