package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.Links;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.AtomicFiles;
import org.loft4j.model.SentenceFiles;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.train.TemplateFile;

/**
 * What lies beside the tensors of adapters that become one: how they were trained, their chat template, their tokenizer. Where
 * they differ, the first that has it decides.
 */
final class CombinedNotes {
    private final List<Path> parts;
    private final List<String> warnings = new ArrayList<>();

    private CombinedNotes(List<Path> parts) {
        this.parts = parts;
    }

    /**
     * Writes them beside the result.
     *
     * @return what the parts differ in, a sentence each
     */
    static List<String> write(List<Path> parts, Path directory) throws IOException {
        CombinedNotes notes = new CombinedNotes(parts);
        Path first = notes.chosen(TaskFile.NAME, CombinedNotes::trainedAs);
        if (first != null) {
            TaskFile.read(first).write(directory);
        }
        Path tokenizer = notes.chosen("tokenizer.json", CombinedNotes::tokenizer);
        if (tokenizer != null) {
            for (Path file : Tokenizer.filesIn(tokenizer)) {
                copy(tokenizer, file, directory);
            }
        }
        Path sentences = notes.chosen("modules.json", SentenceFiles::find);
        if (sentences != null) {
            SentenceFiles.requireSameDense(sentences, parts);
            for (Path file : SentenceFiles.filesIn(sentences)) {
                copy(sentences, file, directory);
            }
        }
        Path template = notes.chosen("the chat template", ChatTemplate::source);
        if (template != null) {
            TemplateFile.write(directory, ChatTemplate.source(template));
        }
        return notes.warnings;
    }

    private static void copy(Path from, Path file, Path to) throws IOException {
        AtomicFiles.write(to.resolve(file), Files.readAllBytes(Links.requireOwn(from, file)));
    }

    /** Something that adapters can agree in; null for one that does not say. */
    private interface Part {
        @Nullable
        Object of(Path adapter) throws IOException;
    }

    /** The first adapter that has something; null where none has. */
    private @Nullable Path chosen(String name, Part part) throws IOException {
        Path chosen = null;
        Object value = null;
        for (Path adapter : parts) {
            Object own = part.of(adapter);
            if (value == null && own != null) {
                chosen = adapter;
                value = own;
            } else if (own != null && !Objects.deepEquals(value, own)) {
                warnings.add(name + " of " + adapter + " is not that of " + chosen + ", which the result has");
            }
        }
        return chosen;
    }

    /** The moment of a training and the words for its model make no difference. */
    private static @Nullable Object trainedAs(Path adapter) throws IOException {
        if (!TaskFile.exists(adapter)) {
            return null;
        }
        TaskFile own = TaskFile.read(adapter);
        TrainedChat chat = own.chat();
        return Arrays.asList(
                own.task(),
                own.labels(),
                own.multiLabel(),
                own.pooling(),
                own.maxLength(),
                chat == null ? null : List.of(chat.wrapPrompts(), chat.lossOn(), chat.variables()));
    }

    private static @Nullable Object tokenizer(Path adapter) throws IOException {
        Path file = adapter.resolve("tokenizer.json");
        return Files.isRegularFile(file) ? Files.readAllBytes(file) : null;
    }
}
