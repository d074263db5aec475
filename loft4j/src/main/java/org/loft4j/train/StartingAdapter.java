package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.ChatTemplate;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.Model;
import org.loft4j.nn.Pooling;

/**
 * An adapter that a run goes on from, of loft4j's or PEFT's making. Its factors and the modules that it brings in full are where
 * the run starts, and its settings are the run's, as with PEFT's {@code is_trainable}; optimizer and schedule are new. An adapter
 * whose initialisation changed the base weights ({@code pissa}, {@code olora}, …) is refused when it is read.
 *
 * @param directory of the adapter, which the run leaves as it is
 * @param settings its adapter_config.json
 * @param trainedAs its loft_task.json; null where there is none
 * @param fingerprint length and checksum of its files, to be compared on resume
 */
public record StartingAdapter(
        Path directory, PeftConfig settings, @Nullable TaskFile trainedAs, String fingerprint) {
    /**
     * Reads all but the tensors.
     *
     * @throws CheckpointException if the directory holds no adapter, or one with a setting that is not honoured
     */
    public static StartingAdapter read(Path directory) throws IOException {
        requireResult(directory);
        return new StartingAdapter(
                directory,
                PeftFiles.readConfig(directory),
                TaskFile.exists(directory) ? TaskFile.read(directory) : null,
                BaseFiles.ofAdapter(directory));
    }

    /** A run that has not come to its end has checkpoints alone, each of which will do. */
    private static void requireResult(Path directory) throws IOException {
        boolean holdsModel = Files.exists(directory.resolve("config.json"));
        if (PeftFiles.exists(directory) || holdsModel || !Files.isDirectory(directory)) {
            return;
        }
        Checkpoints checkpoints = new Checkpoints(directory);
        List<Long> steps = checkpoints.steps();
        if (!steps.isEmpty()) {
            throw new CheckpointException(
                    directory,
                    "holds a run without a result, and so no adapter: let it come to its end, or name a checkpoint, such as "
                            + checkpoints.path(Collections.max(steps)));
        }
    }

    /** The same with another dropout than the adapter was trained with. */
    public StartingAdapter withDropout(double dropout) {
        return new StartingAdapter(directory, settings.withDropout(dropout), trainedAs, fingerprint);
    }

    /** Rank, targets and what goes with them. */
    public LoraConfig lora() {
        return settings.lora();
    }

    /**
     * The same by the names of a model, and without those that fit nothing in it.
     *
     * @param model or its outline
     * @throws CheckpointException if the file of the adapter's tensors is missing or faulty
     */
    public LoraConfig lora(Model model) throws CheckpointException {
        return settings.loraOn(model, directory);
    }

    /**
     * Refuses a method that cannot train what the adapter has.
     *
     * @throws ConfigException that names a way
     */
    public void requireTrainableBy(Method method) {
        String fault = null;
        if (!method.usesAdapter()) {
            fault =
                    "trains the model itself, and goes on from no adapter: merge it (loft merge), and train the model that"
                            + " this makes";
        } else if (lora().useDora() != (method == Method.DORA)) {
            fault = lora().useDora()
                    ? "cannot train the magnitudes of an adapter with use_dora: take method dora"
                    : "trains magnitudes, which the adapter has not: take another method, or train a new adapter";
        } else if (method == Method.RSLORA && !lora().useRslora()) {
            fault =
                    "scales by alpha / √rank, and the adapter was trained with alpha / rank: take method lora, which is the"
                            + " same but for that";
        }
        if (fault != null) {
            throw new ConfigException(
                    "method " + method.word() + " " + fault + " (the run starts from " + directory + ")");
        }
    }

    /**
     * Refuses an output directory that is the adapter's, or lies in it, or around it: a run may remove what lies there. So it does
     * one that is the model's, where the adapter's tokenizer would take the place of the model's.
     *
     * @param modelDirectory null for a model that was not read from one
     * @throws ConfigException that asks for another one
     */
    public void requireApart(Path output, @Nullable Path modelDirectory) throws IOException {
        requireBeside(directory, output);
        requireOtherPlace(output, modelDirectory);
    }

    /**
     * Refuses an output directory that is an adapter's, or lies in it, or around it, before the adapter is read.
     *
     * @param directory of the adapter
     * @throws ConfigException that asks for another one
     */
    public static void requireBeside(Path directory, Path output) throws IOException {
        Path run = real(output);
        Path from = real(directory);
        if (run.startsWith(from) || from.startsWith(run)) {
            throw new ConfigException("output_dir " + output
                    + (run.equals(from) ? " is the directory" : run.startsWith(from) ? " lies in that" : " holds that")
                    + " of the adapter that the run starts from, " + directory
                    + ", which must stay as it is: choose a directory beside it");
        }
    }

    /** Refuses to leave the result beside the tokenizer of a model that is another than the adapter's. */
    private void requireOtherPlace(Path output, @Nullable Path modelDirectory) throws IOException {
        if (modelDirectory != null && real(output).equals(real(modelDirectory)) && tokenizer(modelDirectory) != null) {
            throw new ConfigException(
                    "output_dir " + output + " is the directory of the model, whose tokenizer is another"
                            + " than that of the adapter that the run starts from, " + directory
                            + ", and which would be overwritten: choose another directory");
        }
    }

    /** What links lead to, of as much as is there. */
    private static Path real(Path path) throws IOException {
        Path whole = path.toAbsolutePath().normalize();
        Path there = whole;
        while (!Files.exists(there) && there.getParent() != null) {
            there = there.getParent();
        }
        return there.toRealPath().resolve(there.relativize(whole)).normalize();
    }

    /**
     * Puts it on a model, attached.
     *
     * @throws CheckpointException if it does not fit the model, or if neither has a part of the model
     * @throws ConfigException if the method cannot train it, or the model was opened for other classes
     */
    LoraAdapter load(Model model, Method method) throws IOException {
        requireTrainableBy(method);
        requireSameUse(model);
        LoraAdapter adapter = PeftFiles.load(directory, settings, model);
        List<String> untrained = model.weights().created().stream()
                .filter(name -> !adapter.savedModules().containsKey(name))
                .toList();
        if (!untrained.isEmpty()) {
            adapter.close();
            throw new CheckpointException(
                    directory,
                    "has no " + untrained.get(0) + ", nor has "
                            + Objects.requireNonNullElse(model.description().directory(), "the model")
                            + ": there is nothing to go on from; train a new adapter, which begins with random numbers there");
        }
        return adapter;
    }

    /** A head would be read for classes of other names without a word. */
    private void requireSameUse(Model model) {
        if (trainedAs == null) {
            return;
        }
        List<String> learnt = trainedAs.labels();
        List<String> opened = model.description().labels();
        Pooling pooling = trainedAs.pooling();
        Pooling pools = model.description().pooling();
        String fault = null;
        if (trainedAs.task() != model.task()) {
            fault = "for " + trainedAs.task().word() + ", and the model was opened for "
                    + model.task().word();
        } else if (learnt.size() != opened.size() || (isNamed(learnt) && !learnt.equals(opened))) {
            fault = "for the labels " + Shown.text(String.join(", ", learnt)) + ", and the model was opened for "
                    + Shown.text(String.join(", ", opened));
        } else if (trainedAs.multiLabel() != model.isMultiLabel()) {
            fault = trainedAs.multiLabel()
                    ? "for several labels a text, and the model was opened for one"
                    : "for one label a text, and the model was opened for several";
        } else if (pooling != null && pooling != pools) {
            fault = "with pooling " + pooling + ", and the model was opened with " + pools;
        }
        if (fault != null) {
            throw new ConfigException("the adapter " + directory + " was trained " + fault + ": open the model as its "
                    + TaskFile.NAME + " says (StartingAdapter.trainedAs)");
        }
    }

    private static boolean isNamed(List<String> labels) {
        List<String> numbers =
                IntStream.range(0, labels.size()).mapToObj(Integer::toString).toList();
        return !labels.equals(numbers) && !labels.equals(Models.unnamedLabels(labels.size()));
    }

    /** The files of its tokenizer, where they are not the model's; null where they are. */
    @Nullable
    CopiedFiles tokenizer(@Nullable Path modelDirectory) throws IOException {
        if (modelDirectory == null
                || !AdaptersTokenizer.directory(modelDirectory, directory).equals(directory)) {
            return null;
        }
        CopiedFiles own = CopiedFiles.of(directory);
        return own.isSame(CopiedFiles.of(modelDirectory)) ? null : own;
    }

    /** How its training wrote conversations; null where it had none, or nobody knows. */
    @Nullable
    TrainedChat chat() {
        return trainedAs == null ? null : trainedAs.chat();
    }

    /** The text of its chat template; null where it has none. */
    @Nullable
    String template() throws IOException {
        return ChatTemplate.source(directory);
    }
}
