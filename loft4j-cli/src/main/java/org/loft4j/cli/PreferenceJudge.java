package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.PreferenceDataset;
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
    Evaluation evaluate(LoadedModel loaded, PreferenceDataset pairs, long padId, int batchSize, PrintWriter err)
            throws IOException {
        Evaluator evaluator = new Evaluator(loaded.model(), padId, batchSize, loss);
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
        return evaluator.evaluate(besideBefore ? pairs.withReference(before(loaded, pairs, evaluator)) : pairs);
    }

    /** What the model holds of the answers without its adapter, or with the other one. */
    private double[] before(LoadedModel loaded, PreferenceDataset pairs, Evaluator evaluator) throws IOException {
        LoraAdapter adapter = Objects.requireNonNull(loaded.adapter());
        adapter.detach();
        try (LoraAdapter other = reference == null ? null : PeftFiles.load(reference, loaded.model())) {
            return Objects.requireNonNull(evaluator.logProbabilities(pairs.texts(), () -> false, (done, all) -> {}));
        } finally {
            adapter.attach();
        }
    }
}
