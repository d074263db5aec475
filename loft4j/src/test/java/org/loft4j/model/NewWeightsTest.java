package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Weights that no file holds. */
class NewWeightsTest {
    private static final Path BERT = Fixture.directory("bert_cls");
    private static final Path LLAMA = Fixture.directory("llama_gqa");
    private static final ModelOptions CLASSIFIER = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
    private static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);

    @Test
    void aClassifierOfAnotherSizeStartsAnew() throws Exception {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(BERT, CLASSIFIER.withLabels(List.of("no", "yes")))) {
            assertEquals(2, model.head().outFeatures());
            assertEquals(0, model.weights().get("classifier.bias").abs().max().item_double());
        }
    }

    @Test
    void newWeightsFollowTheSeedAndTheConfiguration() throws Exception {
        try (Model a = Models.initialise(BERT, CLASSIFIER.withSeed(1));
                Model b = Models.initialise(BERT, CLASSIFIER.withSeed(2));
                Model llama = Models.initialise(LLAMA, LANGUAGE_MODEL)) {
            String name = "bert.encoder.layer.0.output.dense.weight";
            assertFalse(Tensors.bitEqual(a.weights().get(name), b.weights().get(name)));
            try (NativeScope scope = new NativeScope()) {
                double std = llama.weights().get("lm_head.weight").std().item_double();
                assertEquals(0.1, std, 0.005);
            }
        }
    }

    @Test
    void aHeadIsDrawnAnewAsOpeningTheModelWouldHaveDrawnIt() throws Exception {
        ModelOptions five = CLASSIFIER.withLabels(List.of("a", "b", "c", "d", "e"));
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(BERT, five.withSeed(1));
                Model other = Models.open(BERT, five.withSeed(2))) {
            double[] first = Tensors.toDoubles(model.head().weight());
            double[] second = Tensors.toDoubles(other.head().weight());
            assertFalse(Arrays.equals(first, second));
            model.redraw(2);
            assertArrayEquals(second, Tensors.toDoubles(model.head().weight()), 0.0);
            model.redraw(1);
            assertArrayEquals(first, Tensors.toDoubles(model.head().weight()), 0.0);
        }
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(BERT, CLASSIFIER)) {
            double[] trained = Tensors.toDoubles(model.head().weight());
            model.redraw(3);
            assertArrayEquals(trained, Tensors.toDoubles(model.head().weight()), 0.0, "a head of the checkpoint stays");
        }
    }
}
