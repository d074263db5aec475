package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Origin;
import org.loft4j.data.Row;
import org.loft4j.data.image.LabeledImages;
import picocli.CommandLine.Option;

/** Which images of a data set are read. */
final class ImageFlags {
    @Option(
            names = "--classes",
            paramLabel = "NAME",
            split = ",",
            description = "Of images: these classes alone. Default: all.")
    @Nullable
    List<String> classes;

    @Option(
            names = "--max-images",
            paramLabel = "COUNT",
            description =
                    "Of images: so many of those classes, of an IDX file the first, else chosen by a hash of place and length"
                            + " from all. Default: all.")
    @Nullable
    Integer count;

    void check(Problems problems) {
        if (count != null && count < 1) {
            problems.add("max_images must be at least 1, got " + count);
        }
    }

    /** As many images of the chosen classes as are wanted. */
    LabeledImages read(Path path, DataFlags data) throws IOException {
        return limited(readAll(path, data));
    }

    /** As many as are wanted. */
    LabeledImages limited(LabeledImages all) {
        return count == null ? all : all.atMost(count);
    }

    /** All images of the chosen classes. */
    LabeledImages readAll(Path path, DataFlags data) throws IOException {
        Set<String> wanted = new HashSet<>(classes == null ? List.of() : classes);
        LabeledImages all = isTable(path)
                ? table(path, data)
                : LabeledImages.read(path, label -> wanted.isEmpty() || wanted.contains(label));
        if (classes == null) {
            return all;
        }
        LabeledImages chosen = all.select(i -> wanted.contains(all.label(i)));
        for (int i = 0; i < chosen.size(); i++) {
            wanted.remove(chosen.label(i));
        }
        if (!wanted.isEmpty()) {
            throw new DataException(path, "has no image of class " + String.join(", ", wanted));
        }
        return chosen;
    }

    static boolean isTable(Path path) {
        String name = path.toString().toLowerCase(Locale.ROOT);
        return Files.isRegularFile(path) && (name.endsWith(".csv") || name.endsWith(".tsv"));
    }

    /** The columns image and label; paths are relative to the table. */
    private static LabeledImages table(Path path, DataFlags data) throws IOException {
        Columns columns = Columns.of(
                data.columns.text == null ? "image" : data.columns.text,
                data.labelColumn == null ? "label" : data.labelColumn);
        List<Path> files = new ArrayList<>();
        List<String> labels = new ArrayList<>();
        for (Row row : DataFiles.read(path, columns)) {
            LabeledText labelled = (LabeledText) row;
            files.add(inside(path, labelled.text(), row.origin()));
            labels.add(labelled.label());
        }
        return LabeledImages.of(path, files, labels);
    }

    /** The file that a row of a table names. A table that came with its images names none elsewhere; links are followed. */
    static Path inside(Path table, String named, Origin origin) throws IOException {
        Path folder = table.toAbsolutePath().normalize().getParent();
        try {
            Path file = table.resolveSibling(named);
            Path whole = file.toAbsolutePath().normalize();
            if (folder == null || whole.startsWith(folder) || whole.startsWith(folder.toRealPath())) {
                if (!Files.isRegularFile(file)) {
                    throw origin.fault("names " + file + ", which is no file");
                }
                return file;
            }
        } catch (InvalidPathException e) {
            throw origin.fault("names a file as no file can be named: " + e.getReason());
        }
        throw origin.fault("names " + named + ", which does not lie in " + folder
                + ": put the table into the folder of its images or above it, or beside the table a link to that"
                + " folder (ln -s), and name the images through it");
    }
}
