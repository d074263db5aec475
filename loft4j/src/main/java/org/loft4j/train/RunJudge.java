package org.loft4j.train;

import java.io.IOException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Examples;
import org.loft4j.data.PromptDataset;
import org.loft4j.nn.Model;

/**
 * Judges what a run trains by rows that it does not learn: prompts by what rewards say of its answers, all else by an {@link Evaluator}.
 * It belongs to the thread that trains.
 */
final class RunJudge {
    private final Model model;
    private final TrainData data;
    private final TrainConfig config;
    private final @Nullable Rollouts rollouts;
    private @Nullable Last last;

    /** @param rollouts of a run that learns by rewards */
    RunJudge(Model model, TrainData data, TrainConfig config, @Nullable Rollouts rollouts) {
        this.model = model;
        this.data = data;
        this.config = config;
        this.rollouts = rollouts;
    }

    /** What was told of rows last, by the weights of an edition. */
    private record Last(Examples rows, Object edition, Told told) {}

    /**
     * @param inRun as a run logs it
     * @param tested with the standard errors of means over prompts
     */
    record Told(Evaluation inRun, Evaluation tested) {}

    @Nullable
    Rollouts rollouts() {
        return rollouts;
    }

    /** Null if it was given up. */
    @Nullable
    Evaluation judged(Examples held, BooleanSupplier givenUp, Evaluator.Progress progress, AnswerJudge.Listener answers)
            throws IOException {
        Told told = told(held, givenUp, progress, answers);
        return told == null ? null : told.inRun();
    }

    /** The same with the standard errors of means over prompts; what was judged last is not judged again by the same weights. */
    @Nullable
    Evaluation tested(Examples held, BooleanSupplier givenUp) throws IOException {
        Last known = last;
        Told told;
        if (known != null
                && known.rows() == held
                && known.edition() == model.weights().edition()) {
            told = known.told();
        } else {
            told = told(held, givenUp, (done, all) -> {}, some -> {});
        }
        return told == null ? null : told.tested();
    }

    private @Nullable Told told(
            Examples held, BooleanSupplier givenUp, Evaluator.Progress progress, AnswerJudge.Listener answers)
            throws IOException {
        InTraining.requireOpen(model);
        Told told;
        if (rollouts != null && held instanceof PromptDataset prompts) {
            told = rollouts.evaluate(prompts, givenUp, progress, answers);
        } else {
            Evaluation made = evaluator().evaluate(held, givenUp, progress);
            told = made == null ? null : new Told(made, made);
        }
        last = told == null ? null : new Last(held, model.weights().edition(), told);
        return told;
    }

    Evaluator evaluator() {
        return Evaluator.of(model, data, config);
    }
}
