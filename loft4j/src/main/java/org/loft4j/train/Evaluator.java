package org.loft4j.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.data.Examples;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Judges a model by held-out rows. */
public final class Evaluator {
    private final Model model;
    private final long padId;
    private final int batchSize;

    public Evaluator(Model model, long padId, int batchSize) {
        this.model = model;
        this.padId = padId;
        this.batchSize = batchSize;
    }

    /** One pass over the rows without gradients; the caller has switched dropout off. Fails where an image cannot be decoded. */
    public Evaluation evaluate(Examples rows) throws IOException {
        long start = System.nanoTime();
        Task task = model.task();
        int classes = Math.max(1, model.description().labels().size());
        ConfusionMatrix confusion = new ConfusionMatrix(classes);
        double sum = 0;
        long count = 0;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            for (int[] indices : byLength(rows)) {
                MiniBatch batch = rows.batch(indices, padId);
                try (NativeScope scope = new NativeScope()) {
                    BatchTensors tensors = BatchTensors.of(batch, model);
                    Tensor logits = model.logits(tensors.input());
                    sum += BatchLoss.sum(task, logits, tensors.labels()).item_double();
                    count += batch.targets();
                    if (task.isOneLabelEach()) {
                        add(confusion, batch.labels(), Tensors.toLongs(logits.argmax(new LongOptional(1), false)));
                    }
                }
            }
        }
        double loss = sum / count;
        double seconds = (System.nanoTime() - start) / 1e9;
        return task.isOneLabelEach()
                ? Evaluation.classification(loss, confusion, seconds)
                : Evaluation.languageModel(loss, count, seconds);
    }

    /** Rows of similar length share a batch; a score does not depend on the order. */
    private List<int[]> byLength(Examples rows) {
        int[] lengths = rows.lengths();
        int[] order = IntStream.range(0, rows.size())
                .boxed()
                .sorted(Comparator.comparingInt(i -> lengths[i]))
                .mapToInt(i -> i)
                .toArray();
        List<int[]> batches = new ArrayList<>();
        for (int start = 0; start < order.length; start += batchSize) {
            batches.add(Arrays.copyOfRange(order, start, Math.min(order.length, start + batchSize)));
        }
        return batches;
    }

    private static void add(ConfusionMatrix confusion, long[] expected, long[] predicted) {
        for (int i = 0; i < expected.length; i++) {
            confusion.add((int) expected[i], (int) predicted[i]);
        }
    }
}
