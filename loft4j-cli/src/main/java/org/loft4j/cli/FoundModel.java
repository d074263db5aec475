package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.infer.HeadLabels;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;

/**
 * A model, and an adapter on it, as a call names them, found before either is opened.
 *
 * @param directory of the base model
 * @param adapter directory of the adapter; null where there is none
 * @param trainedAs what the training of the adapter, or of the model, left word of; null where nothing did
 */
record FoundModel(
        Path directory, @Nullable Path adapter, @Nullable TaskFile trainedAs) {
    static FoundModel of(ModelFlags flags) throws IOException {
        Path adapter = flags.adapter();
        Path given = flags.model == null ? null : HubAccess.resolve(flags.verb, flags.model);
        Path described = adapter != null ? adapter : given;
        TaskFile trainedAs = described != null && TaskFile.exists(described) ? TaskFile.read(described) : null;
        Path directory = given != null ? given : LoadedModel.base(flags, trainedAs, HubAccess::resolve);
        return new FoundModel(directory, adapter, trainedAs);
    }

    /** The task that it was trained for: as PEFT's own file names it for an adapter that no training here has left; null where nothing says so. */
    @Nullable
    Task trainedFor() throws IOException {
        return trainedAs != null
                ? trainedAs.task()
                : adapter == null ? null : PeftFiles.readConfig(adapter).task();
    }

    /** The classes that the training left, by index; empty where config.json of the model has them. */
    List<String> labels(Task task) throws IOException {
        return trainedAs != null
                ? trainedAs.labels()
                : adapter == null ? List.of() : HeadLabels.of(directory, adapter, task);
    }

    Pooling pooling() {
        Pooling pooling = trainedAs == null ? null : trainedAs.pooling();
        return pooling == null ? Pooling.AUTO : pooling;
    }

    /** What an adapter brings in full cannot take the place of a matrix in fewer bits. */
    List<String> inFull(LoadIn loadIn) throws IOException {
        return adapter == null || loadIn == LoadIn.FULL
                ? List.of()
                : PeftFiles.readConfig(adapter).lora().modulesToSave();
    }

    /** How the training wrote conversations; null where it had none. */
    @Nullable
    TrainedChat trainedChat() {
        return trainedAs == null ? null : trainedAs.chat();
    }

    /** The length in tokens to which rows are cut where a call does not say it: as in training. */
    int usualLength() {
        return trainedAs == null ? RowLength.USUAL : trainedAs.maxLength();
    }
}
