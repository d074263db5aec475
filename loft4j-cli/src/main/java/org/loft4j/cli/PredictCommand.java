package org.loft4j.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.Conversation;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.Labels;
import org.loft4j.data.PlainText;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.ImageClassifier;
import org.loft4j.infer.TextClassifier;
import org.loft4j.infer.TokenClassifier;
import org.loft4j.io.Json;
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
                "Classifies texts: those of --text, of a file, or the lines of standard input; or images, those of --image."
                        + " Prints label, probability and text, with tabs between; within a text \\t, \\n, \\r and \\\\ stand for tab,"
                        + " line ends and backslash.",
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
            names = "--image",
            paramLabel = "FILE",
            description = "An image to classify; may be given several times. Default: none.")
    @Nullable
    List<Path> images;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            description =
                    "Texts to classify, as 'loft train' takes its rows: files, a pattern of files or a query; labels in them are not"
                            + " read, and blank lines of .txt and of standard input are left out. Default: the lines of standard input.")
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

    @Mixin(name = "Model")
    ModelFlags model;

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
        device.check(problems);
        DataFlags.require(problems, "--data", data);
        problems.of(columns::asked);
        if (images != null && (texts != null || data != null)) {
            problems.add("--image excludes --text and --data");
        }
        if (texts != null && data != null) {
            problems.add("--text and --data exclude each other");
        }
        if (maxLength != null && maxLength < 1) {
            problems.add("max_length must be at least 1, got " + maxLength);
        }
        if (batchSize < 1) {
            problems.add("per_device_eval_batch_size must be at least 1, got " + batchSize);
        }
    }

    @Override
    public int run() throws IOException {
        try (LoadedModel loaded = LoadedModel.open(model, device, loadIn.value())) {
            if (loaded.model().task() == Task.IMAGE_CLASSIFICATION || images != null) {
                classifyImages(loaded);
            } else {
                classifyTexts(loaded);
            }
        }
        return ExitCode.OK;
    }

    private void classifyImages(LoadedModel loaded) throws IOException {
        if (images == null || loaded.model().task() != Task.IMAGE_CLASSIFICATION) {
            throw new ConfigException(
                    images == null
                            ? "the model classifies images: give them with --image FILE"
                            : "the model does not classify images, but texts: give them with --text");
        }
        ImageClassifier classifier = new ImageClassifier(loaded.model(), loaded.directory(), batchSize);
        print(
                "image",
                images.stream().map(Path::toString).toList(),
                classifier.classify(images),
                loaded.model().description().labels());
    }

    private void classifyTexts(LoadedModel loaded) throws IOException {
        List<String> asked = read();
        try (Tokenizer tokenizer = loaded.openTokenizer()) {
            if (loaded.model().task() == Task.TOKEN_CLASSIFICATION) {
                TokenClassifier words = new TokenClassifier(loaded.model(), tokenizer, loaded.maxLength(maxLength));
                printWords(asked, asked.stream().map(words::classify).toList());
                return;
            }
            TextClassifier classifier =
                    new TextClassifier(loaded.model(), tokenizer, loaded.maxLength(maxLength), batchSize);
            print(
                    "text",
                    asked,
                    classifier.classify(asked),
                    loaded.model().description().labels());
        }
    }

    private List<String> read() throws IOException {
        if (texts != null) {
            return texts;
        }
        if (data != null) {
            List<String> read = new ArrayList<>();
            for (Row row : DataFiles.read(data, columns.asked())) {
                read.add(text(row));
            }
            return read;
        }
        // not closed: standard input is not ours
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        return lines.lines().filter(line -> !line.isBlank()).toList();
    }

    private static String text(Row row) throws DataException {
        if (row instanceof Conversation) {
            throw row.origin().fault("is a conversation, and texts are classified: name their column (--text-column)");
        }
        return row instanceof PromptCompletion prompted ? prompted.prompt() : ((PlainText) row).text();
    }

    /** A word a line, with a blank line between two texts, as the CoNLL tasks have it. */
    private void printWords(List<String> asked, List<List<TokenClassifier.Word>> judged) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (common.json) {
            List<Map<String, Object>> trees = new ArrayList<>();
            for (int i = 0; i < asked.size(); i++) {
                Map<String, Object> tree = new LinkedHashMap<>();
                tree.put("text", asked.get(i));
                tree.put("words", judged.get(i));
                trees.add(tree);
            }
            out.println(Json.text(Map.of("predictions", trees)));
            return;
        }
        for (int i = 0; i < judged.size(); i++) {
            out.print(i == 0 ? "" : "\n");
            judged.get(i)
                    .forEach(word -> out.println(field(word.label()) + "\t"
                            + String.format(Locale.ROOT, "%.3f", word.probability()) + "\t" + field(word.word())));
        }
    }

    /** Keeps a text within its field and its line. */
    static String field(String text) {
        String escaped = text.replace("\\", "\\\\")
                .replace("\t", "\\t")
                .replace("\n", "\\n")
                .replace("\r", "\\r");
        // what else a terminal would take for an order
        return CONTROL.matcher(escaped)
                .replaceAll(
                        found -> String.format("\\\\u%04x", (int) found.group().charAt(0)));
    }

    private void print(
            String kind, List<String> asked, List<TextClassifier.Prediction> predictions, List<String> labels)
            throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        List<String> names = Labels.distinct(labels);
        List<Map<String, Object>> trees = new ArrayList<>();
        for (int i = 0; i < asked.size(); i++) {
            TextClassifier.Prediction prediction = predictions.get(i);
            String label = names.get(prediction.probabilities().indexOf(prediction.probability()));
            if (!common.json) {
                out.println(field(label) + "\t"
                        + String.format(Locale.ROOT, "%.3f", prediction.probability()) + "\t"
                        + (kind.equals("text") ? field(asked.get(i)) : asked.get(i)));
                continue;
            }
            Map<String, Double> probabilities = new LinkedHashMap<>();
            for (int c = 0; c < names.size(); c++) {
                probabilities.put(names.get(c), prediction.probabilities().get(c));
            }
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put(kind, asked.get(i));
            tree.put("label", label);
            tree.put("probability", prediction.probability());
            tree.put("probabilities", probabilities);
            trees.add(tree);
        }
        if (common.json) {
            out.println(Json.text(Map.of("predictions", trees)));
        }
    }
}
