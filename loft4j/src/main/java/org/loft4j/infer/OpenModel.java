package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftHead;
import org.loft4j.adapter.SavedInFull;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Hub;
import org.loft4j.io.HubEnvironment;
import org.loft4j.io.HubListener;
import org.loft4j.io.HubRetries;
import org.loft4j.io.ModelReference;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * A model as a training left it, with its tokenizer.
 *
 * @param adapter attached to the model; null where there is none
 * @param ofTexts the tokenizer; null for images
 * @param trainedAs what the training left word of; null where nothing did
 */
record OpenModel(
        Model model,
        @Nullable LoraAdapter adapter,
        @Nullable Tokenizer ofTexts,
        @Nullable TaskFile trainedAs) implements AutoCloseable {
    /** Where neither model nor tokenizer states a length. */
    private static final int UNSTATED = 512;

    /** Where the parts of what a training left are. */
    record Place(Path model, @Nullable Path adapter) {
        /** An adapter names its model, which must be on this machine; a model that was trained in full is one. */
        static Place of(Path trained) throws IOException {
            if (!Files.isRegularFile(trained.resolve(PeftFiles.CONFIG))) {
                return new Place(trained, null);
            }
            String name = TaskFile.exists(trained) ? TaskFile.read(trained).baseModel() : null;
            if (name == null) {
                name = PeftFiles.readConfig(trained).metadata().reference();
            }
            Hub hub = new Hub(HubEnvironment.ofUser(), HubRetries.DEFAULT, HubListener.NONE);
            Path model = new ModelReference(name).resolveCached(hub);
            if (model == null) {
                throw new CheckpointException(
                        trained,
                        (name.isEmpty()
                                        ? "its model is not named"
                                        : "its model " + Shown.text(name)
                                                + " is not on this machine (a path is that from the folder of the training)")
                                + ": open it with the directory of the model beside that of the adapter");
            }
            return new Place(model, trained);
        }
    }

    /** What is made of an opened model. */
    @FunctionalInterface
    interface Making<T> {
        T of(OpenModel opened) throws IOException;
    }

    /** What is made of this, which then owns it; if that fails, this is closed. */
    <T> T into(Making<T> making) throws IOException {
        try {
            return making.of(this);
        } catch (IOException | RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** The tokenizer of a model of texts. */
    Tokenizer tokenizer() {
        return Objects.requireNonNull(ofTexts);
    }

    static OpenModel open(Place place, Task task, DeviceSpec device, @Nullable Dtype dtype) throws IOException {
        return open(place, ModelOptions.of(task).withDevice(device).withDtype(dtype));
    }

    /**
     * As the options say, but with labels and pooling of the training where loft_task.json says them, and in full what the adapter brings in full. That a text may
     * have several labels counts where an adapter has nothing beside it that tells.
     *
     * @throws ConfigException if it was trained for another task, or is to classify and was not trained to
     */
    static OpenModel open(Place place, ModelOptions wanted) throws IOException {
        Task task = wanted.task();
        Path trained = place.adapter() == null ? place.model() : place.adapter();
        TaskFile file = TaskFile.exists(trained) ? TaskFile.read(trained) : null;
        Task made = file != null ? file.task() : task.isClassification() ? headOf(place) : null;
        if (made != null && made != task) {
            throw new ConfigException(trained + " was trained " + words(made) + ", not " + words(task));
        }
        ModelOptions options = wanted;
        if (place.adapter() != null && wanted.loadIn() != LoadIn.FULL) {
            options =
                    options.withInFull(Stream.concat(wanted.inFull().stream(), SavedInFull.of(place.adapter()).stream())
                            .toList());
        }
        if (file != null) {
            options = options.withMultiLabel(file.multiLabel()).withLabels(file.labels());
            options = file.pooling() == null ? options : options.withPooling(file.pooling());
        } else if (place.adapter() != null) {
            List<String> labels = HeadLabels.of(place.model(), place.adapter(), task);
            // PEFT's own files do not say it: who opens it may, else those of the model do
            boolean several = task.isOneLabelEach()
                    && labels.size() != 1
                    && (wanted.multiLabel() || Models.isMultiLabel(place.model()));
            options = options.withMultiLabel(several).withLabels(labels);
        } else {
            options = options.withMultiLabel(false);
        }
        Tokenizer tokenizer =
                task == Task.IMAGE_CLASSIFICATION ? null : AdaptersTokenizer.open(place.model(), place.adapter());
        Model model = null;
        LoraAdapter adapter = null;
        try {
            model = Models.open(place.model(), options);
            AdaptersTokenizer.check(
                    place.model(), place.adapter(), model.description().vocabularySize());
            adapter = place.adapter() == null ? null : PeftFiles.load(place.adapter(), model);
            String untrained = UntrainedHead.of(model, adapter);
            if (untrained != null) {
                throw new ConfigException(trained + " has no " + untrained
                        + (adapter == null
                                ? ": it was not trained " + words(task)
                                        + "; train it, or open it with the directory of an adapter that has one"
                                : ", nor has " + place.model()
                                        + ": it would answer at random; train it anew, or open it with a model that has"
                                        + " one"));
            }
            return new OpenModel(model, adapter, tokenizer, file);
        } catch (IOException | RuntimeException | Error e) {
            close(adapter, model, tokenizer);
            throw e;
        }
    }

    /** What the classes are of that a model, or an adapter, of others tells apart; null where its own file does not say. */
    private static @Nullable Task headOf(Place place) throws IOException {
        Path adapter = place.adapter();
        Task named = adapter == null ? null : PeftFiles.readConfig(adapter).task();
        if (named == null && (adapter == null || PeftHead.classes(adapter) == 0)) {
            // without a head of its own it is used with that of its model
            named = Models.namedTask(place.model());
        }
        return named != null && named.isClassification() ? named : null;
    }

    private static String words(Task task) {
        return switch (task) {
            case CAUSAL_LM -> "as a language model";
            case SEQ2SEQ_LM -> "to read texts and write others";
            case SEQUENCE_CLASSIFICATION -> "to classify texts";
            case TOKEN_CLASSIFICATION -> "to classify words";
            case IMAGE_CLASSIFICATION -> "to classify images";
            case SENTENCE_EMBEDDING -> "to compare texts";
        };
    }

    /**
     * Length in tokens to which texts are cut: that of the training, which may be more than the model can take where its rows were
     * short, else what the model was made for, and no more than its tokenizer states. Attention over all that a model without an end may be given would take the memory of a machine.
     */
    int maxLength() {
        long most = model.description().maxPositions();
        int made = (int) Math.min(Integer.MAX_VALUE, most);
        if (trainedAs != null) {
            return Math.min(made, trainedAs.maxLength());
        }
        return Math.min(made, tokenizer().modelMaxLength().orElse(most == ModelDescription.ENDLESS ? UNSTATED : made));
    }

    @Override
    public void close() {
        close(adapter, model, ofTexts);
    }

    /** In this order, and each of them whatever the others end in. */
    private static void close(@Nullable LoraAdapter adapter, @Nullable Model model, @Nullable Tokenizer tokenizer) {
        try (tokenizer;
                model;
                adapter) {
            // nothing but to close them
        }
    }
}
