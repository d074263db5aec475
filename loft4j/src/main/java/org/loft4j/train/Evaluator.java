package org.loft4j.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.BatchPlan;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.Preferences;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RowFacts;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.nn.Threshold;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Judges a model by held-out rows. */
public final class Evaluator {
    private final Model model;
    private final long padId;
    private final int batchSize;
    private final PreferenceLoss preferenceLoss;
    private final Threshold threshold;
    private final MatchLoss matchLoss;
    private final RowOutcome.@Nullable Listener listener;

    public Evaluator(Model model, long padId, int batchSize) {
        this(model, padId, batchSize, PreferenceLoss.DPO);
    }

    /** @param preferenceLoss by which preferences are judged */
    public Evaluator(Model model, long padId, int batchSize, PreferenceLoss preferenceLoss) {
        this(model, padId, batchSize, preferenceLoss, Threshold.HALF, MatchLoss.USUAL, null);
    }

    /** @param threshold of labels of which a text may have several */
    public Evaluator(Model model, long padId, int batchSize, Threshold threshold) {
        this(model, padId, batchSize, PreferenceLoss.DPO, threshold, MatchLoss.USUAL, null);
    }

    private Evaluator(
            Model model,
            long padId,
            int batchSize,
            PreferenceLoss preferenceLoss,
            Threshold threshold,
            MatchLoss matchLoss,
            RowOutcome.@Nullable Listener listener) {
        this.model = model;
        this.padId = padId;
        this.batchSize = batchSize;
        this.preferenceLoss = preferenceLoss;
        this.threshold = threshold;
        this.matchLoss = matchLoss;
        this.listener = listener;
    }

    /**
     * The same where sentence embeddings are judged by another scale, or by their first numbers alone.
     *
     * @param loss with one length at most
     * @throws ConfigException if the model's vectors have not so many numbers
     */
    public Evaluator withMatchLoss(MatchLoss loss) {
        long width = model.vectorSize();
        if (loss.lengths().size() > 1) {
            throw new ConfigException("vectors are judged by one length, got " + loss.lengths());
        }
        for (int length : loss.lengths()) {
            if (length > width) {
                throw new ConfigException(
                        "dimensions must be from 1 to the " + width + " numbers of the model's vectors, got " + length);
            }
        }
        return new Evaluator(model, padId, batchSize, preferenceLoss, threshold, loss, listener);
    }

    /**
     * The same, which tells of each example what the model makes of it. Sentence embeddings, and answers that are judged one by one,
     * have a loss together and none of their own.
     *
     * @param each hears of it, on the thread that evaluates
     */
    public Evaluator withEach(RowOutcome.Listener each) {
        return new Evaluator(model, padId, batchSize, preferenceLoss, threshold, matchLoss, each);
    }

    static Evaluator of(Model model, TrainData data, TrainConfig config) {
        return new Evaluator(
                        model,
                        data.padId(),
                        config.evalBatchSize(),
                        config.loss().preferences())
                .withMatchLoss(new MatchLoss(config.loss().matches().scale()));
    }

