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
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.LabeledText;
import org.loft4j.data.MultiLabelText;
import org.loft4j.data.Origin;
import org.loft4j.data.Row;
import org.loft4j.data.image.LabeledImages;
import picocli.CommandLine.Option;

/** Which images of a data set are read. */
final class ImageFlags {
    /** How the names of tables end. */
    private static final List<String> TABLES = List.of(".csv", ".tsv", ".jsonl");

    @Option(
            names = "--classes",
            paramLabel = "NAME",
            split = ",",
            description = "Of images: these classes alone. Default: all.")
    @Nullable
    List<String> classes;

    /** Labels beside which those of the chosen images stand: of what was left out it is not known whether it counts from 0. */
    Set<String> besideChosen(Set<String> learnt) {
        return classes == null ? learnt : Set.of("0");
    }

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

    /**
     * As many images of the chosen classes as are wanted.
     *
     * @param several whether an image may have several labels
     */
    LabeledImages read(Path path, DataFlags data, boolean several) throws IOException {
        return limited(readAll(path, data, several));
    }

    /** As many as are wanted. */
    LabeledImages limited(LabeledImages all) {
        return count == null ? all : all.atMost(count);
    }

    /** Hears of rows of a table that name no image, and of classes that have none; may throw what it hears. */
    @FunctionalInterface
    interface Faults {
        void add(DataException fault) throws DataException;
    }

    /** All images of the chosen classes. */
    LabeledImages readAll(Path path, DataFlags data, boolean several) throws IOException {
        return readAll(path, data, several, fault -> {
            throw fault;
        });
    }

    /**
     * The same where there may be more faults than one.
     *
     * @param faults of rows that are left out, and of classes
     */
    LabeledImages readAll(Path path, DataFlags data, boolean several, Faults faults) throws IOException {
        if (several) {
            return severalOfEach(path, data, faults);
        }
        data.labels.requireNone();
        Set<String> wanted = new HashSet<>(classes == null ? List.of() : classes);
        LabeledImages all = isTable(path)
                ? table(path, data, faults)
                : LabeledImages.read(path, label -> wanted.isEmpty() || wanted.contains(label));
        if (classes == null) {
            return all;
        }
        LabeledImages chosen = all.select(i -> wanted.contains(all.label(i)));
        for (int i = 0; i < chosen.size(); i++) {
            wanted.remove(chosen.label(i));
        }
        if (!wanted.isEmpty()) {
            faults.add(new DataException(path, "has no image of class " + String.join(", ", wanted)));
        }
        return chosen;
    }

    static boolean isTable(Path path) {
        String name = path.toString().toLowerCase(Locale.ROOT);
        return Files.isRegularFile(path) && TABLES.stream().anyMatch(name::endsWith);
    }

    /** The columns image and labels, or a column for each label. */
    private LabeledImages severalOfEach(Path path, DataFlags data, Faults faults) throws IOException {
        if (classes != null) {
            throw new ConfigException(
                    "--classes chooses images by the one class that each has, and here an image may have"
                            + " several labels: leave it out");
        }
        if (!isTable(path)) {
            throw new DataException(
                    path,
                    "says one class of each image: several labels an image need a table (" + String.join(", ", TABLES)
                            + ") with the column image and a column of labels, or one for each (--label-columns)");
        }
        Columns columns = Columns.of(data.columns.text == null ? "image" : data.columns.text, data.labelColumn)
                .withSeveral(data.labels.several());
        List<Path> files = new ArrayList<>();
        List<List<String>> labels = new ArrayList<>();
        for (Row row : rows(path, columns, faults)) {
            MultiLabelText labelled = (MultiLabelText) row;
            Path file = file(path, labelled.text(), row.origin(), faults);
            if (file != null) {
                files.add(file);
                labels.add(labelled.labels());
            }
        }
        return LabeledImages.ofSeveral(path, files, labels);
    }

    /** Those that can be used. */
    private static List<Row> rows(Path path, Columns columns, Faults faults) throws IOException {
        List<DataException> found = new ArrayList<>();
        List<Row> rows = DataFiles.readWithoutFaulty(DataReference.of(path), columns, found::add)
                .rows();
        for (DataException fault : found) {
            faults.add(fault);
        }
        return rows;
    }

    /** The columns image and label; paths are relative to the table. */
    private static LabeledImages table(Path path, DataFlags data, Faults faults) throws IOException {
        Columns columns = Columns.of(
                data.columns.text == null ? "image" : data.columns.text,
                data.labelColumn == null ? "label" : data.labelColumn);
        List<Path> files = new ArrayList<>();
        List<String> labels = new ArrayList<>();
        for (Row row : rows(path, columns, faults)) {
            LabeledText labelled = (LabeledText) row;
            Path file = file(path, labelled.text(), row.origin(), faults);
            if (file != null) {
                files.add(file);
                labels.add(labelled.label());
            }
        }
        return LabeledImages.of(path, files, labels);
    }

    /** The file that a row names; null for none. */
    private static @Nullable Path file(Path table, String named, Origin origin, Faults faults) throws IOException {
        try {
            return inside(table, named, origin);
        } catch (DataException e) {
            faults.add(e);
            return null;
        }
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
