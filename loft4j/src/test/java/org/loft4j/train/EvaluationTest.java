package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
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
        Evaluation evaluation = Evaluation.classification(0.25, confusion, 1);
        assertEquals(
                List.of("loss", "accuracy", "macro_f1", "matthews"),
                List.copyOf(evaluation.values().keySet()));
        assertEquals(1, evaluation.count());
        assertEquals(1.0, evaluation.values().get("accuracy"));
    }
}
