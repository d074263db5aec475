package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** A step minimises, and tells, the smoothed loss; what judges a model is not smoothed. */
class BatchLossTest {
    private static final double SMOOTHING = 0.2;

    private static double told(Model model, Batch batch, double smoothing) {
        TrainConfig config = TrainConfig.builder(Method.FULL)
                .loss(loss -> loss.withLabelSmoothing(smoothing))
                .build();
        try (Trainable trainable = Trainable.create(model, null, config)) {
            return new Trainer(model, trainable, config, 10).findGradients(List.of(batch), 0);
        }
    }

    private static void assertSmoothedInTrainingAlone(Model model, Dataset rows, double tolerance) throws IOException {
        Batch batch = Batch.collate(rows, IntStream.range(0, rows.size()).toArray(), 0);
        double expected;
        try (NativeScope scope = new NativeScope()) {
            BatchTensors tensors = BatchTensors.of(batch, model);
            var logits = model.logits(tensors.input());
            expected = (model.task() == Task.CAUSAL_LM
                                    ? Losses.causalLmSum(logits, tensors.labels(), SMOOTHING)
                                    : Losses.classificationSum(logits, tensors.labels(), SMOOTHING, null))
                            .item_double()
                    / batch.targets();
        }
        double plain = told(model, batch, 0);
        assertTrue(Math.abs(expected / plain - 1) > 1e-3, "smoothing changes nothing: " + plain);
        assertEquals(expected, told(model, batch, SMOOTHING), tolerance * expected);
        assertEquals(plain, new Evaluator(model, 0, 3).evaluate(rows).loss(), tolerance * plain);
    }

    @Test
    void ofALanguageModel() throws IOException {
        try (Model model = TinyRun.model(Dtype.F64)) {
            assertSmoothedInTrainingAlone(model, TinyRun.counting(5, 3), 1e-12);
        }
    }

    @Test
    void ofAClassifier() throws IOException {
        Dataset rows = Dataset.classificationIds(
                IntStream.range(0, 5)
                        .mapToObj(i -> IntStream.range(2 + i, 8).toArray())
                        .toList(),
                new int[] {0, 1, 1, 0, 1});
        try (Model model = Models.open(Fixture.directory("bert_cls"), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            assertSmoothedInTrainingAlone(model, rows, 1e-5);
        }
    }
}
