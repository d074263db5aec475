package org.loft4j.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;

/**
 * The cache of models that Hugging Face's libraries share. A repository is a directory {@code models--org--name}:
 *
 * <pre>
 * refs/main                     the commit that a branch stood for when it was asked for
 * blobs/ETAG                    the content of a file, under the checksum that the hub gives it
 * snapshots/COMMIT/config.json  symbolic links into blobs: what is opened as a model directory
 * .no_exist/COMMIT/FILE         empty: the commit has no such file
 * trees/COMMIT.json             all files of the commit, in newer versions of the Python library
 * </pre>
 */
public final class HubCache {
    private final Path root;

    public HubCache(Path root) {
        this.root = root;
    }

    Path repository(HubName name) {
        return root.resolve(name.folder());
    }

    Path snapshot(HubName name, String commit) {
        return repository(name).resolve("snapshots").resolve(commit);
    }

    Path blob(HubName name, String etag) {
        return repository(name).resolve("blobs").resolve(etag);
    }

    Path lock(HubName name, String etag) {
        return root.resolve(".locks").resolve(name.folder()).resolve(etag + ".lock");
    }

    /** Whether there is anything of a model. */
    public boolean holds(HubName name) {
        return Files.isDirectory(repository(name));
    }

    /** The snapshot of a revision that has all that a model directory needs; null if there is none. */
    public @Nullable Path find(HubName name) {
        String commit = commit(name);
        Path snapshot = commit == null ? null : snapshot(name, commit);
        return snapshot != null && isComplete(snapshot) ? snapshot : null;
    }

    /** The snapshot of a revision that has its config.json at least; null if there is none. */
    @Nullable
    Path findConfig(HubName name) {
        String commit = commit(name);
        Path snapshot = commit == null ? null : snapshot(name, commit);
        return snapshot != null && Files.exists(snapshot.resolve(HubFiles.CONFIG)) ? snapshot : null;
    }

    /** The snapshot of a revision that has its weights at least; null if there is none. */
    @Nullable
    Path findWeights(HubName name) {
        String commit = commit(name);
        Path snapshot = commit == null ? null : snapshot(name, commit);
        return snapshot != null && hasWeights(snapshot) ? snapshot : null;
    }

    /** The commit that a revision stands for here; null if it has not been asked for yet. */
    private @Nullable String commit(HubName name) {
        String commit = read(repository(name).resolve("refs").resolve(name.revision()));
        boolean itself = HubName.isCommit(name.revision()) && Files.isDirectory(snapshot(name, name.revision()));
        return commit != null ? commit : itself ? name.revision() : null;
    }

    private static @Nullable String read(Path ref) {
        try {
            String commit = Files.isRegularFile(ref) ? Files.readString(ref).strip() : "";
            return HubName.isCommit(commit) ? commit : null;
        } catch (IOException e) {
            return null;
        }
    }

    /** A snapshot whose download stopped, or of which another program wanted a part, lacks files. */
    private static boolean isComplete(Path snapshot) {
        if (!hasWeights(snapshot)) {
            return false;
        }
        Path repository = repositoryOf(snapshot);
        Path tree = repository.resolve("trees").resolve(snapshot.getFileName() + ".json");
        if (Files.isRegularFile(tree)) {
            try {
                return HubFiles.beside(Json.read(tree).requireObject("files").keys()).stream()
                        .allMatch(file -> Files.exists(snapshot.resolve(file)));
            } catch (CheckpointException e) {
                return false;
            }
        }
        return Files.exists(snapshot.resolve(HubFiles.TOKENIZER))
                || Files.exists(snapshot.resolve(HubFiles.PREPROCESSOR))
                || Files.exists(absent(snapshot, HubFiles.TOKENIZER));
    }

    private static boolean hasWeights(Path snapshot) {
        boolean adapter = Files.exists(snapshot.resolve(HubFiles.ADAPTER_CONFIG))
                && Files.exists(snapshot.resolve(HubFiles.ADAPTER_WEIGHTS));
        return adapter || (Files.exists(snapshot.resolve(HubFiles.CONFIG)) && hasModel(snapshot));
    }

