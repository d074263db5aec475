package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.Preferences;
import org.loft4j.data.Row;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Evaluator;

/**
 * Judges preferences.
 *
 * @param loss of the training, or what the call says in its place
 * @param reference the adapter beside which they are judged; null for the model without any
 * @param goesOn whether the training went on from an adapter
 */
record PreferenceJudge(PreferenceLoss loss, @Nullable Path reference, boolean goesOn) {
    /** The rows as the loss judges them: pairs as two answers each where it is of answers that are judged one by one. */
    List<Row> rows(List<Row> rows) {
        return loss.kind() == PreferenceLoss.Kind.KTO ? TrainingRows.unpaired(rows) : rows;
    }

    /** @param predictions are told of each pair; null for none */
    Evaluation evaluate(
            LoadedModel loaded,
            Preferences answers,
            long padId,
            int batchSize,
            @Nullable RowPredictions predictions,
            PrintWriter err)
            throws IOException {
        Evaluator evaluator = RowPredictions.heard(new Evaluator(loaded.model(), padId, batchSize, loss), predictions);
        boolean besideBefore = loss.kind().hasReference();
        err.println("loft: judged "
                + (!besideBefore
                        ? ""
                        : "beside the model "
                                + (reference == null ? "without its adapter" : "with the adapter " + reference)
                                + ", ")
                + "by " + loss.described());
        if (besideBefore && goesOn && reference == null) {
            err.println("loft: the training of " + loaded.adapterDirectory()
                    + " went on from another adapter: --reference-adapter DIR judges beside that one");
        }
        err.flush();
        return evaluator.evaluate(besideBefore ? answers.withReference(before(loaded, answers, evaluator)) : answers);
    }

    /** What the model holds of the answers without its adapter, or with the other one. */
    private double[] before(LoadedModel loaded, Preferences answers, Evaluator evaluator) throws IOException {
        LoraAdapter adapter = Objects.requireNonNull(loaded.adapter());
        adapter.detach();
        try (LoraAdapter other = reference == null ? null : PeftFiles.load(reference, loaded.model())) {
            return Objects.requireNonNull(
                    evaluator.logProbabilities(answers.compared(), () -> false, (done, all) -> {}));
        } finally {
            adapter.attach();
        }
    }
}
