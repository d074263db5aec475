package org.loft4j.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;
import org.loft4j.model.TaskFile;

/** The output directory of a run: what lies where, and the lock on it. */
final class RunOutput implements AutoCloseable {
    static final String METRICS = "metrics.jsonl";
    static final String DIAGNOSTICS = "diagnostics.jsonl";
    static final String EVENTS = "runs";

    /** All that tells of a run; samples are written by whoever makes them. */
    private static final List<String> LOGS = List.of(METRICS, DIAGNOSTICS, RunAbout.FILE, "samples.jsonl");

    /** How images are prepared. */
    private static final String PREPROCESSOR = "preprocessor_config.json";

    private final Path directory;
    private final Checkpoints checkpoints;
    private final RunLock lock;

    private RunOutput(Path directory, RunLock lock) {
        this.directory = directory;
        this.checkpoints = new Checkpoints(directory);
        this.lock = lock;
    }

    /**
     * Takes the directory for this process.
     *
     * @throws ConfigException if another process has it, or it holds a run and that is to be refused
     */
    static RunOutput open(Path directory, OnExisting onExisting) throws IOException {
        RunOutput output = new RunOutput(directory, RunLock.acquire(directory));
        try {
            output.checkpoints.removeLeftovers();
            boolean holdsRun = !output.checkpoints.steps().isEmpty() || Files.exists(directory.resolve(RunState.FILE));
            if (holdsRun && onExisting == OnExisting.REFUSE) {
                throw new ConfigException("output_dir " + directory
                        + " holds a run already: resume it (--resume), let it be overwritten (--overwrite), or choose another"
                        + " directory");
            }
            return output;
        } catch (IOException | RuntimeException | Error e) {
            output.close();
            throw e;
        }
    }

    /** Removes the run that the directory holds: to be called when the new one is sure to begin. */
    void clear() throws IOException {
        Files.deleteIfExists(directory.resolve(RunState.FILE));
        checkpoints.removeAll();
        for (String log : LOGS) {
            Files.deleteIfExists(directory.resolve(log));
        }
        Checkpoints.delete(directory.resolve(EVENTS));
    }

    Path directory() {
        return directory;
    }

    Checkpoints checkpoints() {
        return checkpoints;
    }

    /** Whether the run in this directory has come to its end. */
    boolean isFinished() throws CheckpointException {
        String ended = ended();
        return ended != null && !ended.equals(RunState.DIVERGED);
    }

    private @Nullable String ended() throws CheckpointException {
        Path state = directory.resolve(RunState.FILE);
        return Files.exists(state) ? Json.read(state).findString("finished") : null;
    }

    /** The step since which the run in this directory has diverged; 0 if it has not. */
    long divergedSince() throws CheckpointException {
        return RunState.DIVERGED.equals(ended())
                ? Json.read(directory.resolve(RunState.FILE)).requireLong("diverged_since")
                : 0;
    }

    /** Writes that the run was given up; the checkpoints stay. */
    void diverged(Map<String, Object> state, long since) throws IOException {
        Map<String, Object> tree = new LinkedHashMap<>(state);
        tree.put("finished", RunState.DIVERGED);
        tree.put("diverged_since", since);
        Json.write(directory.resolve(RunState.FILE), tree);
    }

    /** Forgets that the run was given up, once it has been saved anew. */
    void recovered() throws IOException {
        Files.deleteIfExists(directory.resolve(RunState.FILE));
    }

    /** Copies the files of the tokenizer, or of the preparation of images, so that the result can be used without the base model's directory. */
    void copyTokenizer(@Nullable Path modelDirectory) throws IOException {
        if (modelDirectory == null || !Files.isDirectory(modelDirectory)) {
            return;
        }
        try (Stream<Path> files = Files.list(modelDirectory)) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                boolean along = Tokenizer.FILES.contains(name) || name.equals(PREPROCESSOR);
                if (along && !modelDirectory.toRealPath().equals(directory.toRealPath())) {
                    AtomicFiles.write(directory.resolve(name), Files.readAllBytes(file));
                }
            }
        }
    }

    /** Writes what prediction needs to know. */
    void describe(TaskFile task, String modelCard) throws IOException {
        task.write(directory);
        AtomicFiles.write(directory.resolve("README.md"), modelCard.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
