package org.loft4j.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.DataException;

/** Tokenized examples, ready for batches. */
public final class Dataset implements Tokenized {
    private static final int[][] NONE = {};
    private final int[][] ids;
    // where token type 1 begins in each example; null where there are no pairs of texts
    private final int @Nullable [] secondFrom;
    // a classifier's classes, else where the loss of each example is taken: start, end, start, end … in tokens
    private final int @Nullable [] classes;
    // what a regression learns of each example; null for all else
    private final float @Nullable [] scores;
    // which labels each example has, of how many, where it may have several; null for all else
    private final @Nullable LabelSets labelSets;
    private final int[][] loss;
    // a classifier of words: the class of each token, NO_LOSS for those that are not the first of a word
    private final int @Nullable [][] tags;
    private final Truncations truncations;
    private final @Nullable ChatFormat chatFormat;
    private final long altered;

    private Dataset(int[][] ids, int @Nullable [] classes, int[][] loss, Truncations truncations) {
        this(ids, null, classes, null, null, loss, null, truncations, null, 0);
    }

    private Dataset(
            int[][] ids,
            int @Nullable [] secondFrom,
            int @Nullable [] classes,
            float @Nullable [] scores,
            @Nullable LabelSets labelSets,
            int[][] loss,
            int @Nullable [][] tags,
            Truncations truncations,
            @Nullable ChatFormat chatFormat,
            long altered) {
        this.tags = tags;
        this.ids = ids;
        this.secondFrom = secondFrom;
        this.classes = classes;
        this.scores = scores;
        this.labelSets = labelSets;
        this.loss = loss;
        this.truncations = truncations;
        this.chatFormat = chatFormat;
        this.altered = altered;
    }

    /**
     * Texts with the index of their class. What exceeds {@code maxLength} tokens is cut from the end of the text; the special tokens
     * on both sides stay. Of a pair of texts the longer one is cut first.
     *
     * @throws DataException if a row has no label, an unknown one, or a text without tokens
     */
    public static Dataset classification(List<? extends Row> rows, Labels labels, Tokenizer tokenizer, int maxLength)
            throws IOException {
        tokenizer.requireRoom(maxLength);
        var texts = new ArrayList<LabeledText>();
        var classes = new int[rows.size()];
        for (int i = 0; i < classes.length; i++) {
            LabeledText row = Labels.labeled(rows.get(i));
            classes[i] = labels.index(row);
            texts.add(row);
        }
        return ofTexts(EncodedTexts.of(texts, tokenizer, maxLength), classes, null, null);
    }

    /**
     * Texts with the number that is to be told of each, such as how much alike two texts are. They are cut as those of {@link
     * #classification} are.
     *
     * @throws DataException if a row has no label, one that is no finite number, or a text without tokens
     */
    public static Dataset regression(List<? extends Row> rows, Tokenizer tokenizer, int maxLength) throws IOException {
        tokenizer.requireRoom(maxLength);
        var texts = new ArrayList<LabeledText>();
        var scores = new float[rows.size()];
        for (int i = 0; i < scores.length; i++) {
            LabeledText row = Labels.labeled(rows.get(i), "a regression");
            scores[i] = Scores.of(row);
            texts.add(row);
        }
        return ofTexts(EncodedTexts.of(texts, tokenizer, maxLength), null, scores, null);
    }

    /**
     * Texts of which each may have several labels, or none. They are cut as those of {@link #classification} are.
     *
     * @throws DataException if a row is no {@link MultiLabelText}, has an unknown label, or a text without tokens
     */
    public static Dataset multiLabel(List<? extends Row> rows, Labels labels, Tokenizer tokenizer, int maxLength)
            throws IOException {
        tokenizer.requireRoom(maxLength);
        LabelSets sets = LabelSets.of(rows, labels);
        return ofTexts(EncodedTexts.of(LabelSets.texts(rows), tokenizer, maxLength), null, null, sets);
    }

    static Dataset ofTexts(
            EncodedTexts texts, int @Nullable [] classes, float @Nullable [] scores, @Nullable LabelSets labelSets) {
        return new Dataset(
                texts.ids(), texts.secondFrom(), classes, scores, labelSets, NONE, null, texts.truncations(), null, 0);
    }

    /**
     * Words with the index of each one's class. The class of a word is that of its first token; the loss leaves out the others, as
     * in Transformers' examples. What exceeds {@code maxLength} tokens is cut from the end of the text.
     *
     * @throws DataException if a row has no tags, or an unknown one
     */
    public static Dataset tokenClassification(
            List<? extends Row> rows, Labels labels, Tokenizer tokenizer, int maxLength) throws IOException {
        EncodedWords words = EncodedWords.of(rows, labels, tokenizer, maxLength);
        return new Dataset(words.ids(), null, null, null, null, NONE, words.tags(), words.truncations(), null, 0);
    }

