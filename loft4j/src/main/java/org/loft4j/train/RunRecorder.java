package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.io.JsonObject;

/** Tells of a run: to the metrics file, to TensorBoard, to the state's history, and to the listeners. */
final class RunRecorder implements AutoCloseable {
    private final RunState state;
    private final RunPlan plan;
    private final Listeners listeners;
    private final Trainable trainable;
    private final boolean images;
    private final long diagnosticsEvery;
    private final RunLog log;
    private final RunAbout about;
    private final UnaryOperator<IOException> explained;
    private final TensorBoardWriter board;
    private boolean boardHasPending;
    private final @Nullable DiagnosticsLog diagnostics;
    private final @Nullable CompletionsLog completions;

    /**
     * @param rewards that judge answers, where a model learns by them
     * @param explained says of a file that cannot be written at the end what the run can go on from
     */
    RunRecorder(RunParts parts, Listeners listeners, @Nullable Rewards rewards, UnaryOperator<IOException> explained)
            throws IOException {
        this.explained = explained;
        Path directory = parts.output().directory();
        this.state = parts.state();
        this.plan = parts.plan();
        this.trainable = parts.trainable();
        this.listeners = listeners;
        this.images = parts.model().imageShape() != null;
        this.diagnosticsEvery = DiagnosticsLog.every(parts.config(), plan.totalSteps());
        // first: by it whatever else is left of a run that dies is known to be one's
        this.about = new RunAbout(directory.resolve(RunAbout.FILE), plan, state.step(), images);
        this.log = RunLog.open(directory.resolve(RunOutput.METRICS), state.step(), this::isPending);
        DiagnosticsLog layers = null;
        CompletionsLog answered = null;
        TensorBoardWriter scalars = null;
        try {
            for (Map<String, Object> untold : state.logAfter(log.lines())) {
                log.append(untold);
            }
            layers = trainable.adapter() == null
                    ? null
                    : new DiagnosticsLog(directory.resolve(RunOutput.DIAGNOSTICS), state.step());
            answered = rewards == null ? null : completions(directory.resolve(Rewards.COMPLETIONS), rewards.logged());
            scalars = new TensorBoardWriter(directory.resolve(RunOutput.EVENTS), state.step() + 1);
        } catch (IOException e) {
            try (log;
                    DiagnosticsLog openedLayers = layers;
                    CompletionsLog openedAnswers = answered;
                    TensorBoardWriter openedScalars = scalars) {
                throw e;
            }
        }
        this.diagnostics = layers;
        this.completions = answered;
        this.board = scalars;
    }

    /** Where answers are not written down any more, those that are there still end with the checkpoint. */
    private @Nullable CompletionsLog completions(Path file, boolean logged) throws IOException {
        if (!logged && !Files.exists(file)) {
            return null;
        }
        CompletionsLog opened = new CompletionsLog(file, state.step(), state.evaluationPending());
        if (!logged) {
            opened.close();
            return null;
        }
        return opened;
    }

    /**
     * Whether a line of the metrics is that of the evaluation which is made again. TensorBoard has its scores too, and forgets nothing
     * of this step but all of it.
     */
    private boolean isPending(JsonObject line) {
        boolean pending = state.evaluationPending() && line.keys().contains("eval_loss");
        boardHasPending |= pending;
        return pending;
    }

    /**
     * Every step goes to the listeners.
     *
     * @param evaluations that are still to be made
     */
    void step(StepResult result, Pace pace, long evaluations, long residentBytes) {
        StepEvent event = new StepEvent(
                state.step(),
                plan.totalSteps(),
                plan.epoch(state.step()),
                result.report().skipped() ? Double.NaN : result.loss(),
                result.learningRate(),
                result.report().gradNorm(),
                result.report().skipped(),
                pace.tokensPerSecond(),
                images,
                residentBytes,
                pace.lastSeconds(),
                pace.secondsFor(plan.totalSteps() - state.step(), evaluations),
                result.scores());
        listeners.tell(listener -> listener.onStep(event));
    }

