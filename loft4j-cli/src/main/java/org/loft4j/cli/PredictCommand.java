package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.data.DataReference;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.ImageClassifier;
import org.loft4j.infer.ImageLabeler;
import org.loft4j.infer.TextClassifier;
import org.loft4j.infer.TextLabeler;
import org.loft4j.infer.TextScorer;
import org.loft4j.infer.TokenClassifier;
import org.loft4j.nn.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft predict}. */
@Command(
        name = "predict",
        description =
                "Classifies texts: those of --text, of a file, or the lines of standard input; or images, those of --image or"
                        + " of a folder. Prints label, probability and text, with tabs between, and the second text of a pair; of a model with"
                        + " one output, of regression or a reranker, its number in place of label and probability; of a model of several labels a text those whose probability is above 0.5 (--threshold), and their"
                        + " probabilities, with commas between; within a text \\t, \\n, \\r and \\\\ stand for tab,"
                        + " line ends and backslash. What is done is printed while the rest is read and classified.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft predict --model models/MiniLM --adapter run --text \"She have lost her keys.\"",
            "  loft predict --model merged --data new.csv --json",
            "  cat lines.txt | loft predict --model merged"
        })
final class PredictCommand implements Verb {
    private static final Pattern CONTROL = Pattern.compile("\\p{Cc}");

    @Option(
            names = "--text",
            paramLabel = "TEXT",
            description = "A text to classify; may be given several times. Default: the lines of standard input.")
    @Nullable
    List<String> texts;

    @Option(
            names = "--text-pair",
            paramLabel = "TEXT",
            description = "The second text of a pair, once for each --text, in their order. Default: none.")
    @Nullable
    List<String> pairs;