    /**
     * Texts to continue, one example a row.
     *
     * <p>A plain text (or a labelled one, whose label is not used) is followed by the end token, if the tokenizer has one and the text
     * does not end with it already, and the loss is taken on all of it; beyond {@code maxLength} its end is cut, the end token with it.
     *
     * <p>Of a prompt with completion the loss is taken on the completion and one end token behind it. The two are tokenized apart, as
     * they are when the model is used: it then sees the tokens of the prompt alone. Beyond {@code maxLength} the prompt loses tokens from its
     * beginning (not the special ones), as its end is nearest to the answer; only where the completion alone is too long its end is
     * cut, and one token of the prompt stays.
     *
     * @throws DataException if a row has fewer than two tokens, so that there is nothing to predict, or if it is a conversation
     */
    public static Dataset causalLm(List<? extends Row> rows, Tokenizer tokenizer, int maxLength) throws IOException {
        return causalLm(rows, tokenizer, maxLength, null);
    }

    /**
     * Texts to continue and conversations.
     *
     * <p>A conversation is written by the chat template and tokenized as one text, without special tokens beside the template's. The
     * loss is taken on the assistant's answers, each with the token that ends its turn; not on what it says before the user's first
     * turn. It is one example, unless the template writes earlier answers, or the turns before an answer, otherwise than they were
     * given: such an answer is an example of its own, which ends with it. Beyond
     * {@code maxLength} the oldest exchanges are left out, whole, while an answer is left to learn; what is still too long is cut as
     * prompt and completion are.
     *
     * @param format how conversations are written; null where there are none
     * @throws DataException if a row has nothing to predict, the template does not take it, or it is a {@link Preference}
     */
    public static Dataset causalLm(
            List<? extends Row> rows, Tokenizer tokenizer, int maxLength, @Nullable ChatFormat format)
            throws IOException {
        return causalLm(rows, new CausalLmRows(tokenizer, maxLength, format, 1));
    }

    static Dataset causalLm(List<? extends Row> rows, CausalLmRows encoder) throws IOException {
        encoder.add(rows);
        return new Dataset(
                encoder.ids(),
                null,
                null,
                null,
                null,
                encoder.loss(),
                null,
                encoder.truncations(),
                encoder.format(),
                encoder.altered());
    }

    /**
     * Texts put one after the other, each with an end token behind it if the tokenizer has one, and cut into blocks: a corpus for language
     * modelling, of which nothing is lost but a single token at the end. The last block may be shorter.
     *
     * @throws DataException if all texts together have fewer than two tokens
     */
    public static Dataset blocks(List<PlainText> documents, Tokenizer tokenizer, int blockLength) throws IOException {
        Checks.atLeast("max_length", blockLength, 2);
        var encoder = new CausalLmRows(tokenizer, Integer.MAX_VALUE, null, 1);
        encoder.add(documents);
        int[] all = Arrays.stream(encoder.ids()).flatMapToInt(Arrays::stream).toArray();
        if (all.length < 2) {
            Origin origin =
                    documents.isEmpty() ? Origin.MEMORY : documents.get(0).origin();
            throw origin.fault("has fewer than two tokens: there is nothing to predict");
        }
        var blocks = new ArrayList<int[]>();
        // a last block of one token has nothing to predict
        for (int start = 0; start < all.length - 1; start += blockLength) {
            blocks.add(Arrays.copyOfRange(all, start, (int) Math.min(all.length, (long) start + blockLength)));
        }
        return withLossOnAll(blocks.toArray(int[][]::new));
    }

    /** Token ids of a language model that were made elsewhere; the loss is taken on all but the first, and of one alone there is none. */
    public static Dataset causalLmIds(List<int[]> ids) {
        return withLossOnAll(GivenIds.copies(ids));
    }

    private static Dataset withLossOnAll(int[][] ids) {
        return ofLanguage(
                ids, Arrays.stream(ids).map(all -> new int[] {0, all.length}).toArray(int[][]::new), Truncations.NONE);
    }

    /** @param loss where it is taken in each example: start, end, start, end … in tokens */
    static Dataset ofLanguage(int[][] ids, int[][] loss, Truncations truncations) {
        return new Dataset(ids, null, loss, truncations);
    }

    /** Token ids of a classifier that were made elsewhere, with the index of each one's class. */
    public static Dataset classificationIds(List<int[]> ids, int[] classes) {
        return new Dataset(GivenIds.copies(ids), GivenIds.classes(classes, ids.size()), NONE, Truncations.NONE);
    }

    @Override
    public int size() {
        return ids.length;
    }

    @Override
    public Dataset texts() {
        return this;
    }

