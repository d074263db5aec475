package org.loft4j.data.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * Pictures with the names of their classes. Files are decoded when they are asked for; an IDX file, whose pictures are small, is
 * in memory as bytes.
 */
public final class LabeledImages {
    /** Bytes of the objects of a path, with its text. */
    private static final int PATH = 32 + 16 + 24 + 16 + 8;

    /** Bytes of a label that is a text of its own. */
    private static final int LABEL = 48;

    private final Source source;
    private final String[] labels;
    private final @Nullable List<List<String>> several;
    private final String leftOut;

    /** @param leftOut files that lie among the pictures and cannot be read, by their endings */
    private LabeledImages(Source source, String[] labels, String leftOut) {
        this(source, labels, null, leftOut);
    }

    /** @param several the labels of each where it may have several, and then its label is empty; null where each has one */
    private LabeledImages(Source source, String[] labels, @Nullable List<List<String>> several, String leftOut) {
        this.source = source;
        this.labels = labels;
        this.several = several;
        this.leftOut = leftOut;
    }

    /** Where the pictures are. */
    private sealed interface Source {
        Pixels read(int index) throws IOException;

        /** What tells a picture from others: its bytes, or where it lies and how long it is. */
        byte[] identity(int index);

        Source select(int[] indices);

        long heapBytes();

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

        /** Of each file its path, as bytes and as text. */
        @Override
        public long heapBytes() {
            return files.stream()
                    .mapToLong(file -> PATH + 2L * file.toString().length())
                    .sum();
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
        public long heapBytes() {
            return (long) indices.length * (area() + Integer.BYTES + LABEL);
        }

        @Override
        public String name(int index) {
            return file + ", image " + indices[index];
        }
    }

    /** The pictures of all classes. */
    public static LabeledImages read(Path path) throws IOException {
        return read(path, label -> true);
    }

    /**
     * A folder with a folder for each class, whose pictures may lie in folders of their own, or an IDX file with its labels beside
     * it.
     *
     * @param classes which folders are looked into; an IDX file is read whole
     * @throws DataException if it is neither, is empty, or a class has files none of which can be read
     */
    public static LabeledImages read(Path path, Predicate<String> classes) throws IOException {
        if (Files.isDirectory(path)) {
            return folder(path, classes);
        }
        if (IdxFile.isNamedAsImages(path)) {
            return idx(path);
        }
        throw new DataException(
                path,
                "must be a folder with a folder for each class, a table (.csv, .tsv, .jsonl) with the columns image"
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
        return new LabeledImages(new InMemory(path, images, all), names, "");
    }

    private static LabeledImages folder(Path root, Predicate<String> classes) throws IOException {
        List<Path> files = new ArrayList<>();
        List<String> labels = new ArrayList<>();
        List<Path> others = new ArrayList<>();
        boolean none = true;
        for (Path folder : sorted(root)) {
            String label = folder.getFileName().toString();
            if (!Files.isDirectory(folder) || label.startsWith(".")) {
                continue;
            }
            if (!classes.test(label)) {
                none = false;
                continue;
            }
            Map<Boolean, List<Path>> found =
                    within(folder).stream().collect(Collectors.partitioningBy(ImageFile::isNamedAsOne));
            List<Path> pictures = found.getOrDefault(true, List.of());
            List<Path> unread = found.getOrDefault(false, List.of());
            if (pictures.isEmpty() && !unread.isEmpty()) {
                throw new DataException(
                        folder,
                        "has no image that can be read (" + ImageFile.endings() + "), but " + counted(unread)
                                + ": convert them to png, or move the folder away");
            }
            files.addAll(pictures);
            others.addAll(unread);
            labels.addAll(Collections.nCopies(pictures.size(), label));
        }
        if (files.isEmpty() && none) {
            throw new DataException(
                    root, "must have a folder for each class with " + ImageFile.endings() + " files, has none");
        }
        return new LabeledImages(new FilesOnDisk(root, files), labels.toArray(String[]::new), counted(others));
    }

    /**
     * The pictures below a folder, at any depth, with empty labels.
     *
     * @throws DataException if there are none
     */
    public static LabeledImages withoutLabels(Path folder) throws IOException {
        Map<Boolean, List<Path>> found =
                within(folder).stream().collect(Collectors.partitioningBy(ImageFile::isNamedAsOne));
        List<Path> pictures = found.getOrDefault(true, List.of());
        if (pictures.isEmpty()) {
            throw new DataException(folder, "has no image that can be read (" + ImageFile.endings() + ")");
        }
        return new LabeledImages(
                new FilesOnDisk(folder, pictures),
                Collections.nCopies(pictures.size(), "").toArray(String[]::new),
                counted(found.getOrDefault(false, List.of())));
    }

    /** All files below a folder, at any depth, in order; what is hidden and all that lies in it is left out. */
    private static List<Path> within(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
            return all.filter(file -> Files.isRegularFile(file) && !isHidden(folder.relativize(file)))
                    .sorted()
                    .toList();
        } catch (UncheckedIOException e) {
            if (e.getCause() instanceof FileSystemLoopException loop) {
                throw new DataException(folder, "has a link to a folder that the link lies in: " + loop.getFile());
            }
            throw e.getCause();
        }
    }