    @Option(
            names = "--image",
            paramLabel = "FILE",
            description = "An image to classify; may be given several times. Default: those of --data.")
    @Nullable
    List<Path> images;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            description =
                    "Texts to classify, as 'loft train' takes its rows: files, a pattern of files or a query; labels in them are not"
                            + " read, and blank lines of .txt and of standard input are left out; conversations (messages) with their answer, for a model of one output. Or images: a folder, in which they"
                            + " may lie at any depth, or a .csv, .tsv or .jsonl with the column image. Default: the lines of standard input.")
    @Nullable
    DataReference data;

    @Option(
            names = "--max-length",
            paramLabel = "TOKENS",
            description =
                    "Longer texts are cut. Default: as in training, else 512, or what the model was made for, if less.")
    @Nullable
    Integer maxLength;

    @Option(
            names = "--eval-batch-size",
            paramLabel = "ROWS",
            description = "Texts that go through the model at once. Default: ${DEFAULT-VALUE}.")
    int batchSize = 32;

    @Mixin(name = "Rows")
    ColumnFlags columns;

    @Mixin(name = "Rows with faults")
    FaultFlags faults;

    @Mixin(name = "Model")
    ModelFlags model;

    @Mixin(name = "Task")
    ProblemFlags problem;

    @Mixin(name = "Labels told")
    ThresholdFlag threshold;

    @Mixin(name = "Device")
    DeviceFlags device;

    @Mixin(name = "Precision")
    LoadInFlags loadIn;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    private final LeftOutRows leftOut = new LeftOutRows();
    private boolean toldOfPairs;

    @Override
    public void check(Problems problems) {
        model.check(problems);
        device.check(problems);
        DataFlags.requireOrFolder(problems, "--data", data);
        problems.of(columns::asked);
        ColumnFlags.requireRows(problems, spec.commandLine().getParseResult(), data);
        if (images != null && (texts != null || data != null)) {
            problems.add("--image excludes --text and --data");
        }
        if (texts != null && data != null) {
            problems.add("--text and --data exclude each other");
        }
        if (pairs != null && (texts == null || texts.size() != pairs.size())) {
            problems.add("--text-pair must be given as often as --text, got " + pairs.size() + " and "
                    + (texts == null ? 0 : texts.size()));
        }
        if (maxLength != null && maxLength < 1) {
            problems.add("max_length must be at least 1, got " + maxLength);
        }
        threshold.check(problems);
        if (batchSize < 1) {
            problems.add("per_device_eval_batch_size must be at least 1, got " + batchSize);
        }
    }

    @Override
    public int run() throws IOException {
        try (LoadedModel loaded = LoadedModel.open(model, device, loadIn.value(), problem)) {
            if (loaded.model().task() == Task.SENTENCE_EMBEDDING) {
                throw new ConfigException(
                        "the model makes vectors of texts, and tells no classes: 'loft embed' prints them");
            }
            if (loaded.model().task().writes()) {
                throw new ConfigException("the model writes text, and tells no classes: 'loft generate' asks it");
            }
            threshold.requireFits(loaded.model());
            if (loaded.model().task() == Task.IMAGE_CLASSIFICATION || images != null) {
                classifyImages(loaded);
            } else {
                classifyTexts(loaded);
            }
        }
        return ExitCode.OK;
    }

    private void classifyImages(LoadedModel loaded) throws IOException {
        if (loaded.model().task() != Task.IMAGE_CLASSIFICATION) {
            throw new ConfigException("the model does not classify images, but texts: give them with --text");
        }
        TrainingImages.requireNoFaultyRows(faults);
        TaskOptions.require(spec, Task.IMAGE_CLASSIFICATION);
        List<String> labels = loaded.model().description().labels();
        List<String> names = imageNames();
        PrintWriter out = spec.commandLine().getOut();
        try (AskedTexts asked = AskedTexts.of("images", names, null, name -> true)) {
            if (loaded.model().isMultiLabel()) {
                try (ImageLabeler labeler =
                        new ImageLabeler(loaded.model(), loaded.directory(), batchSize, threshold.value())) {
                    LabelLines lines = new LabelLines(out, "image", labels);
                    classify(asked, names.size(), some -> labeler.label(files(some)), lines::print);
                }
                return;
            }
            try (ImageClassifier classifier = new ImageClassifier(loaded.model(), loaded.directory(), batchSize)) {
                ClassLines lines = new ClassLines(out, "image", labels);
                classify(asked, names.size(), some -> classifier.classify(files(some)), lines::print);
            }
        }
    }

    private static List<Path> files(List<Asked> some) {
        return some.stream().map(one -> Path.of(one.text())).toList();
    }

    private List<String> imageNames() throws IOException {
        if (images != null) {
            return images.stream().map(Path::toString).toList();
        }
        if (data != null) {
            return AskedImages.in(
                    DataFlags.images(data), columns, spec.commandLine().getErr());
        }
        throw new ConfigException(
                "the model classifies images: give them with --image FILE, or a folder or a table of them with --data");
    }

    private void classifyTexts(LoadedModel loaded) throws IOException {
        String fault = data == null ? null : data.fault();
        if (fault != null) {
            throw new ConfigException("--data " + fault + ", and the model classifies texts, not images");
        }
        try (Tokenizer tokenizer = loaded.openTokenizer()) {
            int length = loaded.maxLength(maxLength, spec.commandLine().getErr());
            if (loaded.model().task() == Task.TOKEN_CLASSIFICATION) {
                if (pairs != null || columns.textPair != null) {
                    throw new ConfigException("--text-pair and --text-pair-column are for classifiers of texts, and the"
                            + " model classifies words");
                }
                WordLines lines = new WordLines(spec.commandLine().getOut());
                long count = call().count(Asked::ofWords, text -> true);
                try (TokenClassifier words = new TokenClassifier(loaded.model(), tokenizer, length);
                        AskedTexts asked = call().open(Asked::ofWords, text -> true)) {
                    classify(
                            asked,
                            count,
                            some -> some.stream()
                                    .map(one -> words.classify(one.asWords()))
                                    .toList(),
                            lines::print);
                }
                lines.tellOfWordsLeftOut(length, spec.commandLine().getErr());
                return;
            }
            PrintWriter out = spec.commandLine().getOut();
            List<String> labels = loaded.model().description().labels();
            if (loaded.model().isRegression()) {
                TextScorer scorer = new TextScorer(loaded.model(), tokenizer, length, batchSize);
                judgeAll(
                        new AskedConversations(loaded.found(), tokenizer, length),
                        AskedTexts.Usable.of(scorer::hasTokens, scorer::hasTokens),
                        some -> some.get(0).written() != null
                                ? scorer.scoreWritten(written(some))
                                : judge(loaded, some, scorer::score, scorer::scorePairs),
                        new ScoreLines(out)::print);
                tellOfCuts(scorer.textsCut(), length);
            } else if (loaded.model().isMultiLabel()) {
                TextLabeler labeler = new TextLabeler(loaded.model(), tokenizer, length, batchSize, threshold.value());
                judgeAll(
                        Asked::of,
                        AskedTexts.Usable.of(labeler::hasTokens, labeler::hasTokens),
                        some -> judge(loaded, some, labeler::label, labeler::labelPairs),
                        new LabelLines(out, "text", labels)::print);
                tellOfCuts(labeler.textsCut(), length);
            } else {
                TextClassifier classifier = new TextClassifier(loaded.model(), tokenizer, length, batchSize);
                judgeAll(
                        Asked::of,
                        AskedTexts.Usable.of(classifier::hasTokens, classifier::hasTokens),
                        some -> judge(loaded, some, classifier::classify, classifier::classifyPairs),
                        new ClassLines(out, "text", labels)::print);
                tellOfCuts(classifier.textsCut(), length);
            }
        }
    }

    /**
     * Asks for all texts, or pairs of texts, or conversations.
     *
     * @param reading what is asked in a row
     */
    private <T> void judgeAll(
            AskedTexts.Reading reading,
            AskedTexts.Usable usable,
            Classification<T> classification,
            Printing<T> printing)
            throws IOException {
        long count = call().count(reading, usable);
        try (AskedTexts asked = call().open(reading, usable)) {
            classify(asked, count, classification, printing);
        }
    }

    private static List<String> texts(List<Asked> some) {
        return some.stream().map(Asked::text).toList();
    }

    private static List<long[]> written(List<Asked> some) {
        return some.stream().map(one -> Objects.requireNonNull(one.written())).toList();
    }

    private void tell(String what) {
        PrintWriter err = spec.commandLine().getErr();
        err.println("loft: " + what);
        err.flush();
    }

    private void tellOfCuts(long cut, int maxLength) {
        if (cut > 0) {
            tell(Quantities.of(cut, "text") + (cut == 1 ? " was" : " were") + " cut to " + maxLength
                    + " tokens (--max-length)");
        }
    }

    /** All of them are pairs, or none: rows are of one kind. */
    private <T> List<T> judge(
            LoadedModel loaded,
            List<Asked> some,
            Function<List<String>, List<T>> ofTexts,
            Function<List<TextPair>, List<T>> ofPairs) {
        List<TextPair> pairs = new ArrayList<>();
        for (Asked one : some) {
            if (one.textPair() != null) {
                pairs.add(new TextPair(one.text(), one.textPair()));
            }
        }
        String other = loaded.notAsTrained(
                !pairs.isEmpty(),
                "single ones are asked: give the second by --text-pair, or by rows that have both (text_pair, or"
                        + " --text-pair-column)");
        if (other != null && !toldOfPairs) {
            toldOfPairs = true;
            tell(other);
        }
        return pairs.isEmpty() ? ofTexts.apply(texts(some)) : ofPairs.apply(pairs);
    }

    /** What a model says of some texts, one for each. */
    private interface Classification<T> {
        List<T> of(List<Asked> some) throws IOException;
    }

    /** Prints that. */
    private interface Printing<T> {
        /** @param json null where words are printed */
        void of(List<Asked> some, List<T> predictions, @Nullable JsonElements json) throws IOException;
    }

    private <T> void classify(AskedTexts asked, long total, Classification<T> classification, Printing<T> printing)
            throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        JsonElements json = common.json ? new JsonElements(out, "{\"predictions\":[", "]}") : null;
        RowsLine line = Terminal.rows(spec.commandLine().getErr(), total);
        boolean typed = images == null && call().isTyped();
        long[] done = {0};
        try {
            asked.inParts(batchSize, some -> {
                List<T> predictions = classification.of(some);
                line.clear();
                printing.of(some, predictions, json);
                out.flush();
                done[0] += some.size();
                if (!typed) {
                    line.done(done[0]);
                }
                // whoever read the output may leave, or its disk be full: the exit status tells
                return !out.checkError();
            });
        } finally {
            line.clear();
        }
        if (json != null) {
            json.end();
        }
        leftOut.tell(done[0], "row", spec.commandLine().getErr());
    }

    private AskedCall call() {
        return new AskedCall(
                texts,
                pairs,
                data,
                columns,
                faults.skip ? leftOut : null,
                spec.commandLine().getErr());
    }

    /** Keeps a text within its field and its line. */
    static String field(String text) {
        return name(text.replace("\\", "\\\\"));
    }

    /** Keeps the name of a file there, which may have backslashes of its own. */
    static String name(String file) {
        String escaped = file.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r");
        // what else a terminal would take for an order
        return CONTROL.matcher(escaped)
                .replaceAll(
                        found -> String.format("\\\\u%04x", (int) found.group().charAt(0)));
    }
}
