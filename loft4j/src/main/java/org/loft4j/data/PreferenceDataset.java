package org.loft4j.data;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/**
 * Pairs of answers to a prompt, of which the first is preferred to the second. A batch has two rows for each pair, and, for losses that
 * set answers against it, how probable each was to the model before it was trained: {@link #withReference}.
 */
public final class PreferenceDataset implements Preferences {
    private final Dataset answers;
    private final double @Nullable [] reference;

    /**
     * @param answers of a language model, two for each pair: the preferred one, then the other
     * @throws ConfigException if they are a classifier's, or one is left without another
     */
    public PreferenceDataset(Dataset answers) {
        this(answers, null);
    }

    private PreferenceDataset(Dataset answers, double @Nullable [] reference) {
        if (answers.isClassification() || answers.isRegression() || answers.isMultiLabel() || answers.isTagged()) {
            throw new ConfigException("preferences are for language models, but the answers are those of a "
                    + (answers.isRegression() ? "regression" : "classifier"));
        }
        if (answers.size() % 2 != 0) {
            throw new ConfigException(
                    "preferences have two answers each, the preferred one first, got " + answers.size() + " answers");
        }
        this.answers = answers;
        this.reference = reference;
    }

    /**
     * Tokenizes preferences. Each answer becomes an example of its own with its prompt, written and cut as {@link Dataset#causalLm}
     * states it for a prompt and its completion, or for a conversation; the loss is taken on the answer and its end alone. Both
     * see the same of a prompt that does not fit: what the longer answer leaves of it. A row of which an answer is cut counts once among
     * {@link Dataset#truncations}.
     *
     * @param format how conversations are written, and whether prompts become some; null where there are none
     * @throws DataException if a row is no {@link Preference}, its answers are the same tokens, or one of them cannot be learnt
     * @throws ConfigException if the format takes the loss on all of a conversation
     */
    public static PreferenceDataset of(
            List<? extends Row> rows, Tokenizer tokenizer, int maxLength, @Nullable ChatFormat format)
            throws IOException {
        Preferences.requireLossOnAnswers(format);
        boolean wraps = format != null && format.wrapPrompts();
        List<Row> answers = new ArrayList<>();
        for (Row row : rows) {
            if (!(row instanceof Preference preference)) {
                throw row.origin()
                        .fault(
                                "holds no preference: its prompt needs an answer in \"chosen\" and another in \"rejected\"");
            }
            answers.add(answer(preference.chosen(), wraps));
            answers.add(answer(preference.rejected(), wraps));
        }
        Dataset encoded = Dataset.causalLm(answers, new CausalLmRows(tokenizer, maxLength, format, 2));
        if (encoded.size() != answers.size()) {
            throw new IllegalStateException(answers.size() + " answers became " + encoded.size() + " examples");
        }
        for (int i = 0; i < rows.size(); i++) {
            if (Arrays.equals(encoded.get(2 * i).ids(), encoded.get(2 * i + 1).ids())) {
                throw rows.get(i)
                        .origin()
                        .fault("has two answers that are the same tokens"
                                + (encoded.length(2 * i) == maxLength
                                        ? " once they are cut to " + maxLength
                                                + ": raise max_length, or leave the row out"
                                        : ": there is nothing to learn from them"));
            }
        }
        return new PreferenceDataset(encoded);
    }

    /** A prompt that becomes turns is given, whatever answers there are among them. */
    static Row answer(Row row, boolean wraps) {
        return wraps && row instanceof PromptCompletion prompted
                ? new Conversation(prompted.turns(), prompted.before().size() + 1, Map.of(), prompted.origin())
                : row;
    }

    /** The answers, two for each pair, each with its prompt: the preferred one, then the other. */
    @Override
    public Dataset texts() {
        return answers;
    }

    /** The same as {@link #texts}. */
    @Override
    public Dataset compared() {
        return answers;
    }

    @Override
    public PreferenceDataset withReference(double[] logProbabilities) {
        return new PreferenceDataset(answers, Preferences.checked(logProbabilities, answers));
    }

    @Override
    public double @Nullable [] reference() {
        return reference == null ? null : reference.clone();
    }

    @Override
    public int size() {
        return answers.size() / 2;
    }

    /** Of each pair the longer answer, with its prompt. */
    @Override
    public int[] lengths() {
        return IntStream.range(0, size())
                .map(i -> Math.max(answers.length(2 * i), answers.length(2 * i + 1)))
                .toArray();
    }

    @Override
    public String fingerprint() {
        return "preferences of " + answers.fingerprint();
    }

    @Override
    public long heapBytes() {
        return answers.heapBytes() + (reference == null ? 0 : 8L * reference.length);
    }

    @Override
    public @Nullable ChatFormat chatFormat() {
        return answers.chatFormat();
    }

    @Override
    public Batch batch(int[] indices, long padId) {
        double[] all = reference;
        int[] rows = Arrays.stream(indices)
                .flatMap(i -> IntStream.of(2 * i, 2 * i + 1))
                .toArray();
        return Batch.collate(answers, rows, padId)
                .with(new RowFacts.Pairs(
                        indices.length,
                        all == null
                                ? new double[0]
                                : Arrays.stream(rows).mapToDouble(i -> all[i]).toArray()));
    }

    /** The same as {@link #batch}: tokens stay as they are. */
    @Override
    public Batch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }
}