    /**
     * Whether a model can read rows, before an hour has gone into finding out.
     *
     * @param kind of the data, for the message: {@code test}
     * @throws ConfigException that names all misfits
     */
    public static void requireFits(Model model, Examples rows, String kind) {
        List<String> problems = new ArrayList<>();
        RunCheck.check(problems, kind, rows, model);
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    /**
     * One pass over the rows without gradients; the caller has switched dropout off. Fails where an image cannot be decoded.
     *
     * @param rows preferences with their reference, {@link Preferences#withReference}, if their loss has one
     */
    public Evaluation evaluate(Examples rows) throws IOException {
        return Objects.requireNonNull(evaluate(rows, () -> false, (done, all) -> {}));
    }

    /** Hears how many of all rows have been judged. */
    @FunctionalInterface
    public interface Progress {
        void judged(int done, int all);
    }

    /** The same, which is given up before a batch if that is asked for, then null, and tells how far it is. */
    @Nullable
    Evaluation evaluate(Examples rows, BooleanSupplier givenUp, Progress progress) throws IOException {
        if (rows instanceof PromptDataset) {
            throw new ConfigException(
                    "the rows are prompts, whose answers rewards judge: a run that has them (--reward) does so as"
                            + " it trains, on its evaluation data");
        }
        if (rows instanceof MatchDataset matches) {
            return new MatchEvaluation(this, model, matchLoss, padId).evaluate(matches, givenUp, progress);
        }
        long start = System.nanoTime();
        EvaluationTally tally = new EvaluationTally(model, threshold, preferenceLoss, rows.isRanked());
        long count = 0;
        int done = 0;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            for (int[] indices : byLength(rows)) {
                if (givenUp.getAsBoolean()) {
                    return null;
                }
                progress.judged(done, rows.size());
                done += indices.length;
                MiniBatch batch = rows.batch(indices, padId);
                count += batch.targets();
                int heard = 0;
                for (Judged part : inLanes(batch, this::judged)) {
                    tally.add(part.all());
                    for (RowOutcome one : part.each()) {
                        Objects.requireNonNull(listener).accept(indices[heard++], one);
                    }
                }
            }
        }
        return tally.evaluation(count, rows.hasPreferences(), (System.nanoTime() - start) / 1e9);
    }

