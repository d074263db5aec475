package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Tokenizer;
import org.loft4j.export.StoredTypes;
import org.loft4j.infer.UntrainedHead;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

/**
 * A model as it was trained: with its adapter, its labels and its pooling, which lie beside the adapter.
 *
 * @param found where they are, and what the training left word of
 * @param adapter attached to the model; null where there is none
 */
record LoadedModel(FoundModel found, Model model, @Nullable LoraAdapter adapter) implements AutoCloseable {
    /** For its weights. */
    static LoadedModel open(ModelFlags flags, DeviceFlags place) throws IOException {
        return open(flags, place, new ProblemFlags());
    }

    /** The same, told what its labels are where nothing else tells it. */
    static LoadedModel open(ModelFlags flags, DeviceFlags place, ProblemFlags problem) throws IOException {
        return open(FoundModel.of(flags), place, LoadIn.FULL, null, Pooling.AUTO, problem.asked);
    }

    /**
     * For the sums of its weights and its adapter's: where no type is asked for, in one that has all digits which the files have of what
     * the adapter changes.
     */
    static LoadedModel openToMerge(FoundModel found, DeviceFlags place, ProblemFlags problem) throws IOException {
        LoadedModel loaded = open(found, place, LoadIn.FULL, null, Pooling.AUTO, problem.asked);
        Dtype wider;
        try {
            LoraAdapter adapter = loaded.adapter();
            wider = place.dtype() != null || adapter == null
                    ? null
                    : StoredTypes.of(loaded.model(), found.directory()).toMerge(adapter);
        } catch (IOException | RuntimeException | Error e) {
            loaded.close();
            throw e;
        }
        if (wider == null) {
            return loaded;
        }
        loaded.close();
        DeviceFlags inFull = new DeviceFlags();
        inFull.device = place.device;
        inFull.dtype = wider.torchName();
        return open(found, inFull, LoadIn.FULL, null, Pooling.AUTO, problem.asked);
    }

    /** For its answers. */
    static LoadedModel open(ModelFlags flags, DeviceFlags place, LoadIn loadIn, ProblemFlags problem)
            throws IOException {
        return warned(open(FoundModel.of(flags), place, loadIn, null, Pooling.AUTO, problem.asked), flags);
    }

    /**
     * For judging it by rows.
     *
     * @param matches whether these are texts that belong together: a model that tells a number ranks them, any other makes vectors
     */
    static LoadedModel openJudged(
            FoundModel found, ModelFlags flags, DeviceFlags place, LoadIn loadIn, ProblemFlags problem, boolean matches)
            throws IOException {
        return matches && !found.hasOneOutput()
                ? openEmbedder(found, flags, place, loadIn, Pooling.AUTO)
                : warned(open(found, place, loadIn, null, Pooling.AUTO, problem.asked), flags);
    }

    /** A language model, which goes on with texts; another is refused before its numbers are read. */
    static LoadedModel openLanguageModel(FoundModel found, ModelFlags flags, DeviceFlags place, LoadIn loadIn)
            throws IOException {
        return warned(open(found, place, loadIn, Task.CAUSAL_LM, Pooling.AUTO, null), flags);
    }

    /** The same, or an encoder-decoder, which writes other texts of them. */
    static LoadedModel openWriter(FoundModel found, ModelFlags flags, DeviceFlags place, LoadIn loadIn)
            throws IOException {
        Task wanted = found.task() == Task.SEQ2SEQ_LM ? Task.SEQ2SEQ_LM : Task.CAUSAL_LM;
        return warned(open(found, place, loadIn, wanted, Pooling.AUTO, null), flags);
    }

    /**
     * A model that makes vectors of texts, as every model of texts does that was trained for nothing else.
     *
     * @param pooling that is asked for; AUTO for that of the training, or of the files
     * @throws ConfigException if it was trained with another
     */
    static LoadedModel openEmbedder(ModelFlags flags, DeviceFlags place, LoadIn loadIn, Pooling pooling)
            throws IOException {
        return openEmbedder(FoundModel.of(flags), flags, place, loadIn, pooling);
    }

    private static LoadedModel openEmbedder(
            FoundModel found, ModelFlags flags, DeviceFlags place, LoadIn loadIn, Pooling pooling) throws IOException {
        Pooling learnt = found.pooling(Task.SENTENCE_EMBEDDING);
        if (pooling != Pooling.AUTO && learnt != Pooling.AUTO && pooling != learnt) {
            Path adapter = found.adapter();
            throw new ConfigException("pooling " + pooling + " is asked for, and "
                    + (adapter == null ? found.directory() : adapter) + " was trained with " + learnt
                    + ": leave --pooling out");
        }
        return warned(open(found, place, loadIn, Task.SENTENCE_EMBEDDING, pooling, null), flags);
    }

    private static LoadedModel warned(LoadedModel opened, ModelFlags flags) {
        DeviceFlags.warn(opened.model().description(), flags.verb.commandLine().getErr());
        return opened;
    }

