package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.junit.jupiter.api.Test;
import org.loft4j.ShapeException;
import org.loft4j.data.Batch;
import org.loft4j.data.Encoded;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Pairs of texts, as batches on the way into a model. */
class BatchTensorsTest {
    private static final int COLUMNS = 6;
    private static final long[] MASK = {
        1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 0, 0,
        1, 1, 1, 1, 0, 0,
        1, 1, 1, 0, 0, 0
    };
    private static final long[] TYPES = {
        0, 0, 0, 0, 1, 1,
        0, 0, 1, 1, 0, 0,
        0, 1, 1, 1, 0, 0,
        0, 0, 1, 0, 0, 0
    };

    private static Batch batch(long[] types) {
        long[] ids = new long[MASK.length];
        Arrays.setAll(ids, i -> 2 + (7 * i) % 11);
        return new Batch(4, COLUMNS, ids, MASK, new long[] {0, 1, 0, 1}, 17, 4, types, null, null, null);
    }

    private static Model open(String fixture) throws IOException {
        return Models.open(
                Path.of("src/test/resources/fixtures").resolve(fixture), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION));
    }

    private static double[] logits(Model model, Batch batch) {
        return Tensors.toDoubles(model.logits(BatchTensors.of(batch, model).input()));
    }

    @Test
    void tokenTypesStayWithTheirRowsWhereABatchIsSharedOut() throws IOException {
        try (Model model = open("bert_cls");
                NativeScope scope = new NativeScope();
                NoGradGuard noGrad = new NoGradGuard()) {
            double[] whole = logits(model, batch(TYPES));
            double[] parts = BatchTensors.of(batch(TYPES), model).split(3).stream()
                    .flatMapToDouble(part -> DoubleStream.of(Tensors.toDoubles(model.logits(part.input()))))
                    .toArray();
            assertArrayEquals(whole, parts, 1e-5);
            double[] untyped = logits(model, batch(null));
            double apart = 0;
            for (int i = 0; i < whole.length; i++) {
                apart = Math.max(apart, Math.abs(whole[i] - untyped[i]));
            }
            assertTrue(apart > 1e-3, "types matter: " + apart);
            assertArrayEquals(untyped, logits(model, batch(new long[MASK.length])), 1e-6);
        }
    }

    @Test
    void aModelWithOneTokenTypeLeavesTypesAside() throws IOException {
        try (Model model = open("roberta_cls");
                NativeScope scope = new NativeScope();
                NoGradGuard noGrad = new NoGradGuard()) {
            assertEquals(
                    1,
                    model.weights()
                            .get("roberta.embeddings.token_type_embeddings.weight")
                            .size(0));
            assertArrayEquals(logits(model, batch(null)), logits(model, batch(TYPES)), 0);
        }
    }

    @Test
    void aLabelThatTheModelDoesNotKnowIsNamed() throws IOException {
        try (Model classifier = open("bert_cls");
                Model writer = TinyRun.model();
                NativeScope scope = new NativeScope()) {
            int classes = classifier.description().labels().size();
            assertRefused(classifier, new long[] {0, 1, 0, classes}, classes);
            assertRefused(classifier, new long[] {0, -1, 0, 1}, classes);
            long[] labels = new long[MASK.length];
            Arrays.fill(labels, Encoded.NO_LOSS);
            labels[3] = TinyRun.VOCABULARY;
            assertRefused(writer, labels, TinyRun.VOCABULARY);
        }
    }

    private static void assertRefused(Model model, long[] labels, int known) {
        long wrong = Arrays.stream(labels)
                .filter(label -> label != Encoded.NO_LOSS && (label < 0 || label >= known))
                .findFirst()
                .orElseThrow();
        Batch batch = new Batch(4, COLUMNS, new long[MASK.length], MASK, labels, 17, 4);
        assertEquals(
                "labels must lie in 0 … " + (known - 1) + ", or be -100 where nothing is learnt, got " + wrong,
                assertThrows(ShapeException.class, () -> BatchTensors.of(batch, model))
                        .getMessage());
    }
}
