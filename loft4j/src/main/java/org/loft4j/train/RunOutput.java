package org.loft4j.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;
import org.loft4j.model.SentenceFiles;
import org.loft4j.model.TaskFile;

/** The output directory of a run: what lies where, and the lock on it. */
final class RunOutput implements AutoCloseable {
    static final String METRICS = "metrics.jsonl";
    static final String DIAGNOSTICS = "diagnostics.jsonl";
    static final String EVENTS = "runs";

    /** All that tells of a run; samples are written by whoever makes them. */
    private static final List<String> LOGS = List.of(
            METRICS, DIAGNOSTICS, Rewards.COMPLETIONS, RunAbout.FILE, PreferenceReference.FILE, "samples.jsonl");

    private static final String CARD = "README.md";

    /** What a run ends with, beside the files of a tokenizer; the page is written by whoever shows it. */
    private static final Set<String> OF_ADAPTER =
            Set.of(PeftFiles.CONFIG, PeftFiles.WEIGHTS, TaskFile.NAME, CARD, "report.html");

    /** The same beside the weights of a model that is trained itself. */
    private static final Set<String> OF_MODEL = Set.of("config.json", CopiedFiles.GENERATION);

    private final Path directory;
    private final Checkpoints checkpoints;
    private final RunLock lock;
    private final boolean overwrites;
    private boolean begun;

    private RunOutput(Path directory, RunLock lock, boolean overwrites) {
        this.directory = directory;
        this.overwrites = overwrites;
        this.checkpoints = new Checkpoints(directory);
        this.lock = lock;
    }

    /**
     * Takes the directory for this process.
     *
     * @param modelDirectory of the model that is trained; null for none
     * @throws ConfigException if another process has it, it holds a run and that is to be refused, or what somebody else has left
     *     there would be lost
     */
    static RunOutput open(Path directory, OnExisting onExisting, Method method, @Nullable Path modelDirectory)
            throws IOException {
        RunOutput output = new RunOutput(directory, RunLock.acquire(directory), onExisting == OnExisting.OVERWRITE);
        try {
            output.checkpoints.removeLeftovers();
            onExisting.requireNoRun(directory);
            onExisting.requireNoOthers(directory, method, Set.of());
            output.requireModelKept(modelDirectory);
            return output;
        } catch (IOException | RuntimeException | Error e) {
            output.close();
            throw e;
        }
    }

    static boolean holdsRun(Path directory) throws IOException {
        return !new Checkpoints(directory).steps().isEmpty() || Files.exists(directory.resolve(RunState.FILE));
    }

    /**
     * The files in a directory without a run that one would write over, though they are none of a run's, in the order of their names.
     * Those that a run has left which died before its first checkpoint are its own; a result may as well be all that was kept of one that
     * ended.
     *
     * @param more names of files that are written beside those of the run
     * @param goesOn whether it is the same run that is asked for
     */
    static List<Path> others(Path directory, Method method, Set<String> more, boolean goesOn) throws IOException {
        if (!Files.isDirectory(directory) || holdsRun(directory)) {
            return List.of();
        }
        List<Path> all;
        try (Stream<Path> files = Files.list(directory)) {
            all = files.sorted().toList();
        }
        boolean died = RunAbout.isIn(directory)
                && (goesOn || all.stream().noneMatch(file -> name(file).equals(PeftFiles.WEIGHTS) || isWeights(file)));
        return died
                ? List.of()
                : all.stream()
                        .filter(file -> more.contains(name(file))
                                || LOGS.contains(name(file))
                                || OF_ADAPTER.contains(name(file))
                                || SentenceFiles.isOne(Path.of(name(file)))
                                || SentenceFiles.isOne(Path.of(name(file), "config.json"))
                                || (!method.usesAdapter() && isOfModel(file)))
                        .toList();
    }

    /** Refuses to leave a result among the files of the model that it was trained from, or beside another's tokenizer. */
    private void requireModelKept(@Nullable Path modelDirectory) throws IOException {
        if (isOurs()) {
            return;
        }
        if (is(modelDirectory)) {
            throw new ConfigException("output_dir " + directory
                    + " is the directory of the model, which must stay as it is: choose another directory");
        }
        List<Path> tokenizer = CopiedFiles.in(directory);
        if (!overwrites && !tokenizer.isEmpty()) {
            throw new ConfigException(OnExisting.holdsOthers(directory, tokenizer));
        }
    }

    /** Whether a run is in the directory, or has begun there. */
    private boolean isOurs() throws IOException {
        return holdsRun(directory) || RunAbout.isIn(directory);
    }

