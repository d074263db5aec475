package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.image.ImageProcessorFile;
import org.loft4j.io.AtomicFiles;

/**
 * The files of a base model that one trained from it needs beside its weights: those of the tokenizer, or of the preparation of
 * images. They are as they were when they were read, whatever becomes of the base model.
 *
 * @param contents by their paths in the model's directory
 */
record CopiedFiles(Map<Path, byte[]> contents) {
    /** @param modelDirectory null for a model that was not read from one, which has none */
    static CopiedFiles of(@Nullable Path modelDirectory) throws IOException {
        Map<Path, byte[]> contents = new LinkedHashMap<>();
        if (modelDirectory != null) {
            for (Path file : in(modelDirectory)) {
                contents.put(file, Files.readAllBytes(modelDirectory.resolve(file)));
            }
        }
        return new CopiedFiles(contents);
    }

    /** Those that a directory holds, by their paths in it. */
    static List<Path> in(Path directory) throws IOException {
        Stream<Path> images = Stream.of(Path.of(ImageProcessorFile.NAME))
                .filter(file -> Files.isRegularFile(directory.resolve(file)));
        return Stream.concat(Tokenizer.filesIn(directory).stream(), images).toList();
    }

    void write(Path directory) throws IOException {
        for (Map.Entry<Path, byte[]> file : contents.entrySet()) {
            AtomicFiles.write(directory.resolve(file.getKey()), file.getValue());
        }
    }
}
