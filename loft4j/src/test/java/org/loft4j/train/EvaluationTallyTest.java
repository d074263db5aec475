package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.nn.Threshold;

/** What comes out of batches becomes the scores of the task. */
class EvaluationTallyTest {
    private static final long NONE = Losses.IGNORED;
    private static final double[] NO_NUMBERS = {};

    private static EvaluationTally tally(Model model) {
        return new EvaluationTally(model, Threshold.HALF, PreferenceLoss.DPO, false);
    }

    private static EvaluationTally.Part tags(int rows, long[] expected, long[] predicted) {
        return new EvaluationTally.Part(1.5, expected, predicted, rows, NO_NUMBERS, NO_NUMBERS, 0);
    }

    /**
     * Two rows of four tokens and one of three, special tokens and padding without a tag. Wanted are PER at the first row's first two
     * words, LOC at the second row's first, and PER at the third's; told are the first as it is, LOC at the second's second word, and
     * nothing in the third. No entity goes on in the next row.
     */
    @Test
    void entitiesAreThoseOfEachRow() throws IOException {
        try (Model model = Models.open(
                Fixture.directory("bert_cls"),
                ModelOptions.of(Task.TOKEN_CLASSIFICATION)
                        .withLabels(List.of("O", "B-PER", "I-PER", "B-LOC", "I-LOC")))) {
            EvaluationTally tally = tally(model);
            tally.add(tags(2, new long[] {NONE, 1, 2, NONE, NONE, 3, 0, 0}, new long[] {4, 1, 2, 2, 2, 0, 3, 0}));
            tally.add(tags(1, new long[] {1, 0, NONE}, new long[] {0, 0, 1}));
            Evaluation told = tally.evaluation(7, false, 1);
            assertEquals(7, told.count());
            assertEquals(3.0 / 7, told.loss(), 1e-15);
            assertEquals(4.0 / 7, told.values().get("accuracy"), 1e-15);
            // of three that are wanted and two that are told one is right
            assertEquals(1.0 / 2, told.values().get("precision"), 1e-15);
            assertEquals(1.0 / 3, told.values().get("recall"), 1e-15);
            assertEquals(2.0 / 5, told.values().get("f1"), 1e-15);
        }
    }

    /** Rewards of the answer that is preferred and of the other in turn, and the mean of the loss over the pairs. */
    @Test
    void preferencesAreJudgedByTheirRewards() {
        try (Model model = TinyRun.model()) {
            EvaluationTally tally = tally(model);
            tally.add(new EvaluationTally.Part(0.5, NO_NUMBERS, new double[] {1, 0.5, -1, 2}));
            tally.add(new EvaluationTally.Part(0.1, NO_NUMBERS, new double[] {3, 0}));
            Evaluation told = tally.evaluation(3, true, 1);
            assertEquals(0.2, told.loss(), 1e-15);
            assertEquals(2.0 / 3, told.values().get("accuracy"), 1e-15);
            assertEquals((0.5 - 3 + 3) / 3, told.values().get("margin"), 1e-15);
        }
    }
}