    /**
     * Logs the mean of the steps since the last line.
     *
     * @throws CheckpointException if a file cannot be written; the state has the line, as of {@link #evaluation} too
     */
    void training(StepResult last, Pace pace, double seconds, long residentBytes) throws IOException {
        Map<String, Object> entry = entry();
        Map<String, Double> means = state.takeWindow();
        entry.putAll(means);
        entry.put("grad_norm", last.report().gradNorm());
        entry.put("learning_rate", last.learningRate());
        entry.put("skipped_steps", state.skippedSteps());
        entry.put("tokens", state.tokens());
        entry.put("tokens_per_second", pace.tokensPerSecond());
        entry.put("memory_bytes", residentBytes);
        entry.put("seconds", seconds);
        write(entry);
        List<String> shown = new ArrayList<>(means.keySet());
        shown.addAll(List.of("grad_norm", "learning_rate", "tokens_per_second", "memory_bytes"));
        for (String key : shown) {
            if (entry.get(key) instanceof Number number) {
                board.scalar("train/" + key, number.doubleValue(), state.step());
            }
        }
    }

    /** Looks at the layers of the adapter, at the steps where that is due; the state stays as it is. */
    void diagnostics() throws IOException {
        LoraAdapter adapter = trainable.adapter();
        if (diagnostics == null || adapter == null || state.step() % diagnosticsEvery != 0) {
            return;
        }
        List<LayerDiagnostics> layers = LayerDiagnostics.of(adapter, trainable.optimizer());
        diagnostics.write(state.step(), layers, board);
        listeners.tell(listener -> listener.onDiagnostics(state.step(), layers));
    }

    /** What the model has answered to the prompts of a step that is still to be taken, where that is written down. */
    void answers(long step, List<RewardedAnswer> answers) throws IOException {
        if (completions != null) {
            completions.write(step, false, answers);
        }
    }

    /** The same of held-out prompts, after the present step. */
    void heldOutAnswers(List<RewardedAnswer> answers) throws IOException {
        if (completions != null) {
            completions.write(state.step(), true, answers);
        }
    }

    void referenceProgress(int done, int all) {
        listeners.tell(listener -> listener.onReferenceProgress(done, all));
    }

    void evaluationProgress(int done, int all) {
        listeners.tell(listener -> listener.onEvaluationProgress(state.step(), done, all));
    }

    void evaluation(Evaluation evaluation, boolean best) throws IOException {
        Map<String, Object> entry = entry();
        evaluation.values().forEach((name, value) -> entry.put("eval_" + name, value));
        entry.put("eval_seconds", evaluation.seconds());
        write(entry);
        if (!boardHasPending) {
            for (Map.Entry<String, Double> score : evaluation.values().entrySet()) {
                board.scalar("eval/" + score.getKey(), score.getValue(), state.step());
            }
        }
        boardHasPending = false;
        listeners.tell(listener -> listener.onEvaluation(state.step(), evaluation, best));
    }

    void saved(long step, Path checkpoint) {
        listeners.tell(listener -> listener.onSave(step, checkpoint));
    }

    /** Forces the metrics to the disk. */
    void sync() throws IOException {
        log.sync();
        if (diagnostics != null) {
            diagnostics.sync();
        }
        if (completions != null) {
            completions.sync();
        }
    }

    private Map<String, Object> entry() {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("step", state.step());
        entry.put("epoch", plan.epoch(state.step()));
        return entry;
    }

    private void write(Map<String, Object> entry) throws IOException {
        state.log(entry);
        log.append(entry);
    }

    @Override
    public void close() throws IOException {
        try (log;
                board;
                DiagnosticsLog layers = diagnostics;
                CompletionsLog answers = completions) {
            listeners.tell(TrainListener::onEnd);
            about.ended(state.step(), state.evaluationPending());
        } catch (IOException e) {
            throw explained.apply(e);
        }
    }
}
