package org.loft4j.data.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.loft4j.DataException;

/**
 * Pictures with the names of their classes. Files are decoded when they are asked for; an IDX file, whose pictures are small, is
 * in memory as bytes.
 */
public final class LabeledImages {
    private final Source source;
    private final String[] labels;

    private LabeledImages(Source source, String[] labels) {
        this.source = source;
        this.labels = labels;
    }

    /** Where the pictures are. */
    private sealed interface Source {
        Pixels read(int index) throws IOException;

        /** What tells a picture from others: its bytes, or where it lies and how long it is. */
        byte[] identity(int index);

        Source select(int[] indices);

        /** How messages name a picture. */
        String name(int index);
    }

    private record FilesOnDisk(Path root, List<Path> files) implements Source {
        @Override
        public Pixels read(int index) throws IOException {
            return ImageFile.read(files.get(index));
        }

        @Override
        public byte[] identity(int index) {
            Path file = files.get(index);
            String place = root.toAbsolutePath()
                    .relativize(file.toAbsolutePath())
                    .toString()
                    .replace('\\', '/');
            return (place + '\0' + file.toFile().length()).getBytes(java.nio.charset.StandardCharsets.UTF_8);
        }

        @Override
        public Source select(int[] indices) {
            return new FilesOnDisk(
                    root, Arrays.stream(indices).mapToObj(files::get).toList());
        }

        @Override
        public String name(int index) {
            return files.get(index).toString();
        }
    }

    private record InMemory(Path file, IdxFile images, int[] indices) implements Source {
        private int area() {
            return images.shape()[1] * images.shape()[2];
        }

        @Override
        public Pixels read(int index) {
            return new Pixels(images.shape()[1], images.shape()[2], 1, identity(index));
        }

        @Override
        public byte[] identity(int index) {
            int start = indices[index] * area();
            return Arrays.copyOfRange(images.values(), start, start + area());
        }

        @Override
        public Source select(int[] some) {
            return new InMemory(
                    file, images, Arrays.stream(some).map(i -> indices[i]).toArray());
        }

        @Override
        public String name(int index) {
            return file + ", image " + indices[index];
        }
    }

    /**
     * A folder with a folder for each class, or an IDX file with its labels beside it.
     *
     * @throws DataException if it is neither, or is empty
     */
    public static LabeledImages read(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            return folder(path);
        }
        if (IdxFile.isNamedAsImages(path)) {
            return idx(path);
        }
        throw new DataException(
                path,
                "must be a folder with a folder for each class, a CSV file with the columns image"
                        + " and label, or an IDX file such as train-images-idx3-ubyte.gz");
    }

    private static LabeledImages idx(Path path) throws IOException {
        IdxFile images = IdxFile.read(path, 3);
        Path labelFile = IdxFile.labelsOf(path);
        IdxFile labels = IdxFile.read(labelFile, 1);
        if (labels.shape()[0] != images.shape()[0]) {
            throw new DataException(
                    labelFile,
                    "must have a label for each of " + images.shape()[0] + " images, has " + labels.shape()[0]);
        }
        String[] names = new String[labels.shape()[0]];
        for (int i = 0; i < names.length; i++) {
            names[i] = Integer.toString(labels.values()[i] & 0xff);
        }
        int[] all = IntStream.range(0, names.length).toArray();
        return new LabeledImages(new InMemory(path, images, all), names);
    }

    private static LabeledImages folder(Path root) throws IOException {
        List<Path> files = new ArrayList<>();
        List<String> labels = new ArrayList<>();
        for (Path label : sorted(root)) {
            if (Files.isDirectory(label) && !isHidden(label)) {
                for (Path file : sorted(label)) {
                    if (Files.isRegularFile(file) && !isHidden(file) && ImageFile.isNamedAsOne(file)) {
                        files.add(file);
                        labels.add(label.getFileName().toString());
                    }
                }
            }
        }
        if (files.isEmpty()) {
            throw new DataException(
                    root, "must have a folder for each class with png, jpg, gif or bmp files, has none");
        }
        return new LabeledImages(new FilesOnDisk(root, files), labels.toArray(String[]::new));
    }

    private static List<Path> sorted(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.sorted().toList();
        }
    }

    private static boolean isHidden(Path path) {
        return path.getFileName().toString().startsWith(".");
    }

    /**
     * Files that a table names.
     *
     * @param root folder that the files are told by, for checksums
     * @throws DataException if one is missing
     */
    public static LabeledImages of(Path root, List<Path> files, List<String> labels) throws DataException {
        for (Path file : files) {
            if (!Files.isRegularFile(file)) {
                throw new DataException(file, "is no file, but " + root + " names it");
            }
        }
        return new LabeledImages(new FilesOnDisk(root, List.copyOf(files)), labels.toArray(String[]::new));
    }

    public int size() {
        return labels.length;
    }

    public String label(int index) {
        return labels[index];
    }

    /** Decodes one picture. */
    public Pixels read(int index) throws IOException {
        return source.read(index);
    }

    /** Bytes that tell a picture from others, and stay the same when more are added. */
    public byte[] identity(int index) {
        return source.identity(index);
    }

    /** How messages name a picture. */
    public String name(int index) {
        return source.name(index);
    }

    /** Some of the pictures, in their order. */
    public LabeledImages select(IntPredicate which) {
        int[] chosen = IntStream.range(0, size()).filter(which).toArray();
        return new LabeledImages(
                source.select(chosen),
                Arrays.stream(chosen).mapToObj(this::label).toArray(String[]::new));
    }
}
