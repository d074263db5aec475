package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RewardedPrompt;

/** How far means of rewards may be off, and whether more of a score is better. */
class RewardErrorsTest {
    private static AnswerJudge.Judged judged(double... rewards) {
        List<AnswerJudge.Given> answers = new ArrayList<>();
        PromptDataset.Prompt prompt = new PromptDataset.Prompt(new long[] {1}, new RewardedPrompt("a", "b"));
        for (int i = 0; i < rewards.length; i++) {
            answers.add(new AnswerJudge.Given(prompt, new long[i + 1], "", i > 0));
        }
        return new AnswerJudge.Judged(
                List.of(new Rewards.Named("one", "one", 1, answer -> 0)), answers, new double[][] {rewards}, rewards);
    }

    /** Of 1, 2, 3, 6: mean 3, s = √(14/3), s / √4. */
    @Test
    void theStandardErrorIsTheDeviationOverTheRootOfTheAnswers() {
        Map<String, Double> scores = judged(1, 2, 3, 6).scoresWithErrors();
        assertEquals(3, scores.get("reward"), 1e-12);
        assertEquals(Math.sqrt(14 / 3.0), scores.get("reward_std"), 1e-12);
        assertEquals(Math.sqrt(14 / 3.0) / 2, scores.get("reward_stderr"), 1e-12);
        assertEquals(2.5, scores.get("completion_length"), 1e-12);
        assertEquals(0.25, scores.get("clipped_ratio"), 1e-12);
        assertFalse(judged(1).scoresWithErrors().containsKey("reward_stderr"));
    }

    @Test
    void ofLossesAndOfTheRewardOfBadAnswersLessIsBetter() {
        for (String less : List.of("loss", "perplexity", "mse", "reward_rejected", "kl")) {
            assertFalse(Evaluation.largerIsBetter(less), less);
        }
        for (String more : List.of("accuracy", "reward", "reward_chosen", "margin", "mrr_at_10", "spearmanr")) {
            assertTrue(Evaluation.largerIsBetter(more), more);
        }
    }
}
