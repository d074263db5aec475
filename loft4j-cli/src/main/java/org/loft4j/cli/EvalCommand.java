package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.cli.report.Table;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.DataRows;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.JudgedAnswer;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.Labels;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.MatchPrompts;
import org.loft4j.data.Origin;
import org.loft4j.data.Preference;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.data.Preferences;
import org.loft4j.data.RankedDataset;
import org.loft4j.data.Row;
import org.loft4j.data.RowFormat;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.image.Augmentation;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.infer.ModelImages;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.train.ConfusionMatrix;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Evaluator;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft eval}. */
@Command(
        name = "eval",
        description =
                "Judges a model by rows of text or by images: loss, and accuracy, macro-F1 and Matthews' correlation of a classifier"
                        + " with precision, recall and F1 of each class and of two the area under the ROC curve, Pearson's and Spearman's correlation and the mean squared error of"
                        + " a regression, exact matches, F1 and the area under the ROC curve (micro and macro) of labels of which a text may have several, perplexity of a language model and the share of tokens that it tells right, accuracy and rewards of preferences, what rewards say of its answers, or how well anchors find what belongs to them by sentence embeddings.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft eval --model models/MiniLM --adapter run --data test.csv",
            "  loft eval --model merged --data test.csv --json",
            "  loft eval --adapter run --data test.csv --predictions judged.jsonl",
            "  loft eval --adapter run --data sums.jsonl --reward exact"
        })
final class EvalCommand implements Verb {
    @Option(
            names = "--eval-batch-size",
            paramLabel = "ROWS",
            description = "Rows that go through the model at once. Default: ${DEFAULT-VALUE}.")
    int batchSize = 32;

    @Mixin(name = "Model")
    ModelFlags model;

    @Mixin(name = "Task")
    ProblemFlags problem;

    @Mixin(name = "Labels told")
    ThresholdFlag threshold;

    @Mixin(name = "Rows told")
    PredictionsFlag predictions;

    @Mixin(name = "Data")
    DataFlags data;

    @Mixin(name = "Rows with faults")
    FaultFlags faults;

    @Mixin(name = "Translation")
    LanguageFlags languages;

    @Mixin(name = "Conversations")
    ChatFlags chat;

    @Mixin(name = "Preferences")
    PreferenceFlags preference;

    @Mixin(name = "Rewards")
    AnswerFlags answers;

    @Option(
            names = "--similarity-scale",
            paramLabel = "SCALE",
            description =
                    "Of sentence embeddings: what multiplies the cosines of texts in the loss. Default: that of the"
                            + " training, where its trainer_state.json lies beside the adapter, else 20.")
    @Nullable
    Double similarityScale;

    @Option(
            names = "--dimensions",
            paramLabel = "N",
            description = "Of sentence embeddings: judge vectors by their first N numbers alone. Default: by all.")
    @Nullable
    Integer dimensions;

    @Mixin(name = "Sentence embeddings")
    MatchFlags matched;

    @Mixin(name = "Images")
    ImageFlags images;

    @Mixin(name = "Device")
    DeviceFlags device;

