package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.data.Conversation;
import org.loft4j.data.DataReference;
import org.loft4j.data.Row;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.TextEmbedder;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.Pooling;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;

/** {@code loft embed}. */
@Command(
        name = "embed",
        description =
                "Makes vectors of texts, by which these are compared: of those of --text, of a file, or of the lines of standard"
                        + " input. Prints a JSON object a line, with text and embedding; or, with --query, the nearest of the"
                        + " texts: the cosine of the angle between the two, and the text, with a tab between. The model is any"
                        + " of texts that was trained for nothing else, best one of sentence embeddings.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft embed --adapter run --text \"How do I return a parcel?\"",
            "  loft embed --adapter run --data texts.csv --query \"sending goods back\" --top-k 3",
            "  loft embed --model models/MiniLM --data texts.csv --output vectors.safetensors"
        })
final class EmbedCommand implements Verb {
    private static final String TENSORS = ".safetensors";

    @Option(
            names = "--text",
            paramLabel = "TEXT",
            description = "A text; may be given several times. Default: the lines of standard input.")
    @Nullable
    List<String> texts;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            description =
                    "Texts, as 'loft train' takes its rows: files, a pattern of files or a query; labels in them are not read,"
                            + " and blank lines of .txt and of standard input are left out. Default: the lines of standard input.")
    @Nullable
    DataReference data;

    @Option(
            names = "--query",
            paramLabel = "TEXT",
            description = "Print those texts that are nearest to this one; may be given several times. Default: none.")
    @Nullable
    List<String> queries;

    @Option(
            names = "--top-k",
            paramLabel = "N",
            description = "So many texts of each --query. Default: ${DEFAULT-VALUE}.")
    int topK = 5;

    @Option(
            names = "--pooling",
            paramLabel = "POOLING",
            converter = Words.OfPooling.class,
            completionCandidates = WordLists.Poolings.class,
            description =
                    "How one vector is made of a text: mean, cls (the first token's state), last, or auto: as in training, else"
                            + " what the files of sentence-transformers say, else mean for an encoder and last for a decoder."
                            + " Default: auto.")
    Pooling pooling = Pooling.AUTO;

    @Option(
            names = "--normalize",
            negatable = true,
            fallbackValue = "true",
            description =
                    "Bring vectors to length 1. Default: where the files of sentence-transformers say so, as those of a training"
                            + " mostly do.")
    @Nullable
    Boolean normalize;

    @Option(
            names = "--dimensions",
            paramLabel = "N",
            description =
                    "The first N numbers of each vector alone, brought to length 1, as a model is for that was trained with"
                            + " --matryoshka-dims. Default: all numbers.")
    @Nullable
    Integer dimensions;

    @Option(
            names = "--max-length",
            paramLabel = "TOKENS",
            description =
                    "Longer texts are cut. Default: as in training, else what the files of sentence-transformers say, else 512,"
                            + " or what the model was made for, if less.")
    @Nullable
    Integer maxLength;

    @Option(
            names = "--eval-batch-size",
            paramLabel = "ROWS",
            description = "Texts that go through the model at once. Default: ${DEFAULT-VALUE}.")
    int batchSize = 32;

    @Option(
            names = "--output",
            paramLabel = "FILE",
            converter = Words.OfNewFile.class,
            description =
                    "Write the lines into this file; where its name ends in .safetensors, one tensor 'embeddings' (texts,"
                            + " numbers) in place of them. Default: standard output.")
    @Nullable
    Path output;

    @Mixin(name = "Rows")
    ColumnFlags columns;

    @Mixin(name = "Words before texts")
    TextPromptFlags prompts;

    @Mixin(name = "Rows with faults")
    FaultFlags faults;

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
        if (texts != null && data != null) {
            problems.add("--text and --data exclude each other");
        }
        ParseResult call = spec.commandLine().getParseResult();
        ColumnFlags.requireRows(problems, call, data);
        prompts.check(problems, queries != null, call);
        if (output != null && (queries != null || common.json)) {
            problems.add("--output is for vectors, and excludes --query and --json");
        }
        String fault = output == null
                ? null
                : NewFile.fault(output, "vectors" + TENSORS, "exists already: remove it, or name another file");
        if (fault != null) {
            problems.add("--output " + output + " " + fault);
        }
        String other = output == null ? null : PredictionsFlag.otherThanLines(output, ".npy", ".npz", ".pt", ".bin");
        if (other != null) {
            problems.add("--output " + output + " " + other + ", or in " + TENSORS + " for a tensor");
        }
        if (dimensions != null && Boolean.FALSE.equals(normalize)) {
            problems.add("--dimensions brings vectors to length 1, and --no-normalize leaves theirs: name one of them");
        }
        if (dimensions != null && dimensions < 1) {
            problems.add("dimensions must be at least 1, got " + dimensions);
        }
        if (maxLength != null && maxLength < 1) {
            problems.add("max_length must be at least 1, got " + maxLength);
        }
        if (batchSize < 1) {
            problems.add("per_device_eval_batch_size must be at least 1, got " + batchSize);
        }
        if (queries == null && call.hasMatchedOption("--top-k")) {
            problems.add("--top-k is of a --query, and there is none");
        }
        if (topK < 1) {
            problems.add("--top-k must be at least 1, got " + topK);
        }
    }

    @Override
    public int run() throws IOException {
        try (LoadedModel loaded = LoadedModel.openEmbedder(model, device, loadIn.value(), pooling);
                Tokenizer tokenizer = loaded.openTokenizer()) {
            SentenceFiles files = loaded.found().sentences();
            tellOfPooling(loaded, files);
            int length = loaded.maxLength(
                    maxLength,
                    files == null ? 0 : files.maxLength(),
                    spec.commandLine().getErr());
            requireDimensions(loaded.model().vectorSize());
            boolean unit = normalize != null ? normalize : files != null && files.normalised();
            TextEmbedder embedder = new TextEmbedder(loaded.model(), tokenizer, length, batchSize, unit);
            String before = prompts.ofTexts(files);
            if (queries != null) {
                String beforeQuery = prompts.ofQueries(files);
                tellOfPrompts(before, ", before each query " + MatchFlags.words(beforeQuery), before + beforeQuery);
                search(queries, embedder, before, beforeQuery);
            } else {
                tellOfPrompts(before, "", before);
                if (output == null) {
                    print(embedder, before);
                } else {
                    write(output, embedder, before);
                }
            }
            if (embedder.textsCut() > 0) {
                tell(Quantities.of(embedder.textsCut(), "text") + (embedder.textsCut() == 1 ? " was" : " were")
                        + " cut to " + length + " tokens (--max-length)");
            }
        }
        return ExitCode.OK;
    }

    /** What nobody has said, or has said otherwise, makes other vectors than those that are meant. */
    private void tellOfPooling(LoadedModel loaded, @Nullable SentenceFiles files) {
        Pooling used = loaded.model().description().pooling();
        if (files != null && files.pooling() != used) {
            tell("pooling " + word(used) + " is asked for, and the files beside the model say "
                    + word(files.pooling()));
        } else if (files == null && pooling == Pooling.AUTO && loaded.trainedAs() == null) {
            tell("no modules.json beside the model says how vectors are made, and they are by pooling " + word(used)
                    + " (--pooling)");
        }
    }

    /** What is asked for is known before the texts are read. */
    private void requireDimensions(long width) {
        if (dimensions != null && dimensions > width) {
            throw new ConfigException(
                    "dimensions must be from 1 to the " + width + " numbers of the model's vectors, got " + dimensions);
        }
    }

    private List<float[]> embed(TextEmbedder embedder, List<String> some) {
        List<float[]> whole = embedder.embed(some);
        return dimensions == null
                ? whole
                : whole.stream()
                        .map(vector -> TextEmbedder.shortened(vector, dimensions))
                        .toList();
    }

    /** @param all what stands before any text; nothing is said where that is empty */
    private void tellOfPrompts(String before, String query, String all) {
        if (!all.isEmpty()) {
            tell("before each text stands " + MatchFlags.words(before) + query);
        }
    }

    private static String word(@Nullable Pooling pooling) {
        return String.valueOf(pooling).toLowerCase(Locale.ROOT);
    }

    private void tell(String what) {
        PrintWriter err = spec.commandLine().getErr();
        err.println("loft: " + what);
        err.flush();
    }

    private void search(List<String> asked, TextEmbedder embedder, String before, String beforeQuery)
            throws IOException {
        List<float[]> vectors =
                embed(embedder, asked.stream().map(beforeQuery::concat).toList());
        List<Nearest> nearest = new ArrayList<>();
        for (int i = 0; i < asked.size(); i++) {
            nearest.add(new Nearest(asked.get(i), vectors.get(i), topK));
        }
        boolean whole = embedAll(embedder, before, (some, made) -> {
            nearest.forEach(each -> each.add(some, made));
            return true;
        });
        if (whole) {
            Nearest.print(nearest, spec.commandLine().getOut(), common.json);
        }
    }

    private void print(TextEmbedder embedder, String before) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        JsonElements json = common.json ? new JsonElements(out, "{\"embeddings\":[", "]}") : null;
        embedAll(embedder, before, (some, made) -> {
            for (int i = 0; i < some.size(); i++) {
                if (json == null) {
                    out.println(VectorFile.line(some.get(i), made.get(i)));
                } else {
                    json.add(VectorFile.tree(some.get(i), made.get(i)));
                }
            }
            out.flush();
            // whoever read the output may leave, or its disk be full: the exit status tells
            return !out.checkError();
        });
        if (json != null) {
            json.end();
        }
    }

    private void write(Path file, TextEmbedder embedder, String before) throws IOException {
        int numbers = dimensions == null ? embedder.dimension() : dimensions;
        try (VectorFile written = file.toString().toLowerCase(Locale.ROOT).endsWith(TENSORS)
                ? VectorFile.ofTensor(file, numbers)
                : VectorFile.ofLines(file)) {
            embedAll(embedder, before, (some, made) -> {
                written.add(some, made);
                return true;
            });
            written.finish();
            spec.commandLine()
                    .getOut()
                    .println("wrote " + file + ": " + Quantities.of(written.count(), "vector") + " of " + numbers
                            + " numbers");
        }
    }

    /** Takes vectors of some texts, one for each. */
    private interface Taking {
        /** Whether more are wanted. */
        boolean of(List<Asked> some, List<float[]> vectors) throws IOException;
    }

    /** Whether all vectors were wanted. */
    private boolean embedAll(TextEmbedder embedder, String before, Taking taking) throws IOException {
        LeftOutRows leftOut = new LeftOutRows();
        AskedCall call = new AskedCall(
                texts,
                null,
                data,
                columns,
                faults.skip ? leftOut : null,
                spec.commandLine().getErr());
        RowsLine line =
                Terminal.rows(spec.commandLine().getErr(), call.count(EmbedCommand::single, embedder::hasTokens));
        boolean[] whole = {true};
        long[] done = {0};
        try (AskedTexts asked = call.open(EmbedCommand::single, embedder::hasTokens)) {
            asked.inParts(batchSize, some -> {
                List<float[]> vectors = embed(
                        embedder,
                        some.stream().map(one -> before.concat(one.text())).toList());
                line.clear();
                whole[0] = taking.of(some, vectors);
                done[0] += some.size();
                if (!call.isTyped()) {
                    line.done(done[0]);
                }
                return whole[0];
            });
        } finally {
            line.clear();
        }
        leftOut.tell(done[0], "row", spec.commandLine().getErr());
        return whole[0];
    }

    /** What a vector is made of. */
    private static Asked single(Row row) throws DataException {
        if (row instanceof TextPair || row instanceof Conversation) {
            throw row.origin()
                    .fault((row instanceof TextPair ? "holds a pair of texts" : "is a conversation")
                            + ", and a vector is made of one text: name its column (--text-column)");
        }
        return Asked.of(row);
    }
}
