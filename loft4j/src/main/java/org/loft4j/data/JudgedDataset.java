package org.loft4j.data;

import java.io.IOException;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/**
 * Answers of which each is good or bad by itself. How far a model has moved on the whole shows in answers that do not belong to their
 * prompt; so each prompt has a <em>strange</em> answer too, which is that of another row. Whose stays the same for all epochs: what
 * the model held of it before training need be known once.
 */
public final class JudgedDataset implements Preferences {
    /** What {@link RowFacts.Judged#signs} says of a good answer, of a bad one, and of a strange one. */
    public static final int GOOD = 1;

    public static final int BAD = -1;
    public static final int STRANGE = 0;

    private final Dataset answers;
    private final boolean[] good;
    // of each row its answer, then the strange one
    private final Dataset compared;
    private final double @Nullable [] reference;

    private JudgedDataset(Dataset answers, boolean[] good, Dataset compared, double @Nullable [] reference) {
        this.answers = answers;
        this.good = good;
        this.compared = compared;
        this.reference = reference;
    }

    /**
     * Tokenizes answers, each with its prompt, as {@link Dataset#causalLm} states it for a prompt and its completion, or for a
     * conversation; the loss is taken on the answer and its end alone.
     *
     * @param format how conversations are written, and whether prompts become some; null where there are none
     * @throws DataException if a row is no {@link JudgedAnswer}, or cannot be learnt
     * @throws ConfigException if the format takes the loss on all of a conversation
     */
    public static JudgedDataset of(
            List<? extends Row> rows, Tokenizer tokenizer, int maxLength, @Nullable ChatFormat format)
            throws IOException {
        Preferences.requireLossOnAnswers(format);
        boolean wraps = format != null && format.wrapPrompts();
        List<Row> answers = new ArrayList<>();
        boolean[] good = new boolean[rows.size()];
        for (Row row : rows) {
            if (!(row instanceof JudgedAnswer judged)) {
                throw row.origin()
                        .fault("holds no answer that is judged: it needs \"prompt\", \"completion\" and \"label\"");
            }
            good[answers.size()] = judged.good();
            answers.add(PreferenceDataset.answer(judged.answer(), wraps));
        }
        Dataset encoded = Dataset.causalLm(answers, tokenizer, maxLength, format);
        if (encoded.size() != answers.size()) {
            throw new IllegalStateException(answers.size() + " answers became " + encoded.size() + " examples");
        }
        return of(encoded, good, rows.stream().map(RowText::question).toList(), maxLength);
    }

    /**
     * Answers that were tokenized elsewhere, all of each to be learnt.
     *
     * @param prompts of the answers
     * @param good whether each answer is good
     * @param maxLength of a prompt with a strange answer, in tokens; beyond it the end is cut, of which one token stays
     * @throws ConfigException if there are not as many prompts, answers and judgements, or one of the first two has no token
     */
    public static JudgedDataset ofIds(List<int[]> prompts, List<int[]> answers, boolean[] good, int maxLength) {
        int rows = answers.size();
        if (prompts.size() != rows || good.length != rows) {
            throw new ConfigException(rows + " answers need as many prompts and judgements, got " + prompts.size()
                    + " and " + good.length);
        }
        int[][] ids = new int[rows][];
        int[][] loss = new int[rows][];
        for (int i = 0; i < rows; i++) {
            int prompt = prompts.get(i).length;
            Checks.atLeast("number of tokens of a prompt", prompt, 1);
            Checks.atLeast("number of tokens of an answer", answers.get(i).length, 1);
            ids[i] = Arrays.copyOf(prompts.get(i), prompt + answers.get(i).length);
            System.arraycopy(answers.get(i), 0, ids[i], prompt, ids[i].length - prompt);
            loss[i] = new int[] {prompt, ids[i].length};
        }
        return of(
                Dataset.ofLanguage(ids, loss, Truncations.NONE),
                good.clone(),
                prompts.stream().map(IntBuffer::wrap).toList(),
                maxLength);
    }

    /**
     * @param answers each with its prompt, which is what stands before the first token that the loss is taken on
     * @param prompts of the answers, whole: of two that are equal each may have kept another part
     */
    private static JudgedDataset of(Dataset answers, boolean[] good, List<?> prompts, int maxLength) {
        return new JudgedDataset(answers, good, compared(answers, strange(prompts), maxLength), null);
    }

    private static Dataset compared(Dataset answers, int[] strange, int maxLength) {
        int rows = answers.size();
        int[][] ids = new int[2 * rows][];
        int[][] loss = new int[2 * rows][];
        for (int i = 0; i < rows; i++) {
            Encoded own = answers.get(i);
            Encoded other = answers.get(strange[i]);
            int prompt = prompt(own);
            int from = prompt(other);
            int[] mixed = Arrays.copyOf(
                    answers.ids(i), Math.min(Math.max(maxLength, prompt + 1), prompt + end(other) - from));
            System.arraycopy(answers.ids(strange[i]), from, mixed, prompt, mixed.length - prompt);
            ids[2 * i] = answers.ids(i);
            loss[2 * i] = new int[] {prompt, end(own)};
            ids[2 * i + 1] = mixed;
            loss[2 * i + 1] = new int[] {prompt, mixed.length};
        }
        return Dataset.ofLanguage(ids, loss, Truncations.NONE);
    }

