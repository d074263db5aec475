package org.loft4j.data;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.Shown;

/**
 * Texts that belong together, for sentence embeddings: an anchor, its positive, and as many negatives as there are. A batch for
 * training is two: one of the anchors, one of all others, which mostly are of another length.
 */
public final class MatchDataset implements Tokenized {
    public static final int ANCHOR = 0;
    public static final int POSITIVE = 1;
    public static final int NEGATIVE = 2;

    private final Dataset texts;
    private final int[] roles;
    private final TextGroups groups;
    // of each text the tokens without a prompt: a text is the same whatever stands before it
    private final List<IntBuffer> keys;
    private final MatchPrompts prompts;

    /**
     * @param texts with {@link #ANCHOR}, {@link #POSITIVE} or {@link #NEGATIVE} as the class of each: an anchor, its positive, then its
     *     negatives, then the next anchor
     * @throws ConfigException if they do not follow each other so
     */
    public MatchDataset(Dataset texts) {
        this(
                texts,
                IntStream.range(0, texts.size()).mapToObj(i -> key(texts, i)).toList(),
                MatchPrompts.NONE);
    }

    private static IntBuffer key(Dataset texts, int index) {
        return IntBuffer.wrap(
                Arrays.stream(texts.get(index).ids()).mapToInt(Math::toIntExact).toArray());
    }