    /**
     * Refuses to overwrite what the new run starts from.
     *
     * @param source directory of its model; null for none
     * @throws ConfigException if it lies in what would be removed
     */
    void requireKept(@Nullable Path source) throws IOException {
        if (overwrites && source != null && Files.isDirectory(source)) {
            requireKept(directory, source, "the model");
        }
    }

    /**
     * The same of anything that a new run in a directory needs.
     *
     * @param what it is, for the error
     */
    static void requireKept(Path directory, Path source, String what) throws IOException {
        if (!Files.isDirectory(directory) || !Files.exists(source)) {
            return;
        }
        Path run = directory.toRealPath();
        Path from = source.toRealPath();
        if (from.startsWith(run) && !from.equals(run)) {
            Path top = run.relativize(from).getName(0);
            if (Checkpoints.isRemoved(name(top))
                    || name(top).equals(EVENTS)
                    || LOGS.contains(name(top))
                    || isResult(top)) {
                throw new ConfigException(what + " " + source + " lies in the run that --overwrite would remove from "
                        + directory + ": choose another output directory, or move it out of there first");
            }
        }
    }

    /**
     * Removes, the first time that it is called, the run that is to be overwritten, and what one tells that died before its first
     * checkpoint: to be called when the new one is sure to begin.
     *
     * @param modelDirectory of the model that the new run starts from, which is left alone if it is this one
     * @param step steps behind the run; what is told of them stays
     */
    void begin(@Nullable Path modelDirectory, long step) throws IOException {
        if (begun) {
            return;
        }
        begun = true;
        if (overwrites) {
            clear(modelDirectory);
        }
        // without the file that a run begins with, others of these names are not those of a run
        if (overwrites || (step == 0 && Files.exists(directory.resolve(RunAbout.FILE)))) {
            for (String log : LOGS) {
                Files.deleteIfExists(directory.resolve(log));
            }
        }
    }

    /**
     * Removes the run that the directory holds. Its result goes too, or until the new one has its own, and for ever if it has
     * none, that of other settings would answer in its name.
     */
    private void clear(@Nullable Path modelDirectory) throws IOException {
        boolean heldRun = holdsRun(directory);
        checkpoints.removeAll();
        if (heldRun && !is(modelDirectory)) {
            try (Stream<Path> files = Files.list(directory)) {
                for (Path file : files.filter(RunOutput::isResult).toList()) {
                    Files.delete(file);
                }
            }
            for (Path file : CopiedFiles.in(directory)) {
                Files.delete(directory.resolve(file));
            }
            SentenceFiles.delete(directory);
        }
        Files.deleteIfExists(directory.resolve(RunState.FILE));
        TensorBoardWriter.deleteAll(directory.resolve(EVENTS));
    }

    private static boolean isResult(Path file) {
        return OF_ADAPTER.contains(name(file)) || isOfModel(file);
    }

    private static boolean isOfModel(Path file) {
        return OF_MODEL.contains(name(file)) || isWeights(file);
    }

    private static boolean isWeights(Path file) {
        return name(file).matches("model.*\\.safetensors(\\.index\\.json)?");
    }

    private static String name(Path file) {
        return file.getFileName().toString();
    }

    private boolean is(@Nullable Path modelDirectory) throws IOException {
        return modelDirectory != null
                && Files.isDirectory(modelDirectory)
                && modelDirectory.toRealPath().equals(directory.toRealPath());
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

    /** Whether the run was given up for steps that were skipped, and not for its loss. */
    boolean divergedBySkipping() throws CheckpointException {
        return divergedSince() == Json.read(directory.resolve(RunState.FILE)).longOr("skipped_since", 0);
    }

    /** The last step of a run that has diverged whose weights it can go back to. */
    long wellUntil() throws CheckpointException {
        return Json.read(directory.resolve(RunState.FILE)).longOr("well_until", divergedSince() - 1);
    }

    /** Writes that the run was given up; the checkpoints stay. */
    void diverged(Map<String, Object> state, long since, long wellUntil) throws IOException {
        Map<String, Object> tree = new LinkedHashMap<>(state);
        tree.put("finished", RunState.DIVERGED);
        tree.put("diverged_since", since);
        tree.put("well_until", wellUntil);
        Json.write(directory.resolve(RunState.FILE), tree);
    }

    /** Forgets that the run was given up, once it has been saved anew. */
    void recovered() throws IOException {
        Files.deleteIfExists(directory.resolve(RunState.FILE));
    }

    /** Writes what prediction needs beside the weights. */
    void describe(@Nullable Path modelDirectory, RunNotes notes, String modelCard) throws IOException {
        // where that is this one, an adapter finds them there
        (is(modelDirectory) ? notes : notes.ofResult(modelDirectory)).write(directory);
        AtomicFiles.write(directory.resolve(CARD), modelCard.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
