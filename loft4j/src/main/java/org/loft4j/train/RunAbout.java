package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;

/**
 * {@code run.json}: what someone who watches a run must know besides its metrics: how long it will be, who is at it, since when.
 * It says nothing that a resume depends on.
 */
public final class RunAbout {
    private final Path file;
    private final Map<String, Object> known = new LinkedHashMap<>();

    /** The file's name. */
    public static final String FILE = "run.json";

    /** The field of a process that says when it began, among those behind the name of its program. */
    private static final int STARTED = 19;

    /** Whether a directory has such a file, and not another of this name. */
    static boolean isIn(Path directory) {
        Path file = directory.resolve(FILE);
        try {
            return Files.isRegularFile(file)
                    && Json.read(file).keys().containsAll(List.of("total_steps", "first_step", "process_started"));
        } catch (CheckpointException e) {
            return false;
        }
    }

    /** Says that this process has begun, or goes on, with a run. */
    RunAbout(Path file, RunPlan plan, long step, boolean images) throws IOException {
        this.file = file;
        known.put("total_steps", plan.totalSteps());
        known.put("steps_per_epoch", plan.stepsPerEpoch());
        known.put("method", plan.settings().get("method"));
        known.put("metric_for_best", plan.settings().get("metric_for_best_model"));
        known.put("unit", images ? "images" : "tokens");
        known.put("first_step", step);
        known.put("started", Instant.now().toString());
        known.put("host", hostName());
        known.put("pid", ProcessHandle.current().pid());
        known.put(
                "process_started",
                ProcessHandle.current()
                        .info()
                        .startInstant()
                        .map(Instant::toString)
                        .orElse(null));
        known.put("process_mark", processMark(ProcessHandle.current().pid()));
        write(null, step, false);
    }

    /**
     * What tells a process from others that had its number before, or have it later: the start of the machine, and the time from
     * there to that of the process. The time of day at which a process began is none: it is another one as soon as the clock is
     * set. Null where the system does not tell, which Linux does.
     */
    public static @Nullable String processMark(long pid) {
        try {
            String boot =
                    Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            // the name of the program, in brackets, may hold anything
            String[] fields = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ", -1);
            return fields.length > STARTED ? boot + " " + fields[STARTED] : null;
        } catch (IOException e) {
            return null;
        }
    }

    /**
     * Says that this process has left the run after a step.
     *
     * @param evaluationPending whether its evaluation is still to be made
     */
    void ended(long step, boolean evaluationPending) throws IOException {
        write(Instant.now(), step, evaluationPending);
    }

    private void write(@Nullable Instant ended, long step, boolean evaluationPending) throws IOException {
        Map<String, Object> tree = new LinkedHashMap<>(known);
        tree.put("ended", ended == null ? null : ended.toString());
        tree.put("last_step", ended == null ? null : step);
        tree.put("evaluation_pending", evaluationPending);
        Json.write(file, tree);
    }

    /**
     * The name of this machine, so that a process number is not looked for on another one; null where it is not known. Asking
     * the resolver would take seconds on some machines.
     */
    public static @Nullable String hostName() {
        Path linux = Path.of("/proc/sys/kernel/hostname");
        try {
            return Files.isReadable(linux) ? Files.readString(linux).strip() : System.getenv("COMPUTERNAME");
        } catch (IOException e) {
            return null;
        }
    }
}
