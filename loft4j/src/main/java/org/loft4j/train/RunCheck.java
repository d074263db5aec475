package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.PackedDataset;
import org.loft4j.data.Preferences;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.Tokenized;
import org.loft4j.data.TrainingSet;
import org.loft4j.nn.ImageShape;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;

/** Whether settings, model and data fit each other, before an hour has gone into finding out. */
final class RunCheck {
    private static final System.Logger LOG = System.getLogger(RunCheck.class.getName());

    private static final String OF_WORDS = "classifier of words";
    private static final String REGRESSION = "regression";
    private static final String SEVERAL = "classifier of several labels a text";
    private static final String CLASSIFIER = "classifier";
    private static final String LANGUAGE_MODEL = "language model";

    private RunCheck() {}

    /**
     * As a run begins; says too what the settings make of it.
     *
     * @throws ConfigException that names all misfits
     */
    static void check(Model model, TrainData data, TrainConfig config) {
        require(model, data, config);
        long steps = RunLength.of(config, data.train()).totalSteps();
        if (config.method() == Method.REFLORA && steps <= config.peers().refLoraWarmup()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "reflora_warmup is " + config.peers().refLoraWarmup() + ", and the run has " + steps
                            + (steps == 1 ? " step" : " steps")
                            + ": it is LoRA throughout; a lower reflora_warmup or more steps make it RefLoRA");
        }
    }

    /** @throws ConfigException that names all misfits */
    static void require(Model model, TrainData data, TrainConfig config) {
        List<String> problems = new ArrayList<>();
        String metric = Evaluation.problem(
                "metric_for_best_model",
                config.metricForBest(),
                model,
                Evaluation.metrics(model, data.eval() == null ? data.train() : data.eval()),
                data.metrics().keySet());
        if (metric != null) {
            problems.add(metric);
        }
        String told = MetricCheck.problem(config.metricForBest(), model, data.eval());
        if (told != null) {
            // metric_for_best_model of a run, metric of a comparison
            problems.add("the metric " + config.metricForBest() + ", which is to choose the best, needs " + told);
        }
        if (data.eval() == null && config.earlyStoppingPatience() > 0) {
            problems.add("early_stopping_patience needs evaluation data");
        }
        long steps = RunLength.of(config, data.train()).totalSteps();
        if (config.warmupSteps() > steps) {
            problems.add("warmup_steps must not pass the " + steps + " steps of the run, got " + config.warmupSteps());
        }
        TrainingSet train = data.train();
        Examples shown = train instanceof StreamingDataset stream ? stream.sample() : (Examples) train;
        LossSettings loss = config.loss();
        problems.addAll(loss.problems(model.task(), model.isRegression(), model.isMultiLabel()));
        String weights = loss.classWeights().problem(model, train);
        if (weights != null && !problems.contains(weights)) {
            problems.add(weights);
        }
        RewardCheck.check(problems, model, data, config);
        if (train.hasPreferences()) {
            checkPreferences(problems, shown, train instanceof StreamingDataset, loss);
        } else if (model.task() == Task.CAUSAL_LM) {
            problems.addAll(loss.problemsWithoutPreferences());
        }
        long width = model.vectorSize();
        config.loss().matches().lengths().stream()
                .filter(length -> length > width)
                .findFirst()
                .ifPresent(length -> problems.add("matryoshka_dims must not pass the " + width
                        + " numbers of the model's vectors, got " + length));
        if (shown instanceof MatchDataset matches) {
            checkCandidates(problems, matches, train.rows(), config);
        }
        check(problems, "training", shown, model);
        check(problems, "evaluation", data.eval(), model);
        Checks.collect(problems, () -> ImageDataset.numbers(shown, config.batchSize()));
        Checks.collect(problems, () -> ImageDataset.numbers(data.eval(), config.evalBatchSize()));
        if (data.eval() instanceof MatchDataset held) {
            String alone = MatchDataset.alone("evaluation", held.size(), held.haveNegatives());
            if (alone != null) {
                problems.add(alone);
            }
        }
        if (data.eval() != null && train.hasPreferences() != data.eval().hasPreferences()) {
            problems.add("the training data holds " + (train.hasPreferences() ? "preferences" : "texts")
                    + ", and the evaluation data "
                    + (train.hasPreferences() ? "texts" : "preferences")
                    + ": both must be of one kind");
        }
        if (data.eval() != null && train.isRanked() != data.eval().isRanked()) {
            problems.add(
                    "of the training data and the evaluation data one holds texts to rank, and the other does not: both"
                            + " must be of one kind");
        }
        if (train.hasPreferences()
                && data.eval() instanceof Preferences held
                && shown instanceof JudgedDataset != held instanceof JudgedDataset) {
            problems.add(
                    "of the training data and the evaluation data one holds pairs of answers and the other answers that"
                            + " are judged one by one: both must be of one kind");
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    /**
     * @param shown all rows, or the first
     * @param streamed whether rows are read as they are learnt
     */
    private static void checkPreferences(List<String> problems, Examples shown, boolean streamed, LossSettings loss) {
        PreferenceLoss.Kind kind = loss.preferences().kind();
        boolean judged = shown instanceof JudgedDataset;
        if (judged != (kind == PreferenceLoss.Kind.KTO)) {
            problems.add(
                    judged
                            ? "loss_type " + kind.word()
                                    + " compares two answers to a prompt, and the training data holds answers that are judged one"
                                    + " by one: take loss_type kto, or give rows with \"chosen\" and \"rejected\""
                            : "loss_type kto learns answers that are judged one by one, and the training data holds pairs of"
                                    + " them: make two of each (JudgedAnswer.both), or take another loss_type");
        }
        String smoothing = loss.problemOfPreferences();
        if (smoothing != null) {
            problems.add(smoothing);
        }
        if (streamed && kind.hasReference()) {
            problems.add("loss_type " + kind.word()
                    + " sets answers against what the model held of them before the first step,"
                    + " which is not known of rows that are read as they are learnt: keep them in memory"
                    + (judged ? "" : ", or take a loss_type without a reference, simpo or orpo"));
        }
    }

    /**
     * Without a second candidate nothing is told apart, and every step is lost.
     *
     * @param rows all of them, or the first
     * @param all how many there are
     */
    private static void checkCandidates(List<String> problems, MatchDataset rows, long all, TrainConfig config) {
        long together = Math.min(all, (long) config.batchSize() * config.gradientAccumulationSteps());
        if (together == 1 && !rows.haveNegatives()) {
            problems.add(
                    "the rows of a step are each other's negatives, and a step has one row: "
                            + (all == 1
                                    ? "give more than one row, or negatives"
                                    : "raise per_device_train_batch_size or gradient_accumulation_steps, or give each row a negative"));
        }
    }

    /** What rows are for. */
    private static String use(Dataset rows) {
        if (rows.isTagged()) {
            return OF_WORDS;
        }
        if (rows.isRegression()) {
            return REGRESSION;
        }
        if (rows.isMultiLabel()) {
            return SEVERAL;
        }
        return rows.isClassification() ? CLASSIFIER : LANGUAGE_MODEL;
    }

    /** What a model is, in the same words. */
    private static String use(Model model) {
        if (model.task() == Task.TOKEN_CLASSIFICATION) {
            return OF_WORDS;
        }
        if (model.isRegression()) {
            return REGRESSION;
        }
        if (model.isMultiLabel()) {
            return SEVERAL;
        }
        return model.task().isClassification() ? CLASSIFIER : LANGUAGE_MODEL;
    }

    /** What a run begins to train from random numbers; said there, since an adapter that is opened may bring it. */
    static void tellOfNewParameters(Model model) {
        if (!model.weights().created().isEmpty()) {
            LOG.log(
                    System.Logger.Level.INFO,
                    "{1} of {0}: not in its files, or not in this shape, and so from random numbers",
                    model.description().directory(),
                    String.join(", ", model.weights().created()));
        }
        model.weights()
                .otherClasses()
                .ifPresent(classes -> LOG.log(
                        System.Logger.Level.WARNING,
                        "the head of {0} is for {1} classes, and the run learns {2}: it starts from random numbers instead",
                        model.description().directory(),
                        classes,
                        model.description().labels().size()));
    }

    static void check(List<String> problems, String kind, @Nullable Examples examples, Model model) {
        if (examples == null) {
            return;
        }
        if ((examples instanceof ImageDataset) != (model.imageShape() != null)) {
            problems.add("the " + kind + " data holds " + (examples instanceof ImageDataset ? "images" : "texts")
                    + ", but the model reads " + (model.imageShape() == null ? "texts" : "images"));
            return;
        }
        if (examples instanceof ImageDataset images) {
            checkImages(problems, kind, images, model);
            return;
        }
        String oneSided = examples instanceof JudgedDataset judged
                ? JudgedDataset.oneSided(kind, judged.good(), judged.size())
                : null;
        if (oneSided != null) {
            problems.add(oneSided);
        }
        boolean matches = examples instanceof MatchDataset;
        if (matches != (model.task() == Task.SENTENCE_EMBEDDING)) {
            problems.add("the " + kind + " data holds "
                    + (matches ? "texts that belong together" : "no texts that belong together")
                    + ", and the model is opened for " + model.task().word() + ": "
                    + (matches
                            ? "sentence-embedding is the task that learns them"
                            : "it needs rows with \"anchor\" and \"positive\" (MatchDataset)"));
            return;
        }
        boolean writes = examples instanceof SourceTargetDataset;
        if (writes != (model.task() == Task.SEQ2SEQ_LM)) {
            problems.add("the " + kind + " data holds "
                    + (writes ? "texts to read and to write" : "no texts to read and to write")
                    + ", and the model is opened for " + model.task().word() + ": "
                    + (writes
                            ? "an encoder-decoder learns them"
                            : "it needs prompts with their completions (SourceTargetDataset)"));
            return;
        }
        Dataset rows = rows(examples);
        if (rows == null) {
            checkLengths(problems, kind, examples.lengths(), model);
            return;
        }
        boolean classifies = model.task().isClassification();
        ModelDescription description = model.description();
        String made = use(rows);
        String wanted = use(model);
        if (!matches && !made.equals(wanted)) {
            problems.add("the " + kind + " data is for a " + made + ", but the model is "
                    + (model.isRegression() ? "for regression: it has one output" : "a " + wanted));
            return;
        }
        if (rows.largestId() >= description.vocabularySize()) {
            problems.add("the " + kind + " data has token id " + rows.largestId() + ", but the model knows only "
                    + description.vocabularySize()
                    + " tokens: the tokenizer is that of another model, or tokens were added to it");
        }
        int[] lengths = examples instanceof SourceTargetDataset both ? both.longerSides() : rows.lengths();
        checkLengths(problems, kind, lengths, model);
        boolean continued = examples instanceof Dataset || examples instanceof PackedDataset;
        if (continued && model.task().writes() && Arrays.stream(lengths).max().orElse(0) == 1) {
            problems.add("the " + kind + " data has rows of one token alone, after which there is nothing to predict:"
                    + " give longer texts");
        }
        if (rows.isMultiLabel()) {
            checkCount(problems, kind, rows, model);
        } else if (classifies && !rows.isRegression()) {
            long largestClass = 0;
            for (int i = 0; i < rows.size(); i++) {
                largestClass = Math.max(
                        largestClass, Arrays.stream(rows.get(i).labels()).max().orElse(0));
            }
            checkClass(problems, kind, largestClass, model);
        }
    }

    /** What is tokenized of examples that are made of a {@link Dataset}; null of others. */
    private static @Nullable Dataset rows(Examples examples) {
        if (examples instanceof PackedDataset packed) {
            return packed.examples();
        }
        return examples instanceof Tokenized tokenized ? tokenized.texts() : null;
    }

    /** @param rows of which each may have several labels */
    private static void checkCount(List<String> problems, String kind, Examples rows, Model model) {
        SeveralLabelRows several = Objects.requireNonNull(SeveralLabelRows.of(rows));
        int has = several.size() == 0 ? 0 : several.scores().apply(0).length;
        int known = model.description().labels().size();
        if (several.size() > 0 && has != known) {
            problems.add("the " + kind + " data has " + has + " labels, but the model knows " + known);
        }
    }

    private static void checkLengths(List<String> problems, String kind, int[] lengths, Model model) {
        int longest = Arrays.stream(lengths).max().orElse(0);
        if (longest > model.description().maxPositions()) {
            problems.add("the " + kind + " data has a row of " + longest + " tokens, but the model was made for "
                    + model.description().maxPositions() + ": lower max_length");
        }
    }

    private static void checkImages(List<String> problems, String kind, ImageDataset images, Model model) {
        ImageDataset.Shape shape = images.shape();
        ImageShape read = new ImageShape(shape.channels(), shape.height(), shape.width());
        if (model.imageStates(read) == 0) {
            problems.add(
                    "the " + kind + " data was made ready for " + read + ", but the model reads " + model.imageShape());
        }
        if (images.isMultiLabel() != model.isMultiLabel()) {
            problems.add(
                    "in the " + kind + " data an image has " + (images.isMultiLabel() ? "several labels" : "one label")
                            + ", and the model was opened for " + (model.isMultiLabel() ? "several" : "one"));
            return;
        }
        if (images.isMultiLabel()) {
            checkCount(problems, kind, images, model);
            return;
        }
        long largest = 0;
        for (int i = 0; i < images.size(); i++) {
            largest = Math.max(largest, images.label(i));
        }
        checkClass(problems, kind, largest, model);
    }

    private static void checkClass(List<String> problems, String kind, long largest, Model model) {
        int known = model.description().labels().size();
        if (largest >= known) {
            problems.add("the " + kind + " data has class " + largest + ", but the model knows only " + known
                    + " classes, counted from 0");
        }
    }
}
