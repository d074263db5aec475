package org.loft4j.cli.demo;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.demo.SentencePair.Split;

/**
 * Minimal pairs out of LanguageTool's examples: a sentence with an error beside its own correction. Topic and length are the
 * same in both, so that a bag of words is at chance. Whole rules go to train, validation or test; a text of several rules
 * goes to the latest of theirs, texts that are an example of both kinds are dropped, and a train (validation) sentence that
 * equals a later one but for case and punctuation is dropped too.
 */
final class LanguageToolPairs {
    /** The label of a sentence that holds an error. */
    static final String ERROR = "error";
    /** The label of its correction. */
    static final String CORRECT = "correct";

    private static final Pattern NO_WORD = Pattern.compile("[^\\p{L}\\p{N}_]+");
    private static final ObjectMapper JSON = new ObjectMapper();

    private LanguageToolPairs() {}

    /** Reads the pairs out of LanguageTool's jar, in the order of its file. */
    static List<SentencePair> read(Path jar, String entry) throws IOException {
        return select(examples(jar, entry));
    }

    static List<GrammarExample> examples(Path jar, String entry) throws IOException {
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            ZipEntry grammar = zip.getEntry(entry);
            if (grammar == null) {
                throw new AssetException(jar + ": it has no entry " + entry);
            }
            try (InputStream in = zip.getInputStream(grammar)) {
                return GrammarReader.read(jar + "!" + entry, in);
            }
        }
    }

    /** Writes {@code train.jsonl}, {@code valid.jsonl} and {@code test.jsonl}, two rows a pair, the one with the error first. */
    static void write(Path directory, List<SentencePair> pairs) throws IOException {
        for (Split split : Split.values()) {
            try (BufferedWriter out = Files.newBufferedWriter(directory.resolve(split.fileName()))) {
                for (SentencePair pair : pairs) {
                    if (pair.split() == split) {
                        writeRow(out, pair.incorrect(), ERROR);
                        writeRow(out, pair.corrected(), CORRECT);
                    }
                }
            }
        }
    }

    private static void writeRow(BufferedWriter out, String text, String label) throws IOException {
        Map<String, String> row = new LinkedHashMap<>();
        row.put("text", text);
        row.put("label", label);
        out.write(JSON.writeValueAsString(row));
        out.write('\n');
    }

    /** Every occurrence of one text among the examples that are on by default. */
    private static final class Occurrences {
        boolean asIncorrect;
        boolean asCorrect;
        Split split = Split.TRAIN;

        @Nullable
        String corrected;

        void add(GrammarExample example) {
            boolean incorrect = example.kind() == GrammarExample.Kind.INCORRECT;
            asIncorrect |= incorrect;
            asCorrect |= !incorrect;
            Split own = splitOf(example.group());
            // the correction is that of the first occurrence within the split that the text ends in
            if (own.compareTo(split) > 0 || corrected == null && own == split) {
                corrected = example.corrected();
            }
            split = own.compareTo(split) > 0 ? own : split;
        }
    }

    static List<SentencePair> select(List<GrammarExample> examples) {
        Map<String, Occurrences> byText = new LinkedHashMap<>();
        for (GrammarExample example : examples) {
            if (example.enabled() && example.kind() != GrammarExample.Kind.FALSE_ALARM) {
                byText.computeIfAbsent(example.text(), text -> new Occurrences())
                        .add(example);
            }
        }
        Set<String> incorrect = new HashSet<>();
        Map<String, Split> latest = new HashMap<>();
        byText.forEach((text, seen) -> {
            if (seen.asIncorrect) {
                incorrect.add(text);
            }
            if (!(seen.asIncorrect && seen.asCorrect)) {
                latest.merge(bare(text), seen.split, (a, b) -> a.compareTo(b) >= 0 ? a : b);
            }
        });
        List<SentencePair> pairs = new ArrayList<>();
        byText.forEach((text, seen) -> {
            boolean wanted = seen.asIncorrect && !seen.asCorrect && seen.split == latest.get(bare(text));
            String corrected = seen.corrected;
            if (wanted && corrected != null && !corrected.equals(text) && !incorrect.contains(corrected)) {
                pairs.add(new SentencePair(seen.split, text, corrected));
            }
        });
        return pairs;
    }

    /** Of 100 parts, by the first four bytes of the id's SHA-256: 80 train, 10 validation, 10 test. */
    static Split splitOf(String group) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(group.getBytes(StandardCharsets.UTF_8));
            long part = Integer.toUnsignedLong(ByteBuffer.wrap(digest).getInt()) % 100;
            return part < 80 ? Split.TRAIN : part < 90 ? Split.VALID : Split.TEST;
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** The text without case, punctuation and compatibility forms. */
    private static String bare(String text) {
        String normal = Normalizer.normalize(text, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT);
        return NO_WORD.matcher(normal).replaceAll(" ").strip();
    }
}
