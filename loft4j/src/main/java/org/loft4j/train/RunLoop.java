package org.loft4j.train;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Examples;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeHeap;
import org.loft4j.tensor.ProcessMemory;

/**
 * The steps of a run, its evaluations and saves, from where it stands to its end or to a stop. Whatever ends it, the steps before are
 * saved where they can be.
 */
final class RunLoop {
    private final Model model;
    private final TrainConfig config;
    private final RunOutput output;
    private final Trainable trainable;
    private final RunPlan plan;
    private final RunState state;
    private final Pace pace;
    private final RunRhythm rhythm;
    private final RunRows rows;
    private final RunJudge judge;
    private final RunEnding ending;
    private final Trainer trainer;
    private final RunRecorder recorder;
    private final RunSaver saver;
    private final StopRequest stopRequest;
    private final Listeners listeners;

    RunLoop(
            RunParts parts,
            RunRhythm rhythm,
            RunRows rows,
            RunJudge judge,
            RunEnding ending,
            Trainer trainer,
            RunRecorder recorder,
            RunSaver saver,
            StopRequest stopRequest,
            Listeners listeners) {
        this.model = parts.model();
        this.config = parts.config();
        this.output = parts.output();
        this.trainable = parts.trainable();
        this.plan = parts.plan();
        this.state = parts.state();
        this.pace = parts.pace();
        this.rhythm = rhythm;
        this.rows = rows;
        this.judge = judge;
        this.ending = ending;
        this.trainer = trainer;
        this.recorder = recorder;
        this.saver = saver;
        this.stopRequest = stopRequest;
        this.listeners = listeners;
    }

    /** Null once there is nothing more to learn; else what is left of a run that was stopped, or whose loss has run away. */
    @Nullable
    TrainResult train() throws IOException {
        if (!hasReference()) {
            return ending.interrupted();
        }
        while (!isOver()) {
            saver.poll();
            // its checkpoint is there already, and the evaluation is made again if it is gone on from once more
            boolean saved = state.evaluationPending();
            StepResult result = saved ? null : step();
            if (!saved && result == null) {
                return stoppedAmongAnswers();
            }
            boolean improved = result == null ? evaluate() : tell(result);
            boolean givenUp = state.evaluationPending();
            Divergence divergence = givenUp || isOver() ? null : state.divergence();
            boolean stop = givenUp || (isStopWanted() && !isOver());
            boolean end = isOver() && config.saveSteps() < Long.MAX_VALUE;
            if (!saved && (stop || divergence != null || improved || end || rhythm.savesAfter(state.step()))) {
                save();
            }
            if (stop || divergence != null) {
                saver.await();
                trainable.setTraining(false);
                return divergence != null ? diverged(divergence) : ending.interrupted();
            }
        }
        saver.await();
        return null;
    }

    private TrainResult diverged(Divergence divergence) throws IOException {
        try {
            return ending.diverged(divergence);
        } catch (IOException e) {
            throw saver.explained(e);
        }
    }

    /** A stop that comes while prompts are answered does not wait for the step, which the resumed run begins anew. */
    private TrainResult stoppedAmongAnswers() throws IOException {
        saveNewest();
        trainable.setTraining(false);
        return ending.interrupted();
    }

    /** Whether someone asked for a stop, by an exception of a listener too. */
    private boolean isStopWanted() {
        return stopRequest.isMade() || listeners.failed();
    }

    private void save() throws IOException {
        // until the save before has ended, the best checkpoint may not be there
        saver.await();
        // a run that is over does not go back
        long wellUntil = isOver() ? state.step() : state.wellUntil();
        RunSaver.Needed needed = new RunSaver.Needed(state.best().step(), wellUntil);
        saver.save(state.step(), state.tree(ending.seconds(), plan, output.checkpoints()), needed);
        rhythm.saved();
    }

    /** The same where the newest checkpoint is not that of this step, and there is something to save. */
    private void saveNewest() throws IOException {
        saver.await();
        if (state.step() > 0 && !output.checkpoints().path(state.step()).equals(saver.newest())) {
            save();
            saver.await();
        }
    }

    /** Null where a stop came before there was anything to learn. */
    private @Nullable StepResult step() throws IOException {
        pace.startStep();
        List<? extends MiniBatch> micro = rowsOfNext();
        Rollouts rollouts = judge.rollouts();
        Rollouts.Step answers = null;
        if (rollouts != null) {
            answers = answered(rollouts, micro);
            if (answers == null) {
                return null;
            }
            micro = answers.batches();
        }
        trainable.setTraining(true);
        StepResult result;
        try {
            result = trainer.step(micro, state.step());
        } catch (RuntimeException | OutOfMemoryError e) {
            throw explained(e, MemoryFault.Work.step(state.step() + 1, List.copyOf(micro)));
        }
        if (rollouts != null && answers != null) {
            result = result.withScores(rollouts.scores(answers, result.loss()));
        }
        if (result.report().skipped()) {
            BadPixels.warn(state.step() + 1, micro);
        }
        state.advance(result);
        pace.endStep(result.tokens());
        NativeHeap.trimNowAndThen(pace.steps());
        return result;
    }