    /**
     * @param wanted task that the model must be for; null for any
     * @param pooling that is asked for; AUTO for that of the training, or of the files
     * @param asked what the labels are said to be; null for nothing
     */
    private static LoadedModel open(
            FoundModel found,
            DeviceFlags place,
            LoadIn loadIn,
            @Nullable Task wanted,
            Pooling pooling,
            @Nullable ProblemType asked)
            throws IOException {
        Path directory = found.directory();
        Path ofAdapter = found.adapter();
        Task named = found.trainedFor();
        boolean anyDoes = wanted == Task.SENTENCE_EMBEDDING && named == null;
        Task task = anyDoes ? Task.SENTENCE_EMBEDDING : named == null ? Models.defaultTask(directory) : named;
        if (wanted != null && task != wanted) {
            throw new CheckpointException(
                    named == null || ofAdapter == null ? directory : ofAdapter,
                    "is for " + task.word() + ", and "
                            + (wanted == Task.CAUSAL_LM
                                    ? task.writes()
                                            ? "has no turns: 'loft generate' has it write texts of others"
                                            : "writes no text: that takes a language model"
                                    : "makes no vectors of texts: that takes a base model, or one that was trained for "
                                            + wanted.word())
                            + (task == Task.SENTENCE_EMBEDDING
                                    ? "; 'loft embed' prints the vectors that it makes"
                                    : ""));
        }
        List<String> ofIts = found.labels(task);
        List<String> known = ofIts.isEmpty() && task.isClassification() ? Models.labels(directory) : ofIts;
        ProblemType problem = found.problem(task, known, asked);
        // labels that are not named are those of config.json, and are then what that says of them: not where the call
        // says it
        List<String> labels = ofAdapter != null && asked != null ? known : ofIts;
        Model model = Models.open(
                directory,
                new ModelOptions(
                        task,
                        labels,
                        pooling != Pooling.AUTO ? pooling : found.pooling(task),
                        place.dtype(),
                        place.device(),
                        loadIn,
                        found.inFull(loadIn),
                        false,
                        problem == ProblemType.MULTI_LABEL_CLASSIFICATION,
                        0));
        LoraAdapter adapter = null;
        try {
            AdaptersTokenizer.check(directory, ofAdapter, model.description().vocabularySize());
            adapter = ofAdapter == null ? null : PeftFiles.load(ofAdapter, model);
            requireHead(directory, ofAdapter, UntrainedHead.of(model, adapter));
            return new LoadedModel(found, model, adapter);
        } catch (IOException | RuntimeException | Error e) {
            close(adapter, model);
            throw e;
        }
    }

    /** A classifier whose head nobody has trained would answer at random. */
    private static void requireHead(Path directory, @Nullable Path adapter, @Nullable String untrained)
            throws CheckpointException {
        if (untrained == null) {
            return;
        }
        String fault = "has no " + untrained;
        if (adapter == null) {
            throw new CheckpointException(
                    directory, fault + ": it is no classifier yet; train it, or give the --adapter DIR that has one");
        }
        throw new CheckpointException(
                adapter,
                fault + ", nor has " + directory
                        + ": it would answer at random; train it anew, or give the --model MODEL that has one");
    }

    /** Of the base model. */
    Path directory() {
        return found.directory();
    }

    /** Of the adapter; null where there is none. */
    @Nullable
    Path adapterDirectory() {
        return found.adapter();
    }

    /** What the training left word of; null where nothing did. */
    @Nullable
    TaskFile trainedAs() {
        return found.trainedAs();
    }

    /** The directory with the tokenizer: the adapter's where it has one, else the model's. */
    Path tokenizer() {
        return AdaptersTokenizer.directory(directory(), adapterDirectory());
    }

    Tokenizer openTokenizer() throws IOException {
        return found.openTokenizer();
    }

    /** The chat template in a file, else the adapter's, else the model's. */
    ChatTemplate chatTemplate(@Nullable Path file) throws IOException {
        return file == null ? ChatTemplate.open(adapterDirectory(), directory()) : ChatTemplate.read(file, tokenizer());
    }

    /** The text of the chat template that is to stand beside the tokenizer's files; null where it stands there already, or nowhere. */
    @Nullable
    String templateToWrite() throws IOException {
        Path ofAdapter = adapterDirectory();
        String own = ofAdapter == null ? null : ChatTemplate.source(ofAdapter);
        return own != null || tokenizer().equals(directory()) ? own : ChatTemplate.source(directory());
    }

    /** How the training wrote conversations; null where it had none. */
    @Nullable
    TrainedChat trainedChat() {
        return found.trainedChat();
    }

    /**
     * That a classifier is asked otherwise than it was trained, by single texts or by pairs; null where it is not.
     *
     * @param singles how a call goes on where single ones are asked
     */
    @Nullable
    String notAsTrained(boolean pairs, String singles) {
        TaskFile trained = trainedAs();
        if (trained == null || trained.task() != Task.SEQUENCE_CLASSIFICATION || trained.pairs() == pairs) {
            return null;
        }
        return pairs
                ? "the model was trained on single texts, and pairs are asked: --text-column names the one to read alone"
                : "the model was trained on pairs of texts, and " + singles;
    }

    /** What the chat template is told beside the messages: what it was told in training. */
    Map<String, @Nullable Object> chatVariables() {
        TrainedChat trained = trainedChat();
        return trained == null ? Map.of() : trained.variables();
    }

    /** Length in tokens to which texts are cut: as in training, and never more than the model was made for. */
    int maxLength(@Nullable Integer asked, PrintWriter err) {
        return maxLength(asked, 0, err);
    }

    /**
     * The same.
     *
     * @param stated where no training says it; 0 where nothing else does
     */
    int maxLength(@Nullable Integer asked, int stated, PrintWriter err) {
        int usual = trainedAs() == null && stated > 0 ? stated : found.usualLength();
        return RowLength.of(asked, usual, model.description().maxPositions(), err);
    }

    @Override
    public void close() {
        close(adapter, model);
    }

    private static void close(@Nullable LoraAdapter adapter, Model model) {
        try (model;
                adapter) {
            // nothing but to close them
        }
    }
}