    /**
     * Whose answer is the strange one of each row: those of one prompt stand together, and each row takes the answer as far on as the
     * most of them are many. So every answer is taken once, and none by its own prompt while no prompt has more than half of the rows.
     */
    private static int[] strange(List<?> prompts) {
        Map<Object, List<Integer>> byPrompt = new LinkedHashMap<>();
        for (int i = 0; i < prompts.size(); i++) {
            byPrompt.computeIfAbsent(prompts.get(i), rows -> new ArrayList<>()).add(i);
        }
        int most = byPrompt.values().stream()
                .map(List::size)
                .max(Comparator.naturalOrder())
                .orElse(0);
        int[] order = byPrompt.values().stream()
                .flatMap(List::stream)
                .mapToInt(i -> i)
                .toArray();
        int by = most < order.length ? most : 1;
        int[] strange = new int[order.length];
        for (int i = 0; i < order.length; i++) {
            strange[order[i]] = order[(i + by) % order.length];
        }
        return strange;
    }

    /** How many tokens stand before the answer. */
    private static int prompt(Encoded row) {
        int first = 0;
        while (row.labels()[first] == Encoded.NO_LOSS) {
            first++;
        }
        return first;
    }

    private static int end(Encoded row) {
        int end = row.labels().length;
        while (row.labels()[end - 1] == Encoded.NO_LOSS) {
            end--;
        }
        return end;
    }

    /** The answers, each with its prompt. */
    @Override
    public Dataset texts() {
        return answers;
    }

    /** Each answer with its prompt, and behind it that prompt with the strange answer. */
    @Override
    public Dataset compared() {
        return compared;
    }

    @Override
    public JudgedDataset withReference(double[] logProbabilities) {
        return new JudgedDataset(answers, good, compared, Preferences.checked(logProbabilities, compared));
    }

    @Override
    public double @Nullable [] reference() {
        return reference == null ? null : reference.clone();
    }

    /** How many of the answers are good. */
    public long good() {
        return IntStream.range(0, good.length).filter(i -> good[i]).count();
    }

    /**
     * What speaks against answers of which all are good, or all bad, in words; null where there are both.
     *
     * @param kind of the data: training or evaluation
     */
    public static @Nullable String oneSided(String kind, long good, long size) {
        if (good > 0 && good < size) {
            return null;
        }
        return (size == 1 ? "the one answer" : "all " + size + " answers") + " of the " + kind + " data "
                + (size == 1 ? "is " : "are ") + (good > 0 ? "good" : "bad")
                + (kind.equals("training")
                        ? ", and which are good is learnt from both: add " + (good > 0 ? "bad" : "good") + " ones"
                                + (good > 0 ? ", or learn to answer as they do (--format prompt)" : "")
                        : ", and accuracy and margin need both: hold out a larger share, or name another file");
    }

    @Override
    public int size() {
        return answers.size();
    }

    /** Of each answer with its own prompt. */
    @Override
    public int[] lengths() {
        return answers.lengths();
    }

    @Override
    public String fingerprint() {
        CRC32C crc = new CRC32C();
        for (boolean one : good) {
            crc.update(one ? GOOD : BAD);
        }
        return "judged answers (crc32c " + Long.toHexString(crc.getValue()) + ") of " + compared.fingerprint();
    }

    @Override
    public long heapBytes() {
        // half of what is compared are the answers themselves
        return answers.heapBytes()
                + compared.heapBytes() / 2
                + good.length
                + (reference == null ? 0 : 8L * reference.length);
    }

    @Override
    public @Nullable ChatFormat chatFormat() {
        return answers.chatFormat();
    }

    /** The answers of some rows and the strange ones, in turn. */
    @Override
    public Batch batch(int[] indices, long padId) {
        return batch(Arrays.stream(indices).flatMap(i -> IntStream.of(2 * i, 2 * i + 1)), padId);
    }

    /** The same as {@link #batch}: tokens stay as they are. */
    @Override
    public Batch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }

    /** The answers of some rows, then the strange ones, of which nothing is learnt. */
    @Override
    public List<MiniBatch> trainingBatches(int[] indices, long padId, long seed, long epoch) {
        return List.of(
                batch(Arrays.stream(indices).map(i -> 2 * i), padId),
                batch(Arrays.stream(indices).map(i -> 2 * i + 1), padId));
    }

    private Batch batch(IntStream which, long padId) {
        int[] rows = which.toArray();
        double[] all = reference;
        return Batch.collate(compared, rows, padId)
                .with(new RowFacts.Judged(
                        Arrays.stream(rows)
                                .map(i -> i % 2 == 1 ? STRANGE : good[i / 2] ? GOOD : BAD)
                                .toArray(),
                        all == null
                                ? new double[0]
                                : Arrays.stream(rows).mapToDouble(i -> all[i]).toArray()));
    }
}