    private static boolean hasModel(Path snapshot) {
        Path index = snapshot.resolve(ModelDirectory.INDEX);
        if (Files.exists(snapshot.resolve(ModelDirectory.SINGLE)) || !Files.exists(index)) {
            return Files.exists(snapshot.resolve(ModelDirectory.SINGLE));
        }
        try {
            return HubFiles.shards(index).stream().allMatch(shard -> Files.exists(snapshot.resolve(shard)));
        } catch (CheckpointException e) {
            return false;
        }
    }

    /** The directory two levels up, which has all snapshots of a repository. */
    private static Path repositoryOf(Path snapshot) {
        return snapshot.resolve("..").resolve("..").normalize();
    }

    private static Path absent(Path snapshot, String file) {
        return repositoryOf(snapshot)
                .resolve(".no_exist")
                .resolve(String.valueOf(snapshot.getFileName()))
                .resolve(file);
    }

    /** Remembers that a commit has no tokenizer.json, so that a snapshot without one counts as complete. */
    void rememberTokenizer(Path snapshot, Collection<String> listed) throws IOException {
        Path marker = absent(snapshot, HubFiles.TOKENIZER);
        if (!listed.contains(HubFiles.TOKENIZER) && !Files.exists(marker)) {
            AtomicFiles.write(marker, new byte[0]);
        }
    }

    /** Says that a revision stands for a commit. */
    void writeRef(HubName name, String commit) throws IOException {
        Path ref = repository(name).resolve("refs").resolve(name.revision());
        if (!name.revision().equals(commit) && !commit.equals(read(ref))) {
            AtomicFiles.write(ref, commit.getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Makes a file of a snapshot stand for a blob: a symbolic link, a hard link, or a copy, whatever can be made. */
    static void link(Path blob, Path file) throws IOException {
        Path directory = file.toAbsolutePath().getParent();
        if (Files.exists(file) || directory == null) {
            return;
        }
        Files.createDirectories(directory);
        // a link whose blob somebody has deleted, and not one that another download has made just now
        if (Files.isSymbolicLink(file) && !Files.exists(file)) {
            Files.deleteIfExists(file);
        }
        List<Link> ways = new ArrayList<>();
        ways.add(() -> Files.createSymbolicLink(file, directory.relativize(blob.toAbsolutePath())));
        ways.add(() -> Files.createLink(file, blob));
        for (Link way : ways) {
            try {
                way.make();
                return;
            } catch (FileAlreadyExistsException e) {
                return; // another process was first
            } catch (IOException | UnsupportedOperationException e) {
                // the file system or the system's rights do not allow it: the next way
            }
        }
        AtomicFiles.write(file, channel -> {
            try (FileChannel content = FileChannel.open(blob, StandardOpenOption.READ)) {
                for (long at = 0; at < content.size(); ) {
                    at += content.transferTo(at, content.size() - at, channel);
                }
            }
        });
    }

    private interface Link {
        void make() throws IOException;
    }

    /**
     * The name of the model whose snapshot a directory is, with the commit where {@code main} does not stand for it; null for
     * a directory that lies in no such cache. By this name others can get the model, which they cannot by the path.
     */
    public static @Nullable HubName nameOf(Path directory) {
        Path snapshot = directory.toAbsolutePath().normalize();
        int depth = snapshot.getNameCount();
        if (depth < 3 || !snapshot.getName(depth - 2).toString().equals("snapshots")) {
            return null;
        }
        String commit = snapshot.getName(depth - 1).toString();
        String name = HubName.repositoryOf(snapshot.getName(depth - 3).toString());
        if (name == null || !HubName.isCommit(commit)) {
            return null;
        }
        boolean main = commit.equals(read(repositoryOf(snapshot).resolve("refs").resolve(HubName.MAIN)));
        return new HubName(name, main ? HubName.MAIN : commit);
    }
}
