package org.loft4j.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.Examples;
import org.loft4j.data.Preferences;
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
    private static final String CHECKSUM = "checksum";

    private static final String NEEDED =
            "which holds how probable the answers were to the model before training: a run on preferences cannot go on without"
                    + " it; begin it anew (--overwrite, or another output directory)";

    private PreferenceReference() {}

    /** Whether the data are preferences that are learnt beside what the model held of them. */
    static boolean isNeeded(TrainData data, TrainConfig config) {
        return data.train().hasPreferences()
                && config.loss().preferences().kind().hasReference();
    }

    /**
     * The data with the reference of the model as it is now, or that which they bring; it is written down.
     *
     * @return null if that was given up
     * @throws ConfigException if a log-probability is not finite
     */
    static @Nullable TrainData take(
            TrainData data, Evaluator evaluator, Path directory, BooleanSupplier givenUp, Evaluator.Progress progress)
            throws IOException {
        Map<String, Preferences> preferences = preferences(data);
        List<Preferences> known = evaluator.withReference(List.copyOf(preferences.values()), givenUp, progress);
        // a stop among the last of them comes before the first step too
        if (known == null || givenUp.getAsBoolean()) {
            return null;
        }
        Map<String, double[]> reference = new LinkedHashMap<>();
        for (String kind : preferences.keySet()) {
            reference.put(
                    kind, Objects.requireNonNull(known.get(reference.size()).reference()));
        }
        TrainData ready = with(data, reference);
        Map<String, Object> saved = new LinkedHashMap<>(reference);
        saved.put(CHECKSUM, checksum(reference));
        Json.write(directory.resolve(FILE), saved);
        return ready;
    }

    /**
     * The data with what {@link #take} wrote when the run began.
     *
     * @throws CheckpointException if it cannot be read, is damaged, or of other data
     */
    static TrainData read(TrainData data, Path directory) throws IOException {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            throw new CheckpointException(file, "is missing, " + NEEDED);
        }
        JsonObject saved = Json.read(file);
        Map<String, double[]> reference = new LinkedHashMap<>();
        for (Map.Entry<String, Preferences> some : preferences(data).entrySet()) {
            double[] all = saved.requireDoubles(some.getKey());
            int answers = some.getValue().compared().size();
            if (all.length != answers) {
                throw new CheckpointException(
                        file,
                        "has " + all.length + " log-probabilities for the " + answers + " answers of the "
                                + some.getKey() + " data: it is of another run");
            }
            reference.put(some.getKey(), all);
        }
        String checksum = checksum(reference);
        // runs of earlier versions have written none
        if (!saved.stringOr(CHECKSUM, checksum).equals(checksum)) {
            throw new CheckpointException(file, "is damaged: its numbers are others than were written, " + NEEDED);
        }
        return with(data, reference);
    }

    private static String checksum(Map<String, double[]> reference) {
        CRC32C crc = new CRC32C();
        reference.forEach((kind, all) -> {
            ByteBuffer bytes = ByteBuffer.allocate(Double.BYTES * all.length);
            bytes.asDoubleBuffer().put(all);
            crc.update(kind.getBytes(StandardCharsets.UTF_8));
            crc.update(bytes.array());
        });
        return "crc32c " + Long.toHexString(crc.getValue());
    }

    private static Map<String, Preferences> preferences(TrainData data) {
        Map<String, Preferences> all = new LinkedHashMap<>();
        if (data.train() instanceof Preferences train) {
            all.put(TRAIN, train);
        }
        if (data.eval() instanceof Preferences eval) {
            all.put(EVAL, eval);
        }
        return all;
    }

    private static TrainData with(TrainData data, Map<String, double[]> reference) {
        double[] train = reference.get(TRAIN);
        double[] eval = reference.get(EVAL);
        Examples held = data.eval();
        return new TrainData(
                train != null && data.train() instanceof Preferences rows ? rows.withReference(train) : data.train(),
                eval != null && held instanceof Preferences rows ? rows.withReference(eval) : held,
                data.padId(),
                data.maxLength(),
                data.metrics(),
                data.rewards());
    }
}
