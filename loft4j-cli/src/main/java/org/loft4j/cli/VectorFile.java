package org.loft4j.cli;

import java.io.Closeable;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A file of vectors, as lines or as one tensor, which is there once it is complete: until then what was there stays. */
final class VectorFile implements AutoCloseable {
    private final Path file;
    private final @Nullable Path unfinished;
    private final @Nullable Writer lines;
    private final int dimension;
    private final List<float[]> rows = new ArrayList<>();
    private long count;

    private VectorFile(Path file, @Nullable Path unfinished, int dimension) throws IOException {
        this.file = file;
        this.unfinished = unfinished;
        this.dimension = dimension;
        this.lines = unfinished == null ? null : Files.newBufferedWriter(unfinished, StandardCharsets.UTF_8);
    }

    /** A JSON object a line. */
    static VectorFile ofLines(Path file) throws IOException {
        Path target = file.toAbsolutePath();
        Path directory = Files.createDirectories(target.resolveSibling(""));
        String mark = Long.toHexString(ThreadLocalRandom.current().nextLong());
        Path unfinished = directory.resolve("." + target.getFileName() + "." + mark + ".tmp");
        // a Ctrl-C ends the call without its leave
        unfinished.toFile().deleteOnExit();
        return new VectorFile(target, unfinished, 0);
    }

    /** One tensor {@code embeddings (texts, dimension)}, float32, which is in memory until it is written. */
    static VectorFile ofTensor(Path file, int dimension) throws IOException {
        return new VectorFile(file, null, dimension);
    }

    void add(List<Asked> texts, List<float[]> vectors) throws IOException {
        count += texts.size();
        if (lines == null) {
            rows.addAll(vectors);
            if (count * dimension > Integer.MAX_VALUE - 8) {
                throw new ConfigException("--output " + file + " can hold " + Integer.MAX_VALUE / dimension
                        + " vectors of " + dimension + " numbers, and there are more: name a file of lines, such as"
                        + " vectors.jsonl, or take the texts in parts");
            }
            return;
        }
        for (int i = 0; i < texts.size(); i++) {
            lines.write(line(texts.get(i), vectors.get(i)));
            lines.write('\n');
        }
    }

    /** How many vectors there are. */
    long count() {
        return count;
    }

    /** Puts the file into its place. */
    void finish() throws IOException {
        if (lines != null && unfinished != null) {
            lines.close();
            Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING);
            return;
        }
        float[] flat = new float[rows.size() * dimension];
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(rows.get(i), 0, flat, i * dimension, dimension);
        }
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(file, Map.of("embeddings", Tensors.of(flat, rows.size(), dimension)), Map.of());
        }
    }

    static Map<String, Object> tree(Asked text, float[] vector) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("text", text.text());
        tree.put("embedding", vector);
        return tree;
    }

    static String line(Asked text, float[] vector) throws IOException {
        return Json.text(tree(text, vector));
    }

    @Override
    public void close() throws IOException {
        if (lines != null && unfinished != null) {
            try (Closeable removal = () -> Files.deleteIfExists(unfinished)) {
                lines.close();
            }
        }
    }
}