    /**
     * The log-probability of each answer, its tokens together, as the model stands; the caller has switched dropout off.
     *
     * @param answers of a language model
     * @param givenUp asked before each batch
     * @return in the order of the answers; null if it was given up
     */
    public double @Nullable [] logProbabilities(Dataset answers, BooleanSupplier givenUp, Progress progress) {
        double[] all = new double[answers.size()];
        int done = 0;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            for (int[] indices : byLength(answers)) {
                if (givenUp.getAsBoolean()) {
                    return null;
                }
                progress.judged(done, all.length);
                int at = 0;
                for (LanguageModelLoss.Rows some : inLanes(answers.batch(indices, padId), this::judgedRows)) {
                    for (double one : some.logProbabilities()) {
                        all[indices[at++]] = one;
                    }
                }
                done += indices.length;
            }
        }
        return all;
    }

    /**
     * Preferences with what the model holds of them as it stands; those that bring it stay as they are.
     *
     * @param givenUp asked before each batch
     * @param progress in answers of all that bring none
     * @return in their order; null if it was given up
     * @throws ConfigException if a log-probability is not finite
     */
    public @Nullable List<Preferences> withReference(
            List<? extends Preferences> preferences, BooleanSupplier givenUp, Progress progress) throws IOException {
        int answers = preferences.stream()
                .filter(some -> some.reference() == null)
                .mapToInt(some -> some.compared().size())
                .sum();
        List<Preferences> known = new ArrayList<>();
        int before = 0;
        for (Preferences some : preferences) {
            if (some.reference() != null) {
                known.add(some);
                continue;
            }
            int done = before;
            double[] all = logProbabilities(
                    some.compared(), givenUp, (judged, ofThese) -> progress.judged(done + judged, answers));
            if (all == null) {
                return null;
            }
            before += all.length;
            known.add(some.withReference(all));
        }
        return known;
    }

    private LanguageModelLoss.Rows judgedRows(BatchTensors rows) {
        return new LanguageModelLoss((Decoder) model).judgeRows(rows.input(), rows.labels());
    }

    /** A batch, its rows shared out over the lanes on the processor; in the order of the rows, whichever lane was first. */
    <T> List<T> inLanes(MiniBatch batch, Function<BatchTensors, T> judge) {
        try (NativeScope scope = new NativeScope()) {
            BatchTensors tensors = BatchTensors.of(batch, model);
            // matrices in fewer bits share out their tiles instead: each lane would widen all of them for itself
            boolean shared = model.description().device().kind() == DeviceSpec.Kind.CPU
                    && model.weights().quantized().isEmpty();
            List<BatchTensors> parts = tensors.split(shared ? Lanes.forRows(tensors.rows()) : 1, model);
            List<T> judged = new ArrayList<>(Collections.nCopies(parts.size(), null));
            Lanes.run(parts.size(), i -> judged.set(i, judge.apply(parts.get(i))));
            return judged;
        }
    }

    /**
     * What came out for some rows of a batch.
     *
     * @param each example of them; none where nobody listens
     */
    private record Judged(EvaluationTally.Part all, List<RowOutcome> each) {}

    private Judged judged(BatchTensors rows) {
        List<RowOutcome> each = new ArrayList<>();
        return new Judged(judged(rows, each), each);
    }

    /** @param each gets what is told of each example, where somebody listens */
    private EvaluationTally.Part judged(BatchTensors rows, List<RowOutcome> each) {
        boolean listens = listener != null;
        if (rows.facts() instanceof RowFacts.Judged answers) {
            double[] now = judgedRows(rows).logProbabilities();
            return new EvaluationTally.Part(
                    answers.signs(), preferenceLoss.kto().rewards(now, answers.reference()));
        }
        if (rows.facts() instanceof RowFacts.Pairs pairs) {
            LanguageModelLoss.Rows answers = judgedRows(rows);
            double[] rewards = preferenceLoss.rewards(answers, pairs.reference());
            if (listens) {
                each.addAll(RowOutcome.ofPairs(preferenceLoss, answers, rewards));
            }
            return new EvaluationTally.Part(preferenceLoss.sum(answers, rewards, 0), new double[0], rewards);
        }
        if (model.task().writes()) {
            LanguageModelLoss.Judged judged = new LanguageModelLoss((Decoder) model)
                    .judge(rows.input(), rows.labels(), listens ? told -> each.addAll(RowOutcome.ofTexts(told)) : null);
            return new EvaluationTally.Part(judged.sum(), judged.right());
        }
        Tensor logits = model.logits(rows.input());
        double loss = BatchLoss.sum(model.task(), logits, rows).item_double();
        if (model.isRegression()) {
            double[] expected = Tensors.toDoubles(rows.labels());
            double[] told = Tensors.toDoubles(logits.flatten());
            if (listens) {
                each.addAll(
                        rows.facts() instanceof RowFacts.Groups groups
                                ? RowOutcome.ofGroups(told, groups.sizes())
                                : RowOutcome.ofNumbers(told, expected));
            }
            return new EvaluationTally.Part(loss, expected, told);
        }
        if (model.isMultiLabel()) {
            long[] has = Tensors.toLongs(rows.labels().to(Dtype.I64.scalarType()));
            double[] told = Tensors.toDoubles(logits.to(Dtype.F64.scalarType()));
            if (listens) {
                each.addAll(RowOutcome.ofSeveral(told, has, (int) rows.labels().size(0)));
            }
            return new EvaluationTally.Part(loss, has, new long[0], 0, new double[0], told, 0);
        }
        if (listens) {
            each.addAll(
                    model.task() == Task.TOKEN_CLASSIFICATION
                            ? RowOutcome.ofWords(logits, rows.labels())
                            : RowOutcome.ofClasses(logits, rows.labels()));
        }
        return new EvaluationTally.Part(
                loss,
                Tensors.toLongs(rows.labels()),
                Tensors.toLongs(logits.argmax(new LongOptional(-1), false)),
                (int) rows.labels().size(0),
                new double[0],
                EvaluationTally.tellsTwoApart(model) ? aboveTheFirst(logits.to(Dtype.F64.scalarType())) : new double[0],
                0);
    }

    /** @param logits {@code (rows, 2)} */
    private static double[] aboveTheFirst(Tensor logits) {
        return Tensors.toDoubles(logits.select(1, 1).sub(logits.select(1, 0)));
    }

    /**
     * Rows of similar length share a batch; a score does not depend on the order. The longest come first: a batch that the memory
     * does not hold fails at once.
     */
    private List<int[]> byLength(Examples rows) {
        return byLength(BatchPlan.lengths(rows), IntStream.range(0, rows.size()));
    }

    /** The same of some of the examples. */
    List<int[]> byLength(int[] lengths, IntStream rows) {
        int[] order = rows.boxed()
                .sorted(Comparator.comparingInt(i -> -lengths[i]))
                .mapToInt(i -> i)
                .toArray();
        List<int[]> batches = new ArrayList<>();
        for (int start = 0; start < order.length; start += batchSize) {
            batches.add(Arrays.copyOfRange(order, start, Math.min(order.length, start + batchSize)));
        }
        return batches;
    }
}
