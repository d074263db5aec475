package org.loft4j.cli.reproduce;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.train.DistanceRecorder;
import org.loft4j.train.Method;
import org.loft4j.train.SavedUpdates;
import org.loft4j.train.UpdateDistance;

/**
 * The distances of one run from its reference.
 *
 * @param name of what was run, for machines
 * @param title of what was run, for people
 * @param method the title that gives its lines the colour
 * @param rank 0 where there is none
 * @param rate peak learning rate of both runs
 * @param seed of the run
 * @param score of the test data, by the metric of the task; not a number where nothing was trained
 * @param failure why the run could not be trained to its end; null if it was, and where none was made
 * @param skipped steps that a gradient that is not finite made void; null where nobody knows, and where there are none
 * @param bySteps distances by step
 */
record DistanceRow(
        String name,
        String title,
        String method,
        int rank,
        double rate,
        long seed,
        double score,
        @Nullable String failure,
        @Nullable Long skipped,
        SortedMap<Long, UpdateDistance> bySteps) {
    /** Of the rows that no run made: the best change there is of a rank. */
    private static final String BEST_NAME = "best";

    private static final String BEST = "best change of its rank";

    /** @param metric whose value of the test data is the row's score */
    static DistanceRow of(Distance.Part part, TrialResult result, String metric, Path output) throws IOException {
        Trial trial = result.trial();
        Path log = output.resolve("runs").resolve(trial.name()).resolve(DistanceObserver.LOG);
        boolean other = part == Distance.Part.OTHER_SEED;
        String method = trial.contender().title();
        return new DistanceRow(
                other ? "full-other-seed" : trial.contender().name(),
                other ? method + ", another seed" : method,
                other ? Method.FULL.title() : method,
                trial.rank(),
                trial.rate(),
                trial.seed(),
                result.test(metric),
                result.failure(),
                result.skippedSteps(),
                Files.exists(log) ? DistanceRecorder.read(log) : new TreeMap<>());
    }

    /** @param reference directory with the changes of the reference run */
    static List<DistanceRow> best(Path reference, double rate, long seed, List<Integer> ranks) throws IOException {
        List<SortedMap<Long, UpdateDistance>> byRank = new ArrayList<>();
        ranks.forEach(rank -> byRank.add(new TreeMap<>()));
        List<Path> files;
        try (Stream<Path> all = Files.list(reference)) {
            files = all.filter(file -> file.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        }
        for (Path file : files) {
            long step = Long.parseLong(file.getFileName().toString().replaceAll("[^0-9]", ""));
            try (SavedUpdates updates = SavedUpdates.open(file)) {
                List<UpdateDistance> best = UpdateDistance.ofBest(updates, ranks);
                for (int i = 0; i < ranks.size(); i++) {
                    byRank.get(i).put(step, best.get(i));
                }
            }
        }
        List<DistanceRow> rows = new ArrayList<>();
        for (int i = 0; i < ranks.size(); i++) {
            rows.add(new DistanceRow(
                    BEST_NAME, BEST, BEST, ranks.get(i), rate, seed, Double.NaN, null, null, byRank.get(i)));
        }
        return rows;
    }

    /** What rows of different seeds have in common. */
    String group() {
        return String.format(Locale.ROOT, "%s %d %s", name, rank, rate);
    }

    /** The distances after the last step that was looked at, which is not the run's last if it was given up; there must be some. */
    UpdateDistance last() {
        return Objects.requireNonNull(bySteps.get(bySteps.lastKey()));
    }

    /** The step of {@link #last}; 0 where nothing was looked at. */
    long lastStep() {
        return bySteps.isEmpty() ? 0 : bySteps.lastKey();
    }

    String label() {
        return name.equals(BEST_NAME) ? "best change of rank " + rank : title + (rank == 0 ? "" : ", rank " + rank);
    }
}
