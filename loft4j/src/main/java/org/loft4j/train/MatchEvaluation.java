package org.loft4j.train;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Batch;
import org.loft4j.data.MatchDataset;
import org.loft4j.nn.MatchLoss;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Judges sentence embeddings by texts that belong together. */
record MatchEvaluation(Evaluator evaluator, MatchLoss loss, int batchSize) {
    /**
     * One pass over all texts.
     *
     * @return null if it was given up
     */
    @Nullable
    Evaluation evaluate(MatchDataset rows, BooleanSupplier givenUp, Evaluator.Progress progress) throws IOException {
        long start = System.nanoTime();
        TextMatches all = TextMatches.of(List.of(rows.matches()));
        int[] distinct = all.distinct();
        double[][] vectors = evaluator.vectors(
                rows.texts(),
                distinct,
                givenUp,
                (done, texts) -> progress.judged((int) ((long) done * rows.size() / texts), rows.size()));
        if (vectors == null) {
            return null;
        }
        double sum = 0;
        for (int from = 0; from < rows.size(); from += batchSize) {
            int to = Math.min(rows.size(), from + batchSize);
            sum += sum(rows.batch(IntStream.range(from, to).toArray(), 0), vectors);
        }
        return new Evaluation(
                sum / rows.size(),
                RetrievalScore.of(all, vectors).scores(),
                rows.size(),
                (System.nanoTime() - start) / 1e9);
    }

    private double sum(Batch batch, double[][] vectors) {
        TextMatches some = TextMatches.of(List.of(Objects.requireNonNull(batch.matches())));
        try (NativeScope scope = new NativeScope()) {
            double[] values = Arrays.stream(some.texts())
                    .mapToObj(text -> vectors[text])
                    .flatMapToDouble(Arrays::stream)
                    .toArray();
            Tensor of = Tensors.of(values, some.texts().length, values.length / some.texts().length);
            return some.sum(loss, of);
        }
    }
}
