package org.loft4j.data;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;

/** What Hugging Face's library makes of a tokenizer.json and of texts, as it is; {@link Tokenizer} says what is asked of it. */
final class NativeTokenizer implements AutoCloseable {
    private final Path file;
    private final HuggingFaceTokenizer tokenizer;

    private NativeTokenizer(Path file, HuggingFaceTokenizer tokenizer) {
        this.file = file;
        this.tokenizer = tokenizer;
    }

    /** @throws CheckpointException if the file cannot be used */
    static NativeTokenizer open(Path file) throws IOException {
        stayLocal();
        try (InputStream in = new ByteArrayInputStream(TokenizerFile.read(file))) {
            // from a stream, so that the library does not look for a tokenizer_config.json, whose newer forms it cannot
            // read
            return new NativeTokenizer(
                    file, HuggingFaceTokenizer.newInstance(in, Map.of("truncation", "false", "padding", "false")));
        } catch (EngineException e) {
            throw new IOException(unloaded(e), e);
        } catch (RuntimeException e) {
            throw new CheckpointException(
                    file, "is not a tokenizer that can be used: " + Shown.text(String.valueOf(e.getMessage())), e);
        }
    }

    /** What is said where the library itself cannot be loaded, whatever file is to be read. */
    private static String unloaded(EngineException fault) {
        Throwable root = fault;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return "the native library of the tokenizers cannot be loaded (" + Shown.text(String.valueOf(root.getMessage()))
                + "): "
                + (root instanceof IllegalCallerException
                        ? "start Java with --enable-native-access=ALL-UNNAMED"
                        : "it is unpacked to where DJL_CACHE_DIR in the environment says, else to .djl.ai in the home directory,"
                                + " which must be one that can be written");
    }

    /**
     * Without these the library looks for a CUDA build to download, and calls home. {@code ai.djl.offline} would stop both, and the
     * downloads of a program that uses DJL itself.
     */
    private static void stayLocal() {
        Map.of("RUST_FLAVOR", "cpu", "OPT_OUT_TRACKING", "true").forEach((name, value) -> {
            if (System.getProperty(name) == null && System.getenv(name) == null) {
                System.setProperty(name, value);
            }
        });
    }

    /** The text of ids. */
    String decode(long[] ids, boolean skipSpecialTokens) {
        return named(() -> "decode", () -> tokenizer.decode(ids, skipSpecialTokens));
    }

    /** The ids of a text alone, without special tokens beside its own. */
    int[] content(String text) {
        return toInts(ids(text, false).ids());
    }

    /**
     * What stands around and between two texts, by a pair of letters, with which a tokenizer does nothing else; null where that is
     * not known here.
     */
    @Nullable
    PairTemplate pairTemplate() {
        long encoding = TokenizersLibrary.LIB.encodeDual(tokenizer.getHandle(), "a", "b", true);
        try {
            Ids both = new Ids(
                    TokenizersLibrary.LIB.getTokenIds(encoding), TokenizersLibrary.LIB.getSpecialTokenMask(encoding));
            int[] types = toInts(TokenizersLibrary.LIB.getTypeIds(encoding));
            return PairTemplate.of(content("a"), content("b"), both.text(), types);
        } finally {
            TokenizersLibrary.LIB.deleteEncoding(encoding);
        }
    }

    /** A text as it stands, without special tokens beside its own, and where each token is in it. */
    ChatTokens places(String text) {
        Encoding encoding = encoding(text, false);
        int[] ids = toInts(encoding.getIds());
        CharSpan[] spans = encoding.getCharTokenSpans();
        var starts = new int[ids.length];
        var ends = new int[ids.length];
        // the library counts code points
        int[] characters = characters(text);
        for (int i = 0; i < ids.length; i++) {
            if (spans[i].getEnd() >= characters.length) {
                throw new ConfigException(file + ": puts a token at "
                        + spans[i].getStart()
                        + " to " + spans[i].getEnd() + " of a text of " + (characters.length - 1) + " characters: "
                        + Quoted.text(text));
            }
            starts[i] = characters[spans[i].getStart()];
            ends[i] = characters[spans[i].getEnd()];
        }
        return new ChatTokens(ids, starts, ends);
    }

    /** The index in characters of each code point, and of the end. */
    private static int[] characters(String text) {
        var places = new int[text.codePointCount(0, text.length()) + 1];
        int at = 0;
        for (int i = 0; i < places.length; i++) {
            places[i] = at;
            at += at < text.length() ? Character.charCount(text.codePointAt(at)) : 0;
        }
        return places;
    }

    /** What a text becomes, and which of it are special tokens: 1, else 0. */
    record Ids(long[] ids, long[] special) {
        TokenizedText text() {
            int leading = 0;
            while (leading < ids.length && special[leading] == 1) {
                leading++;
            }
            int trailing = 0;
            while (trailing < ids.length - leading && special[ids.length - 1 - trailing] == 1) {
                trailing++;
            }
            return new TokenizedText(toInts(ids), leading, trailing);
        }
    }

    /** What {@link #encoding} gives, without the characters and the place of each token, which take an eighth of its time. */
    Ids ids(String text, boolean addSpecialTokens) {
        return encode(text, () -> {
            long encoding = TokenizersLibrary.LIB.encode(tokenizer.getHandle(), text, addSpecialTokens);
            try {
                return new Ids(
                        TokenizersLibrary.LIB.getTokenIds(encoding),
                        TokenizersLibrary.LIB.getSpecialTokenMask(encoding));
            } finally {
                TokenizersLibrary.LIB.deleteEncoding(encoding);
            }
        });
    }

    private Encoding encoding(String text, boolean addSpecialTokens) {
        return encode(text, () -> tokenizer.encode(text, addSpecialTokens, false));
    }

    private <T> T encode(String text, Supplier<T> work) {
        // the native library ends the process at a null
        Objects.requireNonNull(text, "a text is null");
        return named(() -> "encode " + Quoted.text(text), work);
    }

    /** @param task for the message of a failure alone */
    private <T> T named(Supplier<String> task, Supplier<T> work) {
        try {
            return work.get();
        } catch (IllegalStateException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new ConfigException(
                    file + ": cannot " + task.get() + ": " + Shown.text(String.valueOf(e.getMessage())), e);
        }
    }

    static int[] toInts(long[] ids) {
        return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
    }

    /** A tokenized text with the places of its tokens: first code point and the one behind the last, 0 and 0 for special ones. */
    record Spans(TokenizedText text, int[] starts, int[] ends) {}

    /** With special tokens. */
    Spans spans(String text) {
        Encoding encoding = encoding(text, true);
        CharSpan[] spans = encoding.getCharTokenSpans();
        int[] starts = new int[spans.length];
        int[] ends = new int[spans.length];
        for (int i = 0; i < spans.length; i++) {
            starts[i] = spans[i] == null ? 0 : spans[i].getStart();
            ends[i] = spans[i] == null ? 0 : spans[i].getEnd();
        }
        return new Spans(new Ids(encoding.getIds(), encoding.getSpecialTokenMask()).text(), starts, ends);
    }

    /** The id of a token's text; empty if it is none. */
    OptionalLong idOf(String token) {
        Encoding encoding = encoding(token, false);
        boolean one = encoding.getIds().length == 1 && encoding.getTokens()[0].equals(token);
        return one ? OptionalLong.of(encoding.getIds()[0]) : OptionalLong.empty();
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
