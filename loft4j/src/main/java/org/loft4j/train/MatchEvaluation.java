package org.loft4j.train;

import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Dataset;
import org.loft4j.data.MatchDataset;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Tensors;

/**
 * Judges sentence embeddings by texts that belong together.
 *
 * @param loss whose scale counts, and to what vectors are cut: to one length at most
 */
record MatchEvaluation(Evaluator evaluator, Model model, MatchLoss loss, long padId) {
    /**
     * One pass over all texts.
     *
     * @return null if it was given up
     */
    @Nullable
    Evaluation evaluate(MatchDataset rows, BooleanSupplier givenUp, Evaluator.Progress progress) {
        long start = System.nanoTime();
        TextMatches all = TextMatches.of(List.of(rows.matches()));
        // behind prompts that differ a text has one vector to search with and another to be found by
        boolean alike = rows.prompts().areAlike();
        int[] anchors =
                all.distinct(alike ? IntStream.range(0, all.texts().length).toArray() : all.anchors());
        int[] candidates = alike ? anchors : all.distinct(all.candidates());
        int[] which = alike
                ? anchors
                : IntStream.concat(IntStream.of(anchors), IntStream.of(candidates))
                        .toArray();
        double[][] vectors = vectors(rows, which, givenUp, progress);
        if (vectors == null) {
            return null;
        }
        RetrievalScore score =
                RetrievalScore.of(all, byText(all, vectors, anchors), byText(all, vectors, candidates), loss, givenUp);
        return score == null
                ? null
                : new Evaluation(score.loss(), score.scores(), rows.size(), (System.nanoTime() - start) / 1e9);
    }

    /** The vectors of some places among the texts, by the numbers of these. */
    private static double[][] byText(TextMatches all, double[][] vectors, int[] places) {
        double[][] byText = new double[vectors.length][];
        for (int place : places) {
            byText[all.texts()[place]] = vectors[place];
        }
        return byText;
    }

    /**
     * The vectors of some texts, as the model stands.
     *
     * @return by the place among all texts, null for those that are not asked for; null if it was given up
     */
    private double @Nullable [][] vectors(
            MatchDataset rows, int[] which, BooleanSupplier givenUp, Evaluator.Progress progress) {
        Dataset texts = rows.texts();
        double[][] all = new double[texts.size()][];
        int done = 0;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            for (int[] some : evaluator.byLength(texts.lengths(), IntStream.of(which))) {
                if (givenUp.getAsBoolean()) {
                    return null;
                }
                progress.judged((int) ((long) done * rows.size() / which.length), rows.size());
                double[] values = evaluator
                        .inLanes(texts.batch(some, padId), part -> Tensors.toDoubles(model.logits(part.input())))
                        .stream()
                        .flatMapToDouble(Arrays::stream)
                        .toArray();
                int hidden = values.length / some.length;
                int kept = loss.lengths().isEmpty() ? hidden : loss.lengths().get(0);
                for (int i = 0; i < some.length; i++) {
                    all[some[i]] = Arrays.copyOfRange(values, i * hidden, i * hidden + kept);
                }
                done += some.length;
            }
        }
        return all;
    }
}