    /** Has the prompts of the next step answered; the steps before it are not lost where a reward fails. */
    private Rollouts.@Nullable Step answered(Rollouts answering, List<? extends MiniBatch> prompts) throws IOException {
        trainable.setTraining(false);
        try {
            Rollouts.Step answers = answering.take(prompts, state.step(), this::isStopWanted);
            stopRequest.takeInterrupt();
            if (answers != null && rhythm.logs(state.step() + 1)) {
                log(() -> recorder.answers(state.step() + 1, answers.answers()));
            }
            return answers;
        } catch (IOException | RuntimeException | Error e) {
            saveDespite(e);
            if (e instanceof IOException fault) {
                throw fault;
            }
            throw explained(e, MemoryFault.Work.answers(state.step() + 1));
        }
    }

    /** What the next step learns; the steps before it are not lost where it cannot be had. */
    private List<MiniBatch> rowsOfNext() throws IOException {
        try {
            return rows.take(state.step());
        } catch (IOException | RuntimeException | Error e) {
            saveDespite(e);
            throw e;
        }
    }

    /** Sees to what the model held of preferences before the first step; false where a stop came first. */
    private boolean hasReference() throws IOException {
        if (rows.areReady()) {
            return true;
        }
        if (state.step() > 0) {
            rows.readReference(output.directory());
            return true;
        }
        trainable.setTraining(false);
        try {
            return rows.takeReference(
                    judge.evaluator(), output.directory(), this::isStopWanted, recorder::referenceProgress);
        } catch (RuntimeException | OutOfMemoryError e) {
            throw explained(e, MemoryFault.Work.reference());
        }
    }

    private RuntimeException explained(Throwable fault, MemoryFault.Work work) {
        return saver.explained(fault, work, model);
    }

    private boolean isOver() {
        boolean ended = state.step() >= plan.totalSteps() || state.best().exhausted(config.earlyStoppingPatience());
        return ended && !state.evaluationPending();
    }

    /** Logs and evaluates where that is due; says whether this is the best evaluation so far. */
    private boolean tell(StepResult result) throws IOException {
        long resident = ProcessMemory.resident();
        ending.sees(resident);
        boolean judged = rows.data().eval() != null;
        long evaluations = !judged ? 0 : rhythm.evaluationsFrom(state.step());
        recorder.step(result, pace, evaluations, resident);
        boolean evaluates = judged && rhythm.evaluatesAfter(state.step());
        if (evaluates) {
            // also where a fault of the log comes first
            state.leaveEvaluation();
        }
        log(() -> {
            if (rhythm.logs(state.step())) {
                recorder.training(result, pace, ending.seconds(), resident);
            }
            recorder.diagnostics();
        });
        return evaluates && evaluate();
    }

    /** Says whether this is the best evaluation so far; once a stop is asked for, the rest of it is left for the resumed run. */
    private boolean evaluate() throws IOException {
        trainable.setTraining(false);
        Examples held = Objects.requireNonNull(rows.data().eval());
        Evaluation evaluation;
        try {
            evaluation = judge.judged(
                    held,
                    this::isStopWanted,
                    recorder::evaluationProgress,
                    told -> log(() -> recorder.heldOutAnswers(told)));
            if (evaluation == null) {
                state.leaveEvaluation();
                return false;
            }
            pace.endEvaluation(evaluation.seconds());
            evaluation = rows.data().measured(model, evaluation);
            stopRequest.takeInterrupt();
        } catch (IOException | RuntimeException | Error e) {
            state.leaveEvaluation();
            saveDespite(e);
            if (e instanceof IOException fault) {
                throw fault;
            }
            throw explained(e, MemoryFault.Work.evaluationAfter(state.step()));
        }
        boolean best = state.evaluated(evaluation.deciding(config.metricForBest()));
        Evaluation made = evaluation;
        log(() -> recorder.evaluation(made, best));
        return best && config.loadBestAtEnd();
    }

    /** Lines of the log. */
    private interface Logging {
        void write() throws IOException;
    }

    /** A line that cannot be written ends the run; the steps before it are not lost with it, where they can be saved. */
    private void log(Logging lines) throws IOException {
        try {
            lines.write();
        } catch (IOException e) {
            saveDespite(e);
            throw saver.explained(e);
        }
    }

    /** The steps before a fault that left the weights as they were are not lost with it. */
    private void saveDespite(Throwable fault) {
        try {
            saveNewest();
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            fault.addSuppressed(e);
        }
    }
}
