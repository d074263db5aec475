package org.loft4j.train;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.Links;
import org.loft4j.data.Languages;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.image.ImageProcessorFile;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;

/**
 * The files of a base model that one trained from it needs beside its weights: those of the tokenizer, or of the preparation of
 * images, and what it says of generation where it is trained itself. They are as they were when they were read, whatever becomes of the base model.
 *
 * @param contents by their paths in the model's directory
 */
record CopiedFiles(Map<Path, byte[]> contents) {
    /** What a language model recommends for generation, and the ids that end it; beside an adapter the base model has it. */
    static final String GENERATION = "generation_config.json";

    /** @param modelDirectory null for a model that was not read from one, which has none */
    static CopiedFiles of(@Nullable Path modelDirectory) throws IOException {
        return modelDirectory == null ? new CopiedFiles(Map.of()) : read(modelDirectory, in(modelDirectory));
    }

    /** Those of a model that is a model of its own after the training. */
    static CopiedFiles ofWholeModel(@Nullable Path modelDirectory) throws IOException {
        if (modelDirectory == null) {
            return of(null);
        }
        List<Path> files = new ArrayList<>(in(modelDirectory));
        if (Files.isRegularFile(modelDirectory.resolve(GENERATION))) {
            files.add(Path.of(GENERATION));
        }
        return read(modelDirectory, files);
    }

    private static CopiedFiles read(Path modelDirectory, List<Path> files) throws IOException {
        Map<Path, byte[]> contents = new LinkedHashMap<>();
        for (Path file : files) {
            contents.put(file, Files.readAllBytes(Links.requireOwn(modelDirectory, file)));
        }
        return new CopiedFiles(contents);
    }

    /** The same with the languages that a translation was learnt between; null for none. */
    CopiedFiles between(@Nullable Languages languages) throws IOException {
        Path file = Path.of(Languages.FILE);
        byte[] before = contents.get(file);
        if (languages == null || contents.isEmpty()) {
            return this;
        }
        ObjectNode tree = before == null
                ? JsonNodeFactory.instance.objectNode()
                : Json.parse(file, new String(before, StandardCharsets.UTF_8)).toTree();
        if (!tree.hasNonNull("tokenizer_class")) {
            // the file may lie beside no config.json, which told it
            tree.put("tokenizer_class", languages.tokenizer());
        }
        tree.put(Languages.SOURCE, languages.source().name());
        tree.put(Languages.TARGET, languages.requireTarget().name());
        Map<Path, byte[]> changed = new LinkedHashMap<>(contents);
        changed.put(file, Json.text(tree).getBytes(StandardCharsets.UTF_8));
        return new CopiedFiles(changed);
    }

    /** Whether the others have the same names and bytes. */
    boolean isSame(CopiedFiles others) {
        return contents.keySet().equals(others.contents.keySet())
                && contents.entrySet().stream()
                        .allMatch(file -> Arrays.equals(file.getValue(), others.contents.get(file.getKey())));
    }

    /** Those that a directory holds, by their paths in it. */
    static List<Path> in(Path directory) throws IOException {
        List<Path> tokenizer = Tokenizer.filesIn(directory);
        Path images = Path.of(ImageProcessorFile.NAME);
        // beside a tokenizer it is for a vision tower, which is not trained
        if (!tokenizer.isEmpty() || !Files.isRegularFile(directory.resolve(images))) {
            return tokenizer;
        }
        Links.requireOwn(directory, images);
        return List.of(images);
    }

    void write(Path directory) throws IOException {
        for (Map.Entry<Path, byte[]> file : contents.entrySet()) {
            AtomicFiles.write(directory.resolve(file.getKey()), file.getValue());
        }
    }
}
