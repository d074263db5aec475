package org.loft4j.train;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.data.Dataset;
import org.loft4j.data.Labels;
import org.loft4j.data.TaggedWords;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

class MetricCheckTest {
    private static final String IDLE =
            ", and the evaluation data have none: it would be 0 whatever the model tells; choose loss or accuracy, or"
                    + " other evaluation data";

    private static Dataset ofClasses(int... classes) {
        return Dataset.classificationIds(Collections.nCopies(classes.length, new int[] {1, 2}), classes);
    }

    private static Model model(Task task, List<String> labels) throws IOException {
        return Models.open(Fixture.directory("bert_cls"), ModelOptions.of(task).withLabels(labels));
    }

    @Test
    void scoresOfTheSecondOfTwoClassesNeedRowsOfIt() throws IOException {
        try (Model model = model(Task.SEQUENCE_CLASSIFICATION, List.of("no", "yes"))) {
            for (String metric : List.of("precision", "recall", "f1")) {
                assertEquals("rows of the class \"yes\"" + IDLE, MetricCheck.problem(metric, model, ofClasses(0, 0)));
                assertNull(MetricCheck.problem(metric, model, ofClasses(0, 1)));
                assertNull(MetricCheck.problem(metric, model, ofClasses(1, 1)));
            }
            for (String metric : List.of("matthews", "roc_auc")) {
                String one = requireNonNull(MetricCheck.problem(metric, model, ofClasses(1, 1)));
                assertTrue(
                        one.startsWith("rows of different labels, and all of the evaluation data have the same"), one);
                assertNull(MetricCheck.problem(metric, model, ofClasses(0, 1)));
            }
            for (String metric : List.of("loss", "accuracy", "macro_f1")) {
                assertNull(MetricCheck.problem(metric, model, ofClasses(0, 0)));
            }
            assertNull(MetricCheck.problem("f1", model, null));
        }
    }

    @Test
    void scoresOfEntitiesNeedAWordOfOne() throws IOException {
        List<String> names = List.of("B-X", "I-X", "O");
        try (Model model = model(Task.TOKEN_CLASSIFICATION, names);
                Tokenizer tokenizer =
                        Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            List<String> words = List.of("the", "cat");
            TaggedWords none = new TaggedWords(words, List.of("O", "O"));
            TaggedWords one = new TaggedWords(words, List.of("O", "B-X"));
            Dataset outside = Dataset.tokenClassification(List.of(none, none), Labels.ofNames(names), tokenizer, 12);
            Dataset inside = Dataset.tokenClassification(List.of(none, one), Labels.ofNames(names), tokenizer, 12);
            assertEquals("words with another tag than O" + IDLE, MetricCheck.problem("f1", model, outside));
            assertNull(MetricCheck.problem("f1", model, inside));
            assertNull(MetricCheck.problem("accuracy", model, outside));
        }
    }
}
