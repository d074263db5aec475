package org.loft4j.cli.compare;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.cli.report.Curve;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.optim.RefLora;
import org.loft4j.train.Method;
import org.loft4j.train.PeerSettings;

/**
 * What one finished run left.
 *
 * @param trial what was run
 * @param failure why it could not be trained to its end, at a learning rate that is too high, say; null if it was
 * @param settings everything that the result depends on, by name
 * @param validation loss and scores of the validation data after the last step
 * @param test the same of the test data
 * @param predictsOneClass whether all test rows were taken for the same class, and are of several
 * @param skippedSteps steps that a gradient that is not finite made void; null where nobody knows: of a run that failed, or one
 *     from before they were counted
 * @param cost what it took
 * @param loss of each step's batch, over the steps
 * @param reward mean of each step's answers, over the steps; without a point where no reward judges any
 * @param evaluations loss and scores of the validation data over the steps, each with its {@code step}
 * @param machine it ran on, and how many processes it shared that with
 */
public record TrialResult(
        Trial trial,
        @Nullable String failure,
        Map<String, Object> settings,
        Map<String, Double> validation,
        Map<String, Double> test,
        boolean predictsOneClass,
        @Nullable Long skippedSteps,
        Cost cost,
        Curve loss,
        Curve reward,
        List<Map<String, Double>> evaluations,
        Map<String, Object> machine)
        implements ResultStore.Described {
    /**
     * What a run took.
     *
     * @param seconds of the optimizer steps alone, the first of them taken to be like the others
     * @param wallSeconds of everything: opening, steps, evaluations, files
     * @param tokensPerSecond that went through the optimizer steps, padding not counted
     * @param peakBytes largest resident memory of the process after a step
     * @param trained number of parameters that were trained
     * @param resumedFrom the step that it went on from after an interruption, which the times are of the steps behind; 0 of a run
     *     without one
     */
    public record Cost(
            double seconds,
            double wallSeconds,
            double tokensPerSecond,
            long peakBytes,
            long trained,
            long resumedFrom) {}

    /** In what is told of the machine: how many processes were at work on the comparison. */
    static final String PROCESSES = "processes";

    public TrialResult {
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
        validation = Collections.unmodifiableMap(new LinkedHashMap<>(validation));
        test = Collections.unmodifiableMap(new LinkedHashMap<>(test));
        evaluations = List.copyOf(evaluations);
        machine = Collections.unmodifiableMap(new LinkedHashMap<>(machine));
    }

    /** A score of the validation data; not a number if the run failed. */
    public double validation(String metric) {
        return validation.getOrDefault(metric, Double.NaN);
    }

    /** A score of the test data; not a number if the run failed. */
    public double test(String metric) {
        return test.getOrDefault(metric, Double.NaN);
    }

    /** How many processes were at work on the comparison when it began or when it ended; 0 where nobody has counted. */
    int processes() {
        Object told = machine.get(PROCESSES);
        return told == null ? 0 : Integer.parseInt(told.toString());
    }

    /** Into how many folds the rows were parted, one of which it did not learn; 0 for none. */
    int folds() {
        Object told = settings.get(TrialSettings.FOLDS);
        return told == null ? 0 : Integer.parseInt(told.toString());
    }

    /** Whether all of its steps were RefLoRA's warm-up, in which it is LoRA. */
    boolean isWarmUpAlone() {
        if (trial.contender().method() != Method.REFLORA || loss.isEmpty()) {
            return false;
        }
        Object warmUp = settings.getOrDefault(PeerSettings.REFLORA_WARMUP, RefLora.WARMUP_STEPS);
        return loss.x().get(loss.x().size() - 1) <= Integer.parseInt(warmUp.toString());
    }

    /** A score of the validation data over the steps. */
    Curve evaluationCurve(String metric) {
        Curve curve = new Curve();
        evaluations.forEach(at -> curve.add(at.getOrDefault("step", Double.NaN), at.getOrDefault(metric, Double.NaN)));
        return curve;
    }

    /** Writes the result, whole or not at all. */
    void write(Path file) throws IOException {
        Map<String, Object> tree = trial.tree();
        tree.put("failure", failure);
        tree.put("validation", finite(validation));
        tree.put("test", finite(test));
        tree.put("predicts_one_class", predictsOneClass);
        tree.put("skipped_steps", skippedSteps);
        tree.put("seconds", finite(cost.seconds()));
        tree.put("wall_seconds", cost.wallSeconds());
        tree.put("tokens_per_second", finite(cost.tokensPerSecond()));
        tree.put("peak_resident_bytes", cost.peakBytes());
        tree.put("trainable_parameters", cost.trained());
        tree.put("resumed_from", cost.resumedFrom());
        tree.put("settings", settings);
        tree.put("machine", machine);
        tree.put("evaluations", evaluations.stream().map(TrialResult::finite).toList());
        put(tree, "loss", loss);
        if (!reward.isEmpty()) {
            put(tree, "reward", reward);
        }
        Json.write(file, tree);
    }

    private static void put(Map<String, Object> tree, String name, Curve curve) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("step", curve.x());
        values.put(name, curve.y());
        tree.put("training_" + name, values);
    }

    /** What {@link #put} wrote. */
    private static Curve curve(JsonNode training, String name) {
        Curve curve = new Curve();
        for (int i = 0; i < training.path("step").size(); i++) {
            curve.add(
                    training.path("step").get(i).asDouble(),
                    training.path(name).path(i).asDouble(Double.NaN));
        }
        return curve;
    }

    static Map<String, Object> finite(Map<String, Double> values) {
        Map<String, Object> finite = new LinkedHashMap<>();
        values.forEach((name, value) -> finite.put(name, finite(value)));
        return finite;
    }

    /** JSON has no word for a number that is not finite. */
    static @Nullable Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }

    /** @throws CheckpointException if the file is not what {@link #write} writes */
    static TrialResult read(Path file) throws CheckpointException {
        JsonObject json = Json.read(file);
        List<Map<String, Double>> evaluations = new ArrayList<>();
        for (JsonNode at : json.toTree().path("evaluations")) {
            evaluations.add(numbers(at));
        }
        return new TrialResult(
                Trial.read(json),
                json.findString("failure"),
                values(json.requireObject("settings")),
                numbers(json.requireObject("validation").toTree()),
                numbers(json.requireObject("test").toTree()),
                json.booleanOr("predicts_one_class", false),
                json.has("skipped_steps") ? json.requireLong("skipped_steps") : null,
                new Cost(
                        json.doubleOr("seconds", Double.NaN),
                        json.doubleOr("wall_seconds", Double.NaN),
                        json.doubleOr("tokens_per_second", Double.NaN),
                        json.requireLong("peak_resident_bytes"),
                        json.requireLong("trainable_parameters"),
                        json.has("resumed_from") ? json.requireLong("resumed_from") : 0),
                curve(json.requireObject("training_loss").toTree(), "loss"),
                curve(json.toTree().path("training_reward"), "reward"),
                evaluations,
                values(json.requireObject("machine")));
    }

    private static Map<String, Double> numbers(JsonNode object) {
        Map<String, Double> numbers = new LinkedHashMap<>();
        object.properties()
                .forEach(entry -> numbers.put(entry.getKey(), entry.getValue().asDouble(Double.NaN)));
        return numbers;
    }

    /** Settings as they are compared, each in its words. */
    static Map<String, Object> values(JsonObject object) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (String key : object.keys()) {
            JsonNode node = object.node(key);
            values.put(key, node == null ? "none" : node.asText());
        }
        return values;
    }
}
