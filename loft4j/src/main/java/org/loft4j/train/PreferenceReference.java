package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.Examples;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/**
 * What a model holds of preferences before it is trained. It is reckoned once, before the first step, and kept in the run's
 * directory: a model that goes on from a checkpoint has moved on, and one that is trained itself has nothing else left of what it
 * was.
 */
final class PreferenceReference {
    static final String FILE = "reference.json";

    private static final String TRAIN = "train";
    private static final String EVAL = "eval";

    private PreferenceReference() {}

    /** Whether any of the data are preferences. */
    static boolean isNeeded(TrainData data) {
        return data.train() instanceof PreferenceDataset || data.eval() instanceof PreferenceDataset;
    }

    /**
     * The data with the reference of the model as it is now, which is written down.
     *
     * @return null if that was given up
     * @throws ConfigException if a log-probability is not finite
     */
    static @Nullable TrainData take(
            TrainData data, Evaluator evaluator, Path directory, BooleanSupplier givenUp, Evaluator.Progress progress)
            throws IOException {
        Map<String, double[]> reference = new LinkedHashMap<>();
        int answers = preferences(data).values().stream()
                .mapToInt(some -> some.answers().size())
                .sum();
        int before = 0;
        for (Map.Entry<String, PreferenceDataset> some : preferences(data).entrySet()) {
            int known = before;
            double[] all = evaluator.logProbabilities(
                    some.getValue().answers(), givenUp, (done, ofThese) -> progress.judged(known + done, answers));
            if (all == null) {
                return null;
            }
            before += all.length;
            requireFinite(some.getKey(), all);
            reference.put(some.getKey(), all);
        }
        Json.write(directory.resolve(FILE), reference);
        return with(data, reference);
    }

    /**
     * The data with what {@link #take} wrote when the run began.
     *
     * @throws CheckpointException if it cannot be read, or is of other data
     */
    static TrainData read(TrainData data, Path directory) throws IOException {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            throw new CheckpointException(
                    file,
                    "is missing, which holds how probable the answers were to the model before training: a run on preferences"
                            + " cannot go on without it; begin it anew (--overwrite, or another output directory)");
        }
        JsonObject saved = Json.read(file);
        Map<String, double[]> reference = new LinkedHashMap<>();
        for (Map.Entry<String, PreferenceDataset> some : preferences(data).entrySet()) {
            double[] all = saved.requireDoubles(some.getKey());
            int answers = some.getValue().answers().size();
            if (all.length != answers) {
                throw new CheckpointException(
                        file,
                        "has " + all.length + " log-probabilities for the " + answers + " answers of the "
                                + some.getKey() + " data: it is of another run");
            }
            reference.put(some.getKey(), all);
        }
        return with(data, reference);
    }

    private static Map<String, PreferenceDataset> preferences(TrainData data) {
        Map<String, PreferenceDataset> all = new LinkedHashMap<>();
        if (data.train() instanceof PreferenceDataset train) {
            all.put(TRAIN, train);
        }
        if (data.eval() instanceof PreferenceDataset eval) {
            all.put(EVAL, eval);
        }
        return all;
    }

    private static TrainData with(TrainData data, Map<String, double[]> reference) {
        double[] train = reference.get(TRAIN);
        double[] eval = reference.get(EVAL);
        Examples held = data.eval();
        return new TrainData(
                train != null && data.train() instanceof PreferenceDataset rows
                        ? rows.withReference(train)
                        : data.train(),
                eval != null && held instanceof PreferenceDataset rows ? rows.withReference(eval) : held,
                data.padId(),
                data.maxLength(),
                data.metrics());
    }

    private static void requireFinite(String kind, double[] logProbabilities) {
        long lost = Arrays.stream(logProbabilities)
                .filter(value -> !Double.isFinite(value))
                .count();
        if (lost > 0) {
            throw new ConfigException("of " + lost + " answers of the " + kind
                    + " data the model gives no finite log-probability before it is trained: there is nothing to prefer to;"
                    + " another --dtype than float16, or other files of the model, may be what it takes");
        }
    }
}