    private static boolean isHidden(Path relative) {
        return StreamSupport.stream(relative.spliterator(), false)
                .anyMatch(part -> part.toString().startsWith("."));
    }

    /** {@code 3 .txt, 120 .webp}. */
    private static String counted(List<Path> files) {
        Map<String, Long> byEnding =
                files.stream().collect(Collectors.groupingBy(ImageFile::ending, TreeMap::new, Collectors.counting()));
        return byEnding.entrySet().stream()
                .map(kind -> kind.getValue() + (kind.getKey().isEmpty() ? " without an ending" : " ." + kind.getKey()))
                .collect(Collectors.joining(", "));
    }

    private static List<Path> sorted(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.sorted().toList();
        }
    }

    /**
     * Files that a table names.
     *
     * @param root folder that the files are told by, for checksums
     * @throws DataException if one is missing
     */
    public static LabeledImages of(Path root, List<Path> files, List<String> labels) throws DataException {
        return new LabeledImages(onDisk(root, files), labels.toArray(String[]::new), "");
    }

    /**
     * The same of pictures each of which may have several labels, or none.
     *
     * @param labels of each picture
     * @throws DataException if a file is missing
     */
    public static LabeledImages ofSeveral(Path root, List<Path> files, List<List<String>> labels) throws DataException {
        String[] none = Collections.nCopies(files.size(), "").toArray(String[]::new);
        return new LabeledImages(
                onDisk(root, files), none, labels.stream().map(List::copyOf).toList(), "");
    }

    private static FilesOnDisk onDisk(Path root, List<Path> files) throws DataException {
        for (Path file : files) {
            if (!Files.isRegularFile(file)) {
                throw new DataException(file, "is no file, but " + root + " names it");
            }
        }
        return new FilesOnDisk(root, List.copyOf(files));
    }

    public int size() {
        return labels.length;
    }

    /** What the pictures take on the Java heap while none is decoded, about, in bytes. */
    public long heapBytes() {
        long names = several == null
                ? 0
                : several.stream().mapToLong(own -> LABEL * (1L + own.size())).sum();
        return source.heapBytes() + (long) Integer.BYTES * labels.length + names;
    }

    /** Whether a picture may have several labels, or none. */
    public boolean isMultiLabel() {
        return several != null;
    }

    /** The label of a picture that has one; empty where it may have several. */
    public String label(int index) {
        return labels[index];
    }

    /** The labels of a picture: one, or as many as it has. */
    public List<String> labels(int index) {
        return several == null ? List.of(labels[index]) : several.get(index);
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

    /** Files that lie in the folders of the classes and cannot be read, in words by their endings; empty if there are none. */
    public String leftOut() {
        return leftOut;
    }

    /** Some of the pictures, in their order. */
    public LabeledImages select(IntPredicate which) {
        int[] chosen = IntStream.range(0, size()).filter(which).toArray();
        return new LabeledImages(
                source.select(chosen),
                Arrays.stream(chosen).mapToObj(this::label).toArray(String[]::new),
                several == null
                        ? null
                        : Arrays.stream(chosen).mapToObj(several::get).toList(),
                leftOut);
    }

    /**
     * So many of the pictures, in their order. Of an IDX file, where the classes are mixed, the first; of files, whose order is
     * that of the classes, those that a hash of place and length chooses: each class keeps about its share. Fewer are some of more.
     */
    public LabeledImages atMost(int count) {
        if (count >= size()) {
            return this;
        }
        if (source instanceof InMemory) {
            return select(i -> i < count);
        }
        BitSet chosen = new BitSet();
        IntStream.range(0, size())
                .boxed()
                .sorted(Comparator.comparingLong(this::place))
                .limit(count)
                .forEach(chosen::set);
        return select(chosen::get);
    }

    private long place(int index) {
        CRC32C crc = new CRC32C();
        crc.update(identity(index));
        // checksums of names that are alike are alike: the multiplier of Fibonacci hashing spreads them
        return crc.getValue() * 0x9E3779B97F4A7C15L;
    }
}