    @Mixin(name = "Precision")
    LoadInFlags loadIn;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        model.check(problems);
        data.checkOrPrompts(problems);
        chat.check(problems);
        preference.check(problems);
        answers.check(problems);
        if (dimensions != null && dimensions < 1) {
            problems.add("dimensions must be at least 1, got " + dimensions);
        }
        if (similarityScale != null) {
            double given = similarityScale;
            problems.of(() -> new MatchLoss(given));
        }
        images.check(problems);
        device.check(problems);
        threshold.check(problems);
        predictions.check(problems, data.data, model);
        if (batchSize < 1) {
            problems.add("per_device_eval_batch_size must be at least 1, got " + batchSize);
        }
    }

    @Override
    public int run() throws IOException {
        FoundModel found = FoundModel.of(model);
        predictions.requireOutside(found);
        boolean byRewards = answers.judge(found, data.columns);
        predictions.requireOwnLoss(!byRewards, "--reward", "rewards judge answers that are drawn, and not the rows");
        boolean matches = !byRewards && data.format(data.data).get() == RowFormat.MATCH;
        try (LoadedModel loaded = LoadedModel.openJudged(found, model, device, loadIn.value(), problem, matches)) {
            threshold.requireFits(loaded.model());
            requireFits(loaded.model().task());
            predictions.requireOwnLoss(
                    loaded.model().task() != Task.SENTENCE_EMBEDDING,
                    "sentence embeddings",
                    "the loss of a row hangs on all the others");
            if (byRewards) {
                return judgeAnswers(loaded);
            }
            return loaded.model().task() == Task.IMAGE_CLASSIFICATION ? judgeImages(loaded) : judgeTexts(loaded);
        }
    }

    /** Refuses what is of sentence embeddings where there are none. */
    private void requireFits(Task task) {
        matched.requireFits(task);
        TaskOptions.require(spec, task);
        for (String flag : List.of("--dimensions", "--similarity-scale")) {
            // a file of settings serves other models too
            if (task != Task.SENTENCE_EMBEDDING
                    && spec.commandLine().getParseResult().hasMatchedOption(flag)) {
                throw new ConfigException(
                        flag + " is of sentence embeddings, and the model is for " + task.word() + ": leave it out");
            }
        }
    }

    private int judgeImages(LoadedModel loaded) throws IOException {
        TrainingImages.requireNoFaultyRows(faults);
        preference.judge(false, false, loaded);
        Path from = DataFlags.images(data.data);
        LabeledImages chosen = images.read(from, data, loaded.model().isMultiLabel());
        PrintWriter err = spec.commandLine().getErr();
        Labels labels = LearntClasses.judged(loaded, chosen, images, new Origin(from, 0), data.labels, err);
        if (!chosen.leftOut().isEmpty()) {
            err.println("loft: " + Quantities.of(chosen.size(), "image") + TrainingImages.leftOut("", chosen));
            err.flush();
        }
        ImageDataset dataset = TrainingImages.dataset(
                ModelImages.of(loaded.model(), loaded.directory()), chosen, labels, Augmentation.NONE);
        RowPredictions told = predictions.of(loaded.model(), labels, threshold.value());
        Evaluator evaluator =
                RowPredictions.heard(new Evaluator(loaded.model(), 0, batchSize, threshold.value()), told);
        Evaluation evaluation = evaluator.evaluate(dataset);
        if (told != null) {
            told.write(chosen);
        }
        return print(loaded, evaluation, dataset.size(), Map.of(), told);
    }

    private int judgeAnswers(LoadedModel loaded) throws IOException {
        preference.judge(false, false, loaded);
        AnswerFlags.Judged judged = answers.evaluate(loaded, data, faults, chat, batchSize);
        return print(loaded, judged.evaluation(), judged.rows(), judged.by(), null);
    }

    private int judgeTexts(LoadedModel loaded) throws IOException {
        try (Tokenizer opened = loaded.openTokenizer()) {
            PrintWriter err = spec.commandLine().getErr();
            Tokenizer tokenizer = languages.of(opened);
            Task task = loaded.model().task();
            FaultyRows faulty = faults.rows(err);
            LearntTask known = new LearntTask(task, List.of(), ProblemType.of(loaded.model()));
            DataRows read = faulty.read(data.data, known.columns(data), "evaluation");
            LearntTask aim = known.judgedBy(read.rows().get(0));
            TaskOptions.require(spec, aim);
            boolean judged = read.rows().get(0) instanceof JudgedAnswer;
            predictions.requireOwnLoss(
                    !judged, "answers judged one by one", "their loss hangs on all of them (--preference-loss kto)");
            boolean preferences =
                    task == Task.CAUSAL_LM && (judged || read.rows().get(0) instanceof Preference);
            PreferenceJudge judge = preference.judge(preferences, judged, loaded);
            if (judge != null && judged) {
                PreferenceLossFlags.tellOfLabel(data.columns.format, "judged", err);
            }
            predictions.requireOwnLoss(
                    judge == null || judge.loss().kind() != PreferenceLoss.Kind.KTO,
                    "--preference-loss kto",
                    "the loss of an answer hangs on all of them");
            List<Row> rows = judge == null ? read.rows() : judge.rows(read.rows());
            if (read.blank() > 0) {
                err.println("loft: " + Quantities.of(read.blank(), "blank text") + " left out");
            }
            String other = loaded.notAsTrained(
                    TrainingRows.isPair(rows.get(0)),
                    "the rows have single ones: name the column of the second (--text-pair-column)");
            if (other != null && !aim.ranking()) {
                err.println("loft: " + other);
            }
            Labels labels =
                    aim.hasClasses() ? LearntClasses.judged(loaded, read.classes(), rows, data.labels, err) : null;
            int maxLength = loaded.maxLength(data.maxLength, err);
            ChatFormat format = aim.takesConversations() ? chat.of(aim).format(loaded, rows) : null;
            boolean matches = task == Task.SENTENCE_EMBEDDING;
            MatchPrompts prompts = matches ? matched.of(loaded.found().sentences()) : MatchPrompts.NONE;
            if (!prompts.equals(MatchPrompts.NONE)) {
                err.println("loft: " + MatchFlags.words(prompts));
            }
            MatchLoss loss = matches ? loss(loaded) : null;
            Evaluator plain = new Evaluator(loaded.model(), tokenizer.padId(), batchSize, threshold.value());
            RowPredictions told = predictions.of(loaded.model(), labels, threshold.value());
            Evaluator evaluator = RowPredictions.heard(loss == null ? plain : plain.withMatchLoss(loss), told);
            StreamingDataset.Encoder encoder = some -> switch (task) {
                case SENTENCE_EMBEDDING -> MatchDataset.of(some, tokenizer, maxLength, prompts);
                case SEQ2SEQ_LM -> SourceTargetDataset.of(some, tokenizer, maxLength);
                case CAUSAL_LM ->
                    some.get(0) instanceof JudgedAnswer
                            ? JudgedDataset.of(some, tokenizer, maxLength, format)
                            : preferences
                                    ? PreferenceDataset.of(some, tokenizer, maxLength, format)
                                    : Dataset.causalLm(some, tokenizer, maxLength, format);
                case TOKEN_CLASSIFICATION ->
                    Dataset.tokenClassification(some, Objects.requireNonNull(labels), tokenizer, maxLength);
                default ->
                    switch (aim.problem()) {
                        case RANKING -> RankedDataset.of(some, tokenizer, maxLength, format);
                        case REGRESSION -> Dataset.regression(some, tokenizer, maxLength);
                        case MULTI_LABEL_CLASSIFICATION ->
                            Dataset.multiLabel(some, Objects.requireNonNull(labels), tokenizer, maxLength);
                        case SINGLE_LABEL_CLASSIFICATION ->
                            Dataset.classification(some, Objects.requireNonNull(labels), tokenizer, maxLength);
                    };
            };
            FaultyRows.Kept kept = faulty.encode(rows, encoder, "evaluation");
            Examples examples = kept.examples();
            Evaluator.requireFits(loaded.model(), examples, "evaluation");
            Evaluation evaluation = judge != null && examples instanceof Preferences answers
                    ? judge.evaluate(loaded, answers, tokenizer.padId(), batchSize, told, err)
                    : evaluator.evaluate(examples);
            if (told != null) {
                told.write(kept, encoder, tokenizer, maxLength);
            }
            long cut = kept.examples().texts().truncations().rows();
            if (cut > 0) {
                err.println("loft: " + cut + " of " + kept.rows().size() + " rows were cut to " + maxLength
                        + " tokens (--max-length)");
                err.flush();
            }
            Map<String, Object> by = new LinkedHashMap<>();
            by.put("max_length", maxLength);
            by.put("rows_cut", cut);
            if (judge != null) {
                by.putAll(judge.loss().toMap());
            }
            if (loss != null) {
                by.put("similarity_scale", loss.scale());
                by.put("dimensions", dimensions == null ? loaded.model().vectorSize() : dimensions);
                by.put("query_prompt", prompts.query());
                by.put("document_prompt", prompts.document());
            }
            return print(loaded, evaluation, kept.rows().size(), by, told);
        }
    }

    /** The scale of the training, or what the call says in its place, and to how many numbers vectors are cut. */
    private MatchLoss loss(LoadedModel loaded) throws IOException {
        return new MatchLoss(scale(loaded), dimensions == null ? List.of() : List.of(dimensions));
    }

    private double scale(LoadedModel loaded) throws IOException {
        Path adapter = loaded.adapterDirectory();
        JsonObject plan = similarityScale != null || adapter == null ? null : PreferenceFlags.plan(adapter);
        double usual = plan == null ? MatchLoss.SCALE : plan.doubleOr("similarity_scale", MatchLoss.SCALE);
        return similarityScale == null ? usual : similarityScale;
    }

    /**
     * The exit status: a model that tells no numbers has failed, whatever class is taken for its answer.
     *
     * @param by what is said as JSON of how rows were judged, such as the length to which they were cut
     * @param told of each row; null where nobody asks
     */
    private int print(
            LoadedModel loaded, Evaluation evaluation, int rows, Map<String, Object> by, @Nullable RowPredictions told)
            throws IOException {
        write(loaded, evaluation, rows, by, told);
        if (!Double.isNaN(evaluation.loss())) {
            return ExitCode.OK;
        }
        spec.commandLine()
                .getErr()
                .println("loft: the loss is no number, for the model's outputs are not: the other scores mean nothing");
        return ExitCode.SOFTWARE;
    }

    private void write(
            LoadedModel loaded, Evaluation evaluation, int rows, Map<String, Object> by, @Nullable RowPredictions told)
            throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        ConfusionMatrix confusion = evaluation.confusion();
        List<String> names = loaded.model().description().labels();
        ClassScores classes = confusion != null
                ? ClassScores.of(confusion, names)
                : evaluation.labels() != null ? ClassScores.of(evaluation.labels(), names) : null;
        if (common.json) {
            Map<String, Object> tree = new LinkedHashMap<>(evaluation.values());
            tree.put("data", data.data.toString());
            tree.put("rows", rows);
            tree.putAll(by);
            tree.put("seconds", evaluation.seconds());
            if (loaded.model().isMultiLabel()) {
                tree.put("threshold", threshold.value().probability());
            }
            if (classes != null) {
                tree.put("classes", classes.tree());
            }
            if (confusion != null) {
                tree.put("confusion_matrix", ClassScores.matrix(confusion));
            }
            if (told != null) {
                tree.put("greatest_loss", told.worst());
            }
            out.println(Json.text(Objects.requireNonNull(Json.finite(tree))));
            return;
        }
        Table table = new Table("score", ">value");
        evaluation.values().forEach((name, value) -> table.row(name, String.format(Locale.ROOT, "%.4f", value)));
        out.print(table);
        if (classes != null) {
            out.print(classes.text());
        }
        out.println(Quantities.of(rows, "row") + " of " + data.data.shown() + " in "
                + String.format(Locale.ROOT, "%.1f s", evaluation.seconds()));
        if (told != null) {
            out.print("\n" + told.text());
        }
    }
}
