package org.loft4j.train;

import java.io.IOException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Examples;
import org.loft4j.data.PromptDataset;
import org.loft4j.nn.Model;

/**
 * Judges what a run trains by rows that it does not learn: prompts by what rewards say of its answers, all else by an {@link Evaluator}.
 *
 * @param rollouts of a run that learns by rewards
 */
record RunJudge(
        Model model,
        TrainData data,
        TrainConfig config,
        @Nullable Rollouts rollouts) {
    /**
     * Null if it was given up.
     *
     * @param errors whether means over prompts are told with their standard errors
     */
    @Nullable
    Evaluation judged(
            Examples held,
            BooleanSupplier givenUp,
            Evaluator.Progress progress,
            AnswerJudge.Listener answers,
            boolean errors)
            throws IOException {
        return rollouts != null && held instanceof PromptDataset prompts
                ? rollouts.evaluate(prompts, givenUp, progress, answers, errors)
                : evaluator().evaluate(held, givenUp, progress);
    }

    Evaluator evaluator() {
        return Evaluator.of(model, data, config);
    }
}