    private MatchDataset(Dataset texts, List<IntBuffer> keys, MatchPrompts prompts) {
        if (!texts.isClassification()) {
            throw new ConfigException(
                    "the texts of matches have a class each, which says what they are of their example");
        }
        this.texts = texts;
        this.roles = IntStream.range(0, texts.size())
                .map(i -> (int) texts.get(i).labels()[0])
                .toArray();
        List<Integer> begin = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            int role = roles[i];
            int before = i == 0 ? NEGATIVE : roles[i - 1];
            boolean follows = switch (role) {
                case ANCHOR -> before != ANCHOR;
                case POSITIVE -> before == ANCHOR;
                case NEGATIVE -> i > 0 && before != ANCHOR;
                default -> false;
            };
            if (!follows || (role == ANCHOR && i == texts.size() - 1)) {
                throw new ConfigException("text " + i + " of the matches is out of its turn: an anchor (class " + ANCHOR
                        + "), its positive (" + POSITIVE + ") and its negatives (" + NEGATIVE + ") follow each other");
            }
            if (role == ANCHOR) {
                begin.add(i);
            }
        }
        begin.add(texts.size());
        this.groups = new TextGroups(texts, begin.stream().mapToInt(i -> i).toArray());
        this.keys = keys;
        this.prompts = prompts;
    }

    /**
     * Tokenizes rows with nothing before their texts.
     *
     * @throws DataException if a row is no {@link TextMatch}, a text has no tokens, or those of an anchor and its positive are the same
     */
    public static MatchDataset of(List<? extends Row> rows, Tokenizer tokenizer, int maxLength) throws DataException {
        return of(rows, tokenizer, maxLength, MatchPrompts.NONE);
    }

    /**
     * Tokenizes rows. Each text is by itself, without blanks around it, with its prompt before it, and cut as those of {@link
     * Dataset#classification} are; a row counts once among {@link Dataset#truncations}.
     *
     * @throws DataException if a row is no {@link TextMatch}, a text has no tokens, or those of an anchor and its positive are the same
     * @throws ConfigException if a prompt leaves no room for a text
     */
    public static MatchDataset of(List<? extends Row> rows, Tokenizer tokenizer, int maxLength, MatchPrompts prompts)
            throws DataException {
        tokenizer.requireRoom(maxLength);
        // so much is seen of every text: what differs behind it is the same to the model
        int seen =
                Math.min(room(prompts.query(), tokenizer, maxLength), room(prompts.document(), tokenizer, maxLength));
        List<LabeledText> plain = new ArrayList<>();
        List<LabeledText> all = new ArrayList<>();
        List<Integer> roles = new ArrayList<>();
        List<Integer> ofRow = new ArrayList<>();
        for (int row = 0; row < rows.size(); row++) {
            if (!(rows.get(row) instanceof TextMatch match)) {
                throw rows.get(row)
                        .origin()
                        .fault(
                                "holds no texts that belong together, which sentence embeddings are learnt from: it needs"
                                        + " \"anchor\" and \"positive\", and may have \"negative\"");
            }
            List<String> some = match.texts();
            for (int i = 0; i < some.size(); i++) {
                int role = Math.min(i, NEGATIVE);
                plain.add(new LabeledText(some.get(i).strip(), null, "", match.origin()));
                all.add(new LabeledText(prompts.prompted(some.get(i), role), null, "", match.origin()));
                roles.add(role);
                ofRow.add(row);
            }
        }
        EncodedTexts unprompted = EncodedTexts.of(plain, tokenizer, seen);
        EncodedTexts encoded = prompts.isNone() ? unprompted : EncodedTexts.of(all, tokenizer, maxLength);
        for (int i = 1; i < all.size(); i++) {
            if (roles.get(i) == POSITIVE
                    && Arrays.equals(unprompted.ids()[i], unprompted.ids()[i - 1])) {
                throw all.get(i)
                        .origin()
                        .fault("has two texts that are the same tokens"
                                + (encoded.lost()[i] + encoded.lost()[i - 1] > 0
                                        ? " once they are cut to " + maxLength
                                                + ": raise max_length, or leave the row out"
                                        : ": there is nothing to learn from them"));
            }
        }
        int[] rowOf = ofRow.stream().mapToInt(i -> i).toArray();
        int[] role = roles.stream().mapToInt(i -> i).toArray();
        return new MatchDataset(
                Dataset.ofTexts(encoded.ofRows(rowOf), role, null, null),
                Arrays.stream(unprompted.ids()).map(IntBuffer::wrap).toList(),
                prompts);
    }

    /** The length, special tokens included, that a prompt leaves of the greatest one. */
    private static int room(String prompt, Tokenizer tokenizer, int maxLength) {
        if (prompt.isBlank()) {
            return maxLength;
        }
        int tokens = tokenizer.tokenize(prompt.strip()).ids().length;
        if (tokens >= maxLength) {
            throw new ConfigException("max_length " + maxLength + " leaves no room for a text behind the " + tokens
                    + " tokens of the prompt " + Shown.text(prompt) + ": raise it, or shorten the prompt");
        }
        return maxLength - (tokens - tokenizer.specialCount());
    }

    /** What stands before the texts. */
    public MatchPrompts prompts() {
        return prompts;
    }

    /** The anchor, the positive, the negatives, then those of the next example. */
    @Override
    public Dataset texts() {
        return texts;
    }

    /** Which texts belong together, as if all of them were one batch. */
    public MatchedTexts matches() {
        return matched(IntStream.range(0, texts.size()).toArray());
    }

    /**
     * What is wrong with rows among which nothing can be told apart, in words; null where nothing is.
     *
     * @param kind of the data: {@code evaluation}
     * @param negatives whether each row has a text that does not belong to it
     */
    public static @Nullable String alone(String kind, long rows, boolean negatives) {
        return rows == 1 && !negatives
                ? "the " + kind + " data holds one text that is to be found, and none beside it: give more rows"
                : null;
    }

    /** Whether every example has a text that does not belong to it. */
    public boolean haveNegatives() {
        return IntStream.range(0, size()).allMatch(i -> groups.size(i) > 2);
    }

    @Override
    public int size() {
        return groups.count();
    }

    /** Of each example the longest text. */
    @Override
    public int[] lengths() {
        return groups.lengths();
    }

    /** How many texts of a batch go through the model at once at most, where it has so many examples: all but the anchors. */
    public long rowsTogether(long examples) {
        return groups.largest(examples) - Math.min(examples, size());
    }

    /** Tokens and padding of both batches that examples make for training. */
    public long cells(int[] indices) {
        return padded(which(indices, role -> role == ANCHOR)) + padded(which(indices, role -> role != ANCHOR));
    }

    private long padded(int[] which) {
        return (long) which.length
                * Arrays.stream(which).map(texts::length).max().orElse(0);
    }

    private int[] which(int[] indices, IntPredicate ofRole) {
        return groups.of(indices).filter(i -> ofRole.test(roles[i])).toArray();
    }

    @Override
    public String fingerprint() {
        return "matches of " + texts.fingerprint();
    }

    @Override
    public long heapBytes() {
        return texts.heapBytes()
                + HeapSize.ofInts(groups.count() + 1)
                + (prompts.isNone()
                        ? 0
                        : keys.stream()
                                .mapToLong(key -> HeapSize.ofInts(key.capacity()))
                                .sum())
                + HeapSize.ofInts(roles.length);
    }

    /** All texts of the examples in one batch. */
    @Override
    public Batch batch(int[] indices, long padId) {
        return batch(indices, role -> true, padId);
    }

    @Override
    public Batch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }

    /** The anchors of the examples, then all that they are compared with. */
    @Override
    public List<MiniBatch> trainingBatches(int[] indices, long padId, long seed, long epoch) {
        return List.of(batch(indices, role -> role == ANCHOR, padId), batch(indices, role -> role != ANCHOR, padId));
    }

    private Batch batch(int[] indices, IntPredicate ofRole, long padId) {
        int[] which = which(indices, ofRole);
        return Batch.collate(texts, which, padId).with(matched(which));
    }

    private MatchedTexts matched(int[] which) {
        return new MatchedTexts(
                this,
                Arrays.stream(which).map(this::example).toArray(),
                Arrays.stream(which).map(i -> roles[i]).toArray(),
                Arrays.stream(which).mapToObj(keys::get).toList());
    }

    private int example(int text) {
        int found = Arrays.binarySearch(groups.starts(), text);
        return found >= 0 ? found : -found - 2;
    }
}
