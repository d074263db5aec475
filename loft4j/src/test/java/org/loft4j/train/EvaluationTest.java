package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EvaluationTest {
    @Test
    void perplexityIsTheExponentialOfTheLoss() {
        assertEquals(1, Evaluation.perplexity(0));
        assertEquals(50, Evaluation.perplexity(Math.log(50)), 1e-12);
        assertEquals(Double.POSITIVE_INFINITY, Evaluation.perplexity(1e4));
    }

    @Test
    void theLossComesFirst() {
        ConfusionMatrix confusion = new ConfusionMatrix(2);
        confusion.add(1, 1);
        Evaluation evaluation = Evaluation.classification(0.25, confusion, 0.75, 1);
        assertEquals(
                List.of("loss", "accuracy", "macro_f1", "matthews", "precision", "recall", "f1", "roc_auc"),
                List.copyOf(evaluation.values().keySet()));
        assertEquals(1, evaluation.count());
        assertEquals(1.0, evaluation.values().get("accuracy"));
    }

    /** Logits that are no numbers are all told as the first class. */
    @Test
    void whereTheLossIsNoNumberNoOtherScoreDecides() {
        ConfusionMatrix confusion = new ConfusionMatrix(2);
        confusion.add(0, 0);
        assertEquals(1, Evaluation.classification(0.25, confusion, 0.5, 1).deciding("accuracy"));
        assertEquals(
                Double.NaN,
                Evaluation.classification(Double.NaN, confusion, 0.5, 1).deciding("accuracy"));
        assertEquals(0.25, Evaluation.classification(0.25, confusion, 0.5, 1).deciding("loss"));
    }

    /** As scikit-learn has it unless it is told otherwise. */
    @Test
    void ofTwoClassesTheSecondIsThePositiveOne() {
        ConfusionMatrix confusion = new ConfusionMatrix(2);
        int[][] pairs = {{1, 1}, {1, 1}, {1, 1}, {1, 0}, {0, 1}, {0, 1}, {0, 0}};
        for (int[] pair : pairs) {
            confusion.add(pair[0], pair[1]);
        }
        Map<String, Double> scores =
                Evaluation.classification(0.25, confusion, 0.75, 1).scores();
        assertEquals(3 / 5.0, scores.get("precision"), 1e-15);
        assertEquals(3 / 4.0, scores.get("recall"), 1e-15);
        assertEquals(6 / 9.0, scores.get("f1"), 1e-15);
        assertEquals(4, confusion.support(1));
        assertEquals(
                List.of("accuracy", "macro_f1", "matthews"),
                List.copyOf(Evaluation.classification(0.25, new ConfusionMatrix(3), Double.NaN, 1)
                        .scores()
                        .keySet()));
    }
}