    /** Whether an example has one class rather than a label for each token. */
    public boolean isClassification() {
        return classes != null;
    }

    /** Whether an example has a number that is learnt, and no class. */
    public boolean isRegression() {
        return scores != null;
    }

    /** Whether an example may have several labels, or none: {@link Batch#scores} of its batches say which. */
    public boolean isMultiLabel() {
        return labelSets != null;
    }

    @Nullable
    LabelSets labelSets() {
        return labelSets;
    }

    /**
     * The number that is learnt of an example.
     *
     * @throws IllegalStateException if the examples are not those of a regression
     */
    public float score(int index) {
        if (scores == null) {
            throw new IllegalStateException("the examples have no scores");
        }
        return scores[index];
    }

    /** Whether each word of an example has a label, so that a token is judged by itself and not by what follows it. */
    public boolean isTagged() {
        return tags != null;
    }

    /** Pairs may have tokens of type 1. */
    @Override
    public boolean hasPairs() {
        return secondFrom != null;
    }

    /** A copy of one example. */
    public Encoded get(int index) {
        long[] tokens = Arrays.stream(ids[index]).asLongStream().toArray();
        if (tags != null) {
            return new Encoded(tokens, Arrays.stream(tags[index]).asLongStream().toArray());
        }
        if (classes != null || scores != null || labelSets != null) {
            return new Encoded(
                    tokens,
                    classes == null ? new long[0] : new long[] {classes[index]},
                    secondFrom == null ? null : EncodedText.tokenTypeIds(tokens.length, secondFrom[index]));
        }
        var labels = new long[tokens.length];
        Arrays.fill(labels, Encoded.NO_LOSS);
        int[] bounds = loss[index];
        for (int i = 0; i < bounds.length; i += 2) {
            System.arraycopy(tokens, bounds[i], labels, bounds[i], bounds[i + 1] - bounds[i]);
        }
        return new Encoded(tokens, labels);
    }

    /** The tokens of one example, which are not to be changed. */
    int[] ids(int index) {
        return ids[index];
    }

    /** The number of tokens of one example. */
    public int length(int index) {
        return ids[index].length;
    }

    /** The number of tokens of each example. */
    @Override
    public int[] lengths() {
        return IntStream.range(0, size()).map(this::length).toArray();
    }

    /** The number of tokens of all examples. */
    public long tokens() {
        return IntStream.range(0, size()).mapToLong(this::length).sum();
    }

    /** The largest token id, to be below the vocabulary size of the model. */
    public int largestId() {
        return Arrays.stream(ids).flatMapToInt(Arrays::stream).max().orElse(0);
    }

    /** What did not fit into the greatest length. */
    public Truncations truncations() {
        return truncations;
    }

    /**
     * The number of answers that the chat template does not write as they were given, such as without what was thought, or not behind
     * the whole prompt that asks for them: the model is asked otherwise than it has learnt.
     */
    public long altered() {
        return altered;
    }

    @Override
    public @Nullable ChatFormat chatFormat() {
        return chatFormat;
    }

    @Override
    public long heapBytes() {
        return HeapSize.of(ids)
                + HeapSize.of(loss)
                + (tags == null ? 0 : HeapSize.of(tags))
                + (classes == null ? 0 : HeapSize.ofInts(classes.length))
                + (scores == null ? 0 : HeapSize.ofInts(scores.length))
                + (labelSets == null ? 0 : HeapSize.of(labelSets.indices()))
                + (secondFrom == null ? 0 : HeapSize.ofInts(secondFrom.length));
    }

    /** Number of rows and checksum of all ids and labels: two datasets with the same one hold the same. */
    @Override
    public String fingerprint() {
        CRC32C crc = new CRC32C();
        for (int i = 0; i < size(); i++) {
            Encoded row = get(i);
            update(crc, row.ids());
            update(crc, row.labels());
            if (scores != null) {
                update(crc, new long[] {Float.floatToIntBits(scores[i])});
            }
            if (labelSets != null) {
                update(crc, Arrays.stream(labelSets.indices()[i]).asLongStream().toArray());
            }
            if (row.tokenTypeIds() != null) {
                update(crc, row.tokenTypeIds());
            }
        }
        return size() + " rows, crc32c " + Long.toHexString(crc.getValue());
    }

    @Override
    public Batch batch(int[] indices, long padId) {
        return Batch.collate(this, indices, padId);
    }

    /** The same as {@link #batch}: tokens stay as they are. */
    @Override
    public Batch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return Batch.collate(this, indices, padId);
    }

    private static void update(CRC32C crc, long[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(8 * (values.length + 1)).putLong(values.length);
        bytes.asLongBuffer().put(values);
        crc.update(bytes.array());
    }
}
