package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/**
 * How the results of a directory are summed up, and when they were begun; left beside them for later calls.
 *
 * @param metric of the validation data that chooses the learning rate
 * @param sweep seeds that every rate was tried with
 * @param baseline what the others are set against, {@link Baseline#of}
 * @param chatDate what the chat template takes for now; null where there are no conversations
 * @param folds of the runs, be they finished or not; 0 for none, null where an earlier version did not say
 */
record SummaryRule(
        String metric,
        List<Long> sweep,
        String baseline,
        @Nullable ZonedDateTime chatDate,
        @Nullable Integer folds) {
    private static final String FILE = "comparison.json";

    void write(Path output) throws IOException {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("metric", metric);
        tree.put("sweep_seeds", sweep);
        tree.put("baseline", baseline);
        tree.put("chat_date", chatDate == null ? null : chatDate.toString());
        tree.put("folds", folds);
        Json.write(output.resolve(FILE), tree);
    }

    /** The same with the moment of the first call, where two have begun at once. */
    SummaryRule continuing(Path output) throws CheckpointException {
        ZonedDateTime first = exists(output) ? read(output).chatDate() : null;
        return first == null || chatDate == null ? this : new SummaryRule(metric, sweep, baseline, first, folds);
    }

    static boolean exists(Path output) {
        return Files.exists(output.resolve(FILE));
    }

    /**
     * Refuses to let other seeds choose where some have chosen already, another number of folds beside that of runs that
     * may be in progress, and another metric beside that of calls at work.
     *
     * @throws ConfigException if there are results, or calls at work, and a seed of their sweep is not among these; if folds were
     *     others; or if calls are at work, whose rates another metric chooses
     */
    void requireContinues(Path output, ResultStore results) throws IOException {
        if (!exists(output)) {
            return;
        }
        SummaryRule there = read(output);
        if (there.folds() != null && !there.folds().equals(folds)) {
            throw new ConfigException("output_dir " + output + " holds a comparison whose folds were " + there.folds()
                    + " and are now " + folds + ": take as many, or another output directory");
        }
        // in this order: one that ends meanwhile would be among neither in the other
        boolean atWork = CallLock.isHeld(output);
        if (!atWork && results.all().isEmpty()) {
            return;
        }
        if (atWork && !there.metric().equals(metric)) {
            throw new ConfigException("output_dir " + output + " holds runs in progress whose learning rates "
                    + there.metric() + " chooses, and these would be chosen by " + metric
                    + ": take the same metric, wait for them to end, or take another output directory");
        }
        List<Long> before = there.sweep();
        if (!sweep.containsAll(before)) {
            throw new ConfigException(
                    "output_dir " + output + " holds runs whose learning rates were chosen by the seeds "
                            + before + ", and these would be chosen by " + sweep
                            + ": name the old seeds first, or take another output directory");
        }
    }

    /** @throws ConfigException if the directory holds no comparison */
    static SummaryRule read(Path output) throws CheckpointException {
        if (!exists(output)) {
            throw new ConfigException("output_dir " + output + " holds no comparison: it has no " + FILE);
        }
        JsonObject json = Json.read(output.resolve(FILE));
        List<Long> sweep = new ArrayList<>();
        json.toTree().path("sweep_seeds").forEach(seed -> sweep.add(seed.asLong()));
        String baseline = json.findString("baseline");
        return new SummaryRule(
                json.requireString("metric"),
                sweep,
                baseline == null ? Baseline.DEFAULT : baseline,
                json.findMoment("chat_date"),
                json.has("folds") ? Integer.valueOf(json.requireInt("folds", 0)) : null);
    }
}
