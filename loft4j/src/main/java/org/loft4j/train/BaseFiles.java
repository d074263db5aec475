package org.loft4j.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.ModelDirectory;
import org.loft4j.tensor.Uninterrupted;

/**
 * The files of the model that a run starts from: length and checksum of each. Of a file above 16 MB the checksum is that of 64
 * pieces of 256 kB, the first and the last among them: other weights differ everywhere, and a start must not read 14 GB twice.
 */
public final class BaseFiles {
    private static final System.Logger LOG = System.getLogger(BaseFiles.class.getName());
    private static final int PIECE = 256 << 10;
    private static final int PIECES = 64;

    /** How weights begin that lie in a model's directory and are not what it is read from: an adapter's, and a second form of some models. */
    private static final List<String> NOT_READ = List.of("adapter_model", "consolidated");

    /** Folders of the layers behind the pooling of sentence embeddings. */
    private static final String BEHIND_POOLING = "*Dense";

    private static final Set<String> OF_ADAPTER = Set.of(PeftFiles.CONFIG, PeftFiles.WEIGHTS);

    private final @Nullable Path directory;
    private final Map<String, String> files;

    private BaseFiles(@Nullable Path directory, Map<String, String> files) {
        this.directory = directory;
        this.files = files;
    }

    /** @param directory of the model; null for a model that was not read from one */
    public static BaseFiles of(@Nullable Path directory) throws IOException {
        Map<String, String> files = checksums(directory, name -> isOfModel(name) || Tokenizer.FILES.contains(name));
        if (directory != null && Files.isDirectory(directory)) {
            try (DirectoryStream<Path> folders = Files.newDirectoryStream(directory, BEHIND_POOLING)) {
                for (Path folder : folders) {
                    Path inner = folder.resolve(ModelDirectory.SINGLE);
                    if (Files.isRegularFile(inner)) {
                        files.put(directory.relativize(inner).toString(), described(inner));
                    }
                }
            }
        }
        return new BaseFiles(directory, files);
    }

    /**
     * Whether an adapter was trained on other weights than a model has, by what its training left beside it. False where nothing tells,
     * or where a file is the same one, whatever its name.
     */
    public static boolean areOthers(Path adapter, Path model) throws IOException {
        if (!Files.isRegularFile(adapter.resolve(RunState.FILE))) {
            return false;
        }
        Set<String> before;
        try {
            before = weights(RunPlan.baseFiles(adapter));
        } catch (CheckpointException e) {
            // other trainers have a file of this name, and a damaged one stops nobody but who goes on with the run
            return false;
        }
        if (before.isEmpty()) {
            return false;
        }
        Collection<String> now = checksums(model, BaseFiles::isWeights).values();
        return !now.isEmpty() && Collections.disjoint(before, now);
    }

    /** Length and checksum of the files of weights in a fingerprint, without those of folders. */
    private static Set<String> weights(String fingerprint) {
        return Stream.of(fingerprint.split(", "))
                .map(file -> file.split("\\.safetensors ", 2))
                .filter(parts -> parts.length == 2 && !parts[0].contains("/"))
                .map(parts -> parts[1])
                .collect(Collectors.toSet());
    }

    /** Those of an adapter that a run starts from in one line, its tokenizer's among them, to be compared on resume. */
    static String ofAdapter(Path directory) throws IOException {
        return line(checksums(directory, name -> OF_ADAPTER.contains(name) || Tokenizer.FILES.contains(name)));
    }

    private static Map<String, String> checksums(@Nullable Path directory, Predicate<String> counts)
            throws IOException {
        Map<String, String> files = new TreeMap<>();
        if (directory != null && Files.isDirectory(directory)) {
            try (Stream<Path> entries = Files.list(directory)) {
                for (Path file : entries.filter(Files::isRegularFile).toList()) {
                    String name = file.getFileName().toString();
                    if (counts.test(name)) {
                        files.put(name, described(file));
                    }
                }
            }
        }
        return files;
    }

    private static String described(Path file) throws IOException {
        return Files.size(file) + "-" + Long.toHexString(Uninterrupted.withFile(() -> checksum(file)));
    }

    private static boolean isOfModel(String name) {
        return name.equals("config.json")
                || isWeights(name)
                || name.endsWith(".safetensors.index.json") && NOT_READ.stream().noneMatch(name::startsWith);
    }

    private static boolean isWeights(String name) {
        return name.endsWith(".safetensors") && NOT_READ.stream().noneMatch(name::startsWith);
    }

    private static long checksum(Path file) throws IOException {
        CRC32C crc = new CRC32C();
        ByteBuffer buffer = ByteBuffer.allocate(PIECE);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            boolean whole = size <= (long) PIECES * PIECE;
            long pieces = whole ? (size + PIECE - 1) / PIECE : PIECES;
            for (long i = 0; i < pieces; i++) {
                long at = whole ? i * PIECE : (size - PIECE) * i / (PIECES - 1);
                buffer.clear();
                while (buffer.hasRemaining() && channel.read(buffer, at + buffer.position()) > 0) {
                    // a read may yield less than it was asked for
                }
                crc.update(buffer.flip());
            }
        }
        return crc.getValue();
    }

    /** Configuration and weights in one line, to be compared on resume. */
    public String fingerprint() {
        return line(true);
    }

    /** The same of the files of the tokenizer, for rows that are not all tokenized before the run begins: in others it shows. */
    String tokenizer() {
        return line(false);
    }

    private String line(boolean ofModel) {
        Map<String, String> some = new TreeMap<>(files);
        some.keySet().removeIf(name -> isOfModel(name) != ofModel);
        return line(some);
    }

    private static String line(Map<String, String> files) {
        String text = files.entrySet().stream()
                .map(file -> file.getKey() + ' ' + file.getValue())
                .collect(Collectors.joining(", "));
        return text.isEmpty() ? "none" : text;
    }

    /** Warns of a model that is no longer what the run has begun with. */
    void tellOfChanges() throws IOException {
        List<String> changes = changes();
        if (!changes.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    directory + " has changed under the run: " + String.join(", ", changes)
                            + "; the result belongs to what it held at the start");
        }
    }

    /** What has become of the files since then, one clause each; empty if nothing has. */
    List<String> changes() throws IOException {
        Map<String, String> now = of(directory).files;
        List<String> changes = new ArrayList<>();
        files.forEach((name, before) -> {
            String after = now.get(name);
            if (after == null) {
                changes.add(name + " is gone");
            } else if (!after.equals(before)) {
                changes.add(name + " has other content");
            }
        });
        return changes;
    }
}
