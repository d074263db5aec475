package org.loft4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/**
 * Where a run stands: all that its future depends on, beside weights and optimizer. Random numbers are functions of seed and
 * step, and the place in the data is one of the step, so neither needs a state of its own.
 */
final class RunState {
    static final String FILE = "trainer_state.json";

    /** How a run ended that was given up; it may go on with other settings. */
    static final String DIVERGED = "diverged";

    private static final int MANY_SKIPPED_AT_THE_END = 5;
    private static final int MOST_SKIPPED_IN_A_ROW = 100;

    private long step;
    private long skippedSteps;
    private long tokens;
    private double seconds;
    private double windowLoss;
    private long windowSteps;
    private final Map<String, Double> windowScores = new LinkedHashMap<>();
    private BestSoFar best;
    private @Nullable String finished;
    private long resultStep;
    private long skippedSince;
    private boolean evaluationPending;
    private final LossWatch watch;
    private final List<Map<String, Object>> history = new ArrayList<>();

    RunState(String metricForBest, LossWatch watch) {
        this.best = BestSoFar.none(metricForBest);
        this.watch = watch;
    }

    static RunState of(TrainConfig config) {
        return new RunState(config.metricForBest(), new LossWatch(config.divergenceFactor()));
    }

    long step() {
        return step;
    }

    long skippedSteps() {
        return skippedSteps;
    }

    long tokens() {
        return tokens;
    }

    /** Of earlier processes of the run. */
    double seconds() {
        return seconds;
    }

    BestSoFar best() {
        return best;
    }

    /** The step whose weights are the result; 0 while there is none, and in runs from before it was written down. */
    long resultStep() {
        return resultStep;
    }

    void finish(String how, long stepOfResult) {
        finished = how;
        resultStep = stepOfResult;
    }

    /** Counts a step. The loss of a skipped one does not enter the mean that is logged. */
    void advance(StepResult result) {
        step++;
        tokens += result.tokens();
        if (result.report().skipped()) {
            skippedSteps++;
            skippedSince = skippedSince == 0 ? step : skippedSince;
        } else {
            skippedSince = 0;
            // of answers that rewards judge the loss does not say how well it goes
            if (result.scores().isEmpty()) {
                watch.add(step, result.loss());
            }
            windowLoss += result.loss();
            windowSteps++;
            result.scores().forEach((name, score) -> windowScores.merge(name, score, Double::sum));
        }
    }

    /** Lets steps that were skipped in a row be as many again before the run is given up. */
    void forgiveSkipped() {
        skippedSince = 0;
    }

    /** Why the run had better end here, by itself; null while all is well. */
    @Nullable
    Divergence divergence() {
        if (skippedSince > 0 && step - skippedSince + 1 >= MOST_SKIPPED_IN_A_ROW) {
            return new Divergence(skippedSince, Double.NaN, Double.NaN, 0, null);
        }
        return watch.verdict(step);
    }

    /** The first of the steps that were skipped at the end, where they are too many to be chance; 0 where they are not. */
    long endsSkippedSince() {
        return skippedSince > 0 && step - skippedSince + 1 >= MANY_SKIPPED_AT_THE_END ? skippedSince : 0;
    }

    /** How the loss has risen since the first step, in words; null if it has not. */
    @Nullable
    String rise() {
        return watch.rise();
    }

    /**
     * The last step whose weights a run can go back to, should what it does now turn out to be a divergence: the one before the loss
     * began to rise, and before the last step that moved weights with which all since were skipped.
     */
    long wellUntil() {
        return skippedSince == 0 ? watch.wellUntil() : Math.min(watch.wellUntil(), skippedSince - 2);
    }

    /**
     * The mean {@code loss} of the steps since it was last asked for, and the mean scores of answers that rewards have judged; not a number
     * if all were skipped.
     */
    Map<String, Double> takeWindow() {
        Map<String, Double> means = new LinkedHashMap<>();
        means.put("loss", windowLoss / windowSteps);
        windowScores.forEach((name, sum) -> means.put(name, sum / windowSteps));
        windowLoss = 0;
        windowSteps = 0;
        windowScores.clear();
        return means;
    }

    /** Whether the evaluation after this step was given up, and is to be made before the next step is taken. */
    boolean evaluationPending() {
        return evaluationPending;
    }

    void leaveEvaluation() {
        evaluationPending = true;
    }

    /** Takes an evaluation into account and says whether it is the best so far. */
    boolean evaluated(double score) {
        evaluationPending = false;
        best = best.after(step, score);
        return best.step() == step;
    }

    void log(Map<String, Object> entry) {
        history.add(Collections.unmodifiableMap(new LinkedHashMap<>(entry)));
    }

    /** What was logged behind so many lines. */
    List<Map<String, Object>> logAfter(long lines) {
        return List.copyOf(history.subList((int) Math.min(lines, history.size()), history.size()));
    }

