package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.Dataset;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Evaluator;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** How preferences are judged: beside what, and by which β. */
final class PreferenceFlags {
    @Spec(Target.MIXEE)
    CommandSpec verb;

    @Option(
            names = "--dpo-beta",
            paramLabel = "BETA",
            description = "Of preferences: what multiplies their rewards. Default: that of the training, where its"
                    + " trainer_state.json lies beside the adapter, else 0.1.")
    @Nullable
    Double beta;

    @Option(
            names = "--reference-adapter",
            paramLabel = "DIR",
            description =
                    "Of preferences: the adapter beside which they are judged, as of a training that went on from it. Default:"
                            + " none, which is the model without any.")
    @Nullable
    Path reference;

    void check(Problems problems) {
        if (beta != null) {
            double given = beta;
            problems.of(() -> new PreferenceLoss(given, 0));
        }
        ModelFlags.requireDirectory(problems, "--reference-adapter", reference);
    }

    /**
     * To be called once it is known what rows there are.
     *
     * @throws ConfigException if the call asks for what they have no use for, or there is nothing to judge preferences beside
     */
    void require(boolean preferences, LoadedModel loaded) {
        for (String flag : new String[] {"--dpo-beta", "--reference-adapter"}) {
            // a file of settings serves other rows too
            if (!preferences && verb.commandLine().getParseResult().hasMatchedOption(flag)) {
                throw new ConfigException(flag
                        + " is of preferences, and the data holds none: leave it out, or give rows with \"chosen\" and"
                        + " \"rejected\"");
            }
        }
        if (preferences && loaded.adapter() == null) {
            throw new ConfigException(
                    "preferences are judged beside what the model was before it was trained, which is told by leaving out its"
                            + " adapter: give --adapter DIR; of a model that was trained itself, give its training --eval-data");
        }
    }

    /** @param answers two for each pair */
    Evaluation judge(LoadedModel loaded, Dataset answers, long padId, int batchSize) throws IOException {
        JsonObject plan = plan(Objects.requireNonNull(loaded.adapterDirectory()));
        double usual = plan == null ? TrainConfig.DPO_BETA : plan.doubleOr("beta", TrainConfig.DPO_BETA);
        double used = beta == null ? usual : beta;
        boolean goesOn =
                plan != null && !plan.stringOr("starting_adapter", "none").equals("none");
        PrintWriter err = verb.commandLine().getErr();
        err.println("loft: judged beside the model "
                + (reference == null ? "without its adapter" : "with the adapter " + reference) + ", with β = " + used);
        if (goesOn && reference == null) {
            err.println("loft: the training of " + loaded.adapterDirectory()
                    + " went on from another adapter: --reference-adapter DIR judges beside that one");
        }
        err.flush();
        Evaluator evaluator = new Evaluator(loaded.model(), padId, batchSize, used);
        return evaluator.evaluate(new PreferenceDataset(answers).withReference(reference(loaded, answers, evaluator)));
    }

    /** What the model holds of the answers without its adapter, or with the other one. */
    private double[] reference(LoadedModel loaded, Dataset answers, Evaluator evaluator) throws IOException {
        LoraAdapter adapter = Objects.requireNonNull(loaded.adapter());
        adapter.detach();
        try (LoraAdapter before = reference == null ? null : PeftFiles.load(reference, loaded.model())) {
            return Objects.requireNonNull(evaluator.logProbabilities(answers, () -> false, (done, all) -> {}));
        } finally {
            adapter.attach();
        }
    }

    /** The settings of the training that left an adapter; null where its state does not lie there. */
    static @Nullable JsonObject plan(Path adapter) throws IOException {
        Path state = adapter.resolve(Inspection.RUN_STATE);
        return Files.exists(state) ? Json.read(state).findObject("plan") : null;
    }
}
