package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Columns;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataRows;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.JudgedAnswer;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Labels;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.MultiLabelText;
import org.loft4j.data.PlainText;
import org.loft4j.data.Preference;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RankedDataset;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.data.Row;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.TextMatch;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenized;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.TrainTestSplit;
import org.loft4j.data.Truncations;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.train.MemoryPlan;
import org.loft4j.train.TrainData;

/**
 * The rows of a run, read and checked before the model is.
 *
 * @param train rows to learn from
 * @param eval held-out rows; null for none
 * @param learnt what is learnt of them
 * @param classes of a classifier; null for a language model and a regression
 * @param faulty what becomes of rows that cannot be used
 * @param shape what the rows were recognised as, in words, and which classes none to learn from has
 */
record TrainingRows(
        LearntTask learnt,
        List<Row> train,
        @Nullable List<Row> eval,
        @Nullable LearntClasses classes,
        FaultyRows faulty,
        String shape) {
    /** So many names are told of many. */
    static final int SHOWN = 5;

    /**
     * @param evalFile held-out rows; null for none
     * @param evalShare share of the rows to hold out where there is no such file; 0 for none
     */
    static TrainingRows read(
            LearntTask learnt, DataFlags data, @Nullable DataReference evalFile, double evalShare, long seed)
            throws IOException {
        return read(learnt, data, evalFile, evalShare, seed, FaultyRows.END);
    }

    /** @param faulty what becomes of rows that cannot be used */
    static TrainingRows read(
            LearntTask learnt,
            DataFlags data,
            @Nullable DataReference evalFile,
            double evalShare,
            long seed,
            FaultyRows faulty)
            throws IOException {
        Columns columns = learnt.columns(data);
        DataRows read = faulty.read(data.data, columns, "training");
        List<Row> train = read.rows();
        DataRows held = evalFile == null ? null : faulty.read(evalFile, columns, "held-out");
        List<Row> eval = held == null ? null : HeldOutRows.alike(held.rows(), train.get(0));
        // before the split, which may hold out all rows of a class
        LearntClasses classes = null;
        String shape = shape(read, data.data) + (held == null ? "" : blank(held.blank(), "held-out blank text"));
        if (learnt.hasClasses()) {
            SortedSet<String> found = Labels.namesIn(train);
            Labels own = learnt.labels(found, train.subList(0, 1), read.classes());
            classes = LearntClasses.of(own.inOrder(read.classes()), read.classes(), learnt.modelLabels());
            data.labels.requireAll(classes.labels());
            shape += classes.ofRows(learnt, found, train.size());
            String everywhere = LearntClasses.everywhere(LearntClasses.counts(train), train.size());
            shape += everywhere.isEmpty() ? "" : "; " + everywhere;
            shape += eval == null ? "" : classes.ofHeldOut(eval, found);
        }
        if (eval == null && evalShare > 0) {
            TrainTestSplit<Row> split = TrainTestSplit.byHash(train, evalShare, seed);
            train = split.train();
            eval = split.test();
            shape += classes == null ? "" : heldOutAlone("rows", Labels.namesIn(train), Labels.namesIn(eval));
        }
        return new TrainingRows(learnt, train, eval, classes, faulty, shape);
    }

    /** Whether a row has a second text. */
    static boolean isPair(Row row) {
        return row instanceof TextPair
                || (row instanceof LabeledText text && text.textPair() != null)
                || (row instanceof MultiLabelText several && several.textPair() != null);
    }

    private static String shape(DataRows read, DataReference data) {
        return Quantities.of(read.rows().size(), "row") + " of " + read.columns() + " (--format "
                + read.format().word() + ") in " + data.shown() + negatives(read.rows()) + blank(read.blank());
    }

    /** How many texts there are beside those that belong together, in words; empty if there are none. */
    private static String negatives(List<Row> rows) {
        long negatives = rows.stream()
                .mapToLong(row ->
                        row instanceof TextMatch match ? match.negatives().size() : 0)
                .sum();
        return negatives == 0 ? "" : ", and " + Quantities.of(negatives, "negative") + " beside them";
    }

    /** How many texts said nothing, in words; empty if there are none. */
    static String blank(long rows) {
        return blank(rows, "blank text");
    }

    private static String blank(long rows, String what) {
        return rows == 0 ? "" : "; " + Quantities.of(rows, what) + " left out";
    }

    /** Says that all there is to learn from has one label; empty if there are several. */
    static String alone(Set<String> labels) {
        return labels.size() > 1 ? "" : "; all of them have one label, \"" + String.join("", labels) + '"';
    }

    /** Says which labels a text or an image may have, for a wrong separator makes others of them. */
    static String several(Labels labels, String example) {
        return "; " + labels.size() + " labels, of which " + example + " may have several: " + some(labels.names());
    }

    /** The first of some names, in quotes. */
    static String some(Collection<String> names) {
        return names.stream().limit(SHOWN).map(name -> '"' + name + '"').collect(Collectors.joining(", "))
                + (names.size() > SHOWN ? ", …" : "");
    }

    /**
     * Labels of what is held out that nothing to learn from has, in words; empty if there are none.
     *
     * @param things what is held out, such as rows
     */
    static String heldOutAlone(String things, Set<String> learnt, Set<String> heldOut) {
        Set<String> alone = new TreeSet<>(heldOut);
        alone.removeAll(learnt);
        if (alone.isEmpty()) {
            return "";
        }
        return "; " + Quantities.of(alone.size(), "label") + (alone.size() == 1 ? " is" : " are") + " in held-out "
                + things + " alone: " + some(alone);
    }

    /** Whether a language model learns which of two answers to each prompt is preferred, or answers that are judged one by one. */
    boolean arePreferences() {
        return (train.get(0) instanceof Preference && !learnt.ranking()) || areJudged();
    }

    /** Whether answers are judged one by one. */
    boolean areJudged() {
        return train.get(0) instanceof JudgedAnswer;
    }

    /** The same rows with two answers, each judged by itself, in place of a pair. */
    TrainingRows unpaired() {
        return new TrainingRows(learnt, unpaired(train), eval == null ? null : unpaired(eval), classes, faulty, shape);
    }

    /** Two answers, each judged by itself, in place of a pair; others stay. */
    static List<Row> unpaired(List<Row> rows) {
        List<Row> all = new ArrayList<>();
        for (Row row : rows) {
            all.addAll(row instanceof Preference pair ? JudgedAnswer.both(pair) : List.of(row));
        }
        return all;
    }

    /** Whether they are prompts, whose answers rewards judge. */
    boolean arePrompts() {
        return train.get(0) instanceof RewardedPrompt;
    }

    /** Whether texts belong together. */
    boolean areMatches() {
        return train.get(0) instanceof TextMatch;
    }

    /**
     * Whether they are of a kind that is read as it is learnt, too.
     *
     * @param loss of preferences
     */
    boolean mayBeStreamed(PreferenceLoss.Kind loss) {
        return !(arePreferences() && loss.hasReference()) && !arePrompts();
    }

    Task task() {
        return learnt.task();
    }

    /** Those to learn from, those held out, and those of a test: a single conversation among them needs a chat template. */
    List<Row> all(List<Row> test) {
        List<Row> all = new ArrayList<>(train);
        all.addAll(eval == null ? List.of() : eval);
        all.addAll(test);
        return all;
    }

    /** The names of the model's outputs; none of a language model. */
    List<String> labelNames() {
        return learnt.oneOutput()
                ? learnt.scoreName()
                : classes == null ? List.of() : classes.labels().names();
    }

    /** How the model is opened for them. */
    ModelOptions options(ModelOptions others) {
        return others.withLabels(labelNames())
                .withMultiLabel(learnt.multiLabel())
                .withNewClasses(classes != null && classes.anew());
    }

    /** Says what was read, and what becomes of the classes that the model knows. */
    void tellShape(PrintWriter err) {
        err.println("loft: " + shape);
        tellOfKind(err);
    }

    /** Says what stands before texts that belong together, and what becomes of the classes that the model knows. */
    void tellOfKind(PrintWriter err) {
        String prompts = MatchFlags.words(learnt.prompts());
        if (!prompts.isEmpty()) {
            err.println("loft: " + prompts);
        }
        if (classes != null && !classes.told().isEmpty()) {
            err.println("loft: " + classes.told());
        }
        if (classes != null && learnt.task() == Task.SEQUENCE_CLASSIFICATION && !learnt.multiLabel()) {
            String numbers = LearntClasses.numbers(labelNames());
            err.print(numbers.isEmpty() ? "" : "loft: " + numbers + "\n");
        }
    }

    /**
     * What the rows take on the Java heap, as texts and as examples.
     *
     * @param mayStream whether they could be streamed, and are not
     */
    MemoryPlan.Rows onHeap(TrainData encoded, boolean mayStream) {
        Examples held = encoded.eval();
        long ofHeld = held == null || eval == null ? 0 : held.heapBytes() + bytes(eval);
        long texts = bytes(train);
        long all = ofHeld + texts + encoded.train().heapBytes();
        long streamed = ofHeld + texts * Math.min(train.size(), StreamingDataset.SHUFFLE_BUFFER) / train.size();
        return mayStream ? new MemoryPlan.Rows(all, streamed) : MemoryPlan.Rows.of(all);
    }

    private static long bytes(List<Row> rows) {
        return rows.stream().mapToLong(Row::heapBytes).sum();
    }

    /** Encodes rows, of preferences both answers, and says how many of them had to be cut. */
    Tokenized encode(
            List<Row> rows,
            Tokenizer tokenizer,
            @Nullable ChatFormat chat,
            int maxLength,
            boolean packed,
            String kind,
            PrintWriter err)
            throws IOException {
        FaultyRows.Kept kept = faulty.encode(rows, some -> encode(some, tokenizer, chat, maxLength, packed), kind);
        Dataset texts = kept.examples().texts();
        tell(
                learnt.task(),
                kept.rows().size(),
                packed ? 0 : kept.examples().size(),
                texts.truncations(),
                texts.altered(),
                maxLength,
                kind,
                err);
        return kept.examples();
    }

    /** Says how many examples rows became where these are more, how many had to be cut, and which answers are altered. */
    static void tell(
            Task task,
            long rows,
            long examples,
            Truncations cut,
            long altered,
            int maxLength,
            String kind,
            PrintWriter err) {
        if (examples > rows) {
            err.println("loft: " + rows + " " + kind + " rows became " + examples
                    + " examples: the chat template writes earlier answers otherwise than it asks for them, or answers of"
                    + " one exchange do not fit into one");
        }
        if (cut.rows() > 0) {
            err.println("loft: " + cut.rows() + " of " + rows + " " + kind + " rows were cut to " + maxLength
                    + " tokens" + (cut.completions() > 0 ? ", the completion itself in " + cut.completions() : "")
                    + (cut.completions() > 0 && task == Task.CAUSAL_LM ? ", of whose prompts one token is left" : ""));
        }
        if (altered > 0) {
            err.println(
                    "loft: the chat template leaves out part of " + Quantities.of(altered, "answer") + " of the " + kind
                            + " rows, or of the prompt before, such as <think> or a tool's call: so they are not learnt as they will be asked for;"
                            + " --chat-template takes another template");
        }
    }

    /**
     * The rows as examples; of preferences both answers, one behind the other.
     *
     * @param chat how conversations are written; null where there are none
     * @param packed whether the texts go one after the other into blocks of {@code maxLength} tokens
     */
    Tokenized encode(List<Row> rows, Tokenizer tokenizer, @Nullable ChatFormat chat, int maxLength, boolean packed)
            throws IOException {
        if (packed && task().isClassification()) {
            throw new ConfigException("packing is for language models, but the data is for a "
                    + (learnt.oneOutput() ? learnt.problem().word() : "classifier") + ": leave it out");
        }
        if (task() == Task.SEQ2SEQ_LM) {
            return SourceTargetDataset.of(rows, tokenizer, maxLength);
        }
        if (task() == Task.SENTENCE_EMBEDDING) {
            if (packed) {
                throw new ConfigException(
                        "packing is for language models, but the data is for sentence embeddings: leave it out");
            }
            return MatchDataset.of(rows, tokenizer, maxLength, learnt.prompts());
        }
        if (learnt.ranking()) {
            return RankedDataset.of(rows, tokenizer, maxLength, chat);
        }
        if (learnt.regression()) {
            return Dataset.regression(rows, tokenizer, maxLength);
        }
        if (classes != null) {
            Labels labels = classes.labels();
            if (learnt.multiLabel()) {
                return Dataset.multiLabel(rows, labels, tokenizer, maxLength);
            }
            return task() == Task.TOKEN_CLASSIFICATION
                    ? Dataset.tokenClassification(rows, labels, tokenizer, maxLength)
                    : Dataset.classification(rows, labels, tokenizer, maxLength);
        }
        if (!packed && rows.get(0) instanceof Preference) {
            return PreferenceDataset.of(rows, tokenizer, maxLength, chat);
        }
        if (!packed && rows.get(0) instanceof JudgedAnswer) {
            return JudgedDataset.of(rows, tokenizer, maxLength, chat);
        }
        if (!packed && rows.get(0) instanceof RewardedPrompt) {
            return PromptDataset.of(rows, tokenizer, maxLength, chat);
        }
        if (!packed) {
            return Dataset.causalLm(rows, tokenizer, maxLength, chat);
        }
        List<PlainText> texts = new ArrayList<>();
        for (Row row : rows) {
            if (row instanceof PlainText text) {
                texts.add(text);
            } else if (row instanceof LabeledText text && text.textPair() == null) {
                texts.add(new PlainText(text.text(), text.origin()));
            } else {
                throw new ConfigException(
                        "packing is for rows of text, not for prompts, conversations and pairs of texts");
            }
        }
        return Dataset.blocks(texts, tokenizer, maxLength);
    }
}