    /** Loss and scores of the evaluation at a step, as they were logged; empty if there was none. */
    Map<String, Double> evaluationAt(long evaluatedStep) {
        Map<String, Double> values = new LinkedHashMap<>();
        for (Map<String, Object> entry : history) {
            if (entry.get("step") instanceof Number at && at.longValue() == evaluatedStep) {
                entry.forEach((key, value) -> {
                    if (key.startsWith("eval_") && !key.equals("eval_seconds") && value instanceof Number number) {
                        values.put(key.substring("eval_".length()), number.doubleValue());
                    }
                });
            }
        }
        return values;
    }

    /** The step of the last evaluation; 0 if there was none. */
    long lastEvaluatedStep() {
        for (int i = history.size() - 1; i >= 0; i--) {
            if (history.get(i).containsKey("eval_loss") && history.get(i).get("step") instanceof Number at) {
                return at.longValue();
            }
        }
        return 0;
    }

    /**
     * The state as it is now, under the names of Transformers' file where it has one for the thing. Later steps do not change
     * what was returned.
     *
     * @param secondsNow time spent on the run up to now, earlier processes included
     * @param plan what the run is, to be compared on resume
     * @param checkpoints that are complete on the disk; at a step that is the best so far, its own is being written
     */
    Map<String, Object> tree(double secondsNow, RunPlan plan, Checkpoints checkpoints) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("global_step", step);
        tree.put("max_steps", plan.totalSteps());
        tree.put("epoch", plan.epoch(step));
        tree.put("step_in_epoch", step % plan.stepsPerEpoch());
        tree.put("best_metric", RunLog.finite(best.value()));
        tree.put("best_global_step", best.step());
        Path bestCheckpoint = checkpoints.path(best.step());
        tree.put(
                "best_model_checkpoint",
                best.step() > 0 && (best.step() == step || Files.isDirectory(bestCheckpoint))
                        ? String.valueOf(bestCheckpoint.getFileName())
                        : null);
        tree.put("evaluations_since_best", best.evaluationsSince());
        tree.put("skipped_steps", skippedSteps);
        tree.put("num_input_tokens_seen", tokens);
        tree.put("seconds", secondsNow);
        tree.put("window_loss", RunLog.finite(windowLoss));
        tree.put("window_steps", windowSteps);
        if (!windowScores.isEmpty()) {
            tree.put("window_scores", RunLog.finite(windowScores));
        }
        tree.put("finished", finished);
        tree.put("result_step", resultStep);
        tree.put("plan", plan.settings());
        tree.put("skipped_since", skippedSince);
        tree.put("evaluation_pending", evaluationPending);
        tree.put("loss_watch", watch.tree());
        tree.put("log_history", history.stream().map(RunLog::finite).toList());
        return tree;
    }

    /** Writes {@link #tree}. */
    void write(Path directory, double secondsNow, RunPlan plan, Checkpoints checkpoints) throws IOException {
        Json.write(directory.resolve(FILE), tree(secondsNow, plan, checkpoints));
    }

    /** Reads a state back. */
    static RunState read(Path directory, TrainConfig config) throws CheckpointException {
        JsonObject json = Json.read(directory.resolve(FILE));
        RunState state = of(config);
        String metricForBest = config.metricForBest();
        state.step = json.requireLong("global_step");
        state.skippedSteps = json.requireLong("skipped_steps");
        state.tokens = json.requireLong("num_input_tokens_seen");
        state.seconds = json.requireDouble("seconds");
        state.windowLoss = json.doubleOr("window_loss", Double.NaN);
        state.windowSteps = json.requireLong("window_steps");
        JsonObject scores = json.findObject("window_scores");
        if (scores != null) {
            for (String name : scores.keys()) {
                state.windowScores.put(name, scores.doubleOr(name, Double.NaN));
            }
        }
        state.best = new BestSoFar(
                metricForBest,
                json.doubleOr("best_metric", Double.NaN),
                json.requireLong("best_global_step"),
                json.requireInt("evaluations_since_best", 0));
        state.finished = json.findString("finished");
        state.resultStep = json.longOr("result_step", 0);
        state.skippedSince = json.longOr("skipped_since", 0);
        state.evaluationPending = json.booleanOr("evaluation_pending", false);
        state.watch.restore(json.node("loss_watch"));
        JsonNode history = json.node("log_history");
        if (history != null) {
            for (JsonNode entry : history) {
                state.history.add(values(entry));
            }
        }
        return state;
    }

    private static Map<String, Object> values(JsonNode entry) {
        Map<String, Object> values = new LinkedHashMap<>();
        entry.fields().forEachRemaining(field -> {
            JsonNode value = field.getValue();
            if (value.isIntegralNumber()) {
                values.put(field.getKey(), value.longValue());
            } else {
                values.put(field.getKey(), value.isNull() ? Double.NaN : value.doubleValue());
            }
        });
        return Collections.unmodifiableMap(values);
    }
}
