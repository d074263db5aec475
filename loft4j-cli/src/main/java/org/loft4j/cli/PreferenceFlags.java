package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;
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
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** How preferences are judged: by which loss, and beside what. */
final class PreferenceFlags {
    private static final String REFERENCE = "--reference-adapter";

    @Spec(Target.MIXEE)
    CommandSpec verb;

    @Mixin
    PreferenceLossFlags loss;

    @Option(
            names = REFERENCE,
            paramLabel = "DIR",
            description =
                    "Of preferences: the adapter beside which they are judged, as of a training that went on from it. Default:"
                            + " none, which is the model without any.")
    @Nullable
    Path reference;

    void check(Problems problems) {
        loss.checkToJudge(problems);
        ModelFlags.requireDirectory(problems, REFERENCE, reference);
    }

    /**
     * To be called once it is known what rows there are.
     *
     * @throws ConfigException if the call asks for what they have no use for, or there is nothing to judge preferences beside
     */
    void require(boolean preferences, LoadedModel loaded) throws IOException {
        for (String flag : Stream.concat(Stream.of(PreferenceLossFlags.NAMES), Stream.of(REFERENCE))
                .toList()) {
            // a file of settings serves other rows too
            if (!preferences && verb.commandLine().getParseResult().hasMatchedOption(flag)) {
                throw new ConfigException(flag
                        + " is of preferences, and the data holds none: leave it out, or give rows with \"chosen\" and"
                        + " \"rejected\"");
            }
        }
        if (!preferences) {
            return;
        }
        PreferenceLoss.Kind kind = used(loaded).kind();
        if (kind.hasReference() && loaded.adapter() == null) {
            throw new ConfigException(
                    "preferences are judged beside what the model was before it was trained, which is told by leaving out its"
                            + " adapter: give --adapter DIR; of a model that was trained itself, give its training --eval-data, or"
                            + " judge it by a loss without a reference (--preference-loss simpo or orpo)");
        }
        if (!kind.hasReference() && reference != null) {
            throw new ConfigException(REFERENCE + " is what a loss with a reference judges beside, and " + kind.word()
                    + " has none: leave it out, or name another --preference-loss");
        }
    }

    /** The loss of the training, where its state lies beside what it left, or what the call says in its place. */
    PreferenceLoss used(LoadedModel loaded) throws IOException {
        JsonObject plan = plan(trained(loaded));
        return loss.over(plan == null ? PreferenceLoss.DPO : lossOf(plan));
    }

    private static Path trained(LoadedModel loaded) {
        Path adapter = loaded.adapterDirectory();
        return adapter == null ? loaded.directory() : adapter;
    }

    Evaluation judge(LoadedModel loaded, PreferenceDataset pairs, long padId, int batchSize) throws IOException {
        PreferenceLoss used = used(loaded);
        PrintWriter err = verb.commandLine().getErr();
        Evaluator evaluator = new Evaluator(loaded.model(), padId, batchSize, used);
        err.println("loft: judged "
                + (!used.kind().hasReference()
                        ? ""
                        : "beside the model "
                                + (reference == null ? "without its adapter" : "with the adapter " + reference)
                                + ", ")
                + "by " + used.described());
        if (!used.kind().hasReference()) {
            err.flush();
            return evaluator.evaluate(pairs);
        }
        JsonObject plan = plan(trained(loaded));
        boolean goesOn =
                plan != null && !plan.stringOr("starting_adapter", "none").equals("none");
        if (goesOn && reference == null) {
            err.println("loft: the training of " + loaded.adapterDirectory()
                    + " went on from another adapter: --reference-adapter DIR judges beside that one");
        }
        err.flush();
        return evaluator.evaluate(pairs.withReference(reference(loaded, pairs.answers(), evaluator)));
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

    /** The loss by the settings of a training; of one from before there was a choice DPO. */
    private static PreferenceLoss lossOf(JsonObject plan) throws IOException {
        PreferenceLoss usual = PreferenceLoss.of(PreferenceLoss.Kind.parse(
                plan.stringOr("loss_type", PreferenceLoss.DPO.kind().word())));
        return new PreferenceLoss(
                usual.kind(),
                plan.doubleOr("beta", usual.beta()),
                plan.doubleOr("simpo_gamma", usual.gamma()),
                plan.doubleOr("sft_weight", usual.sftWeight()));
    }

    /** The settings of the training that left an adapter, or a model; null where its state does not lie there. */
    static @Nullable JsonObject plan(Path adapter) throws IOException {
        Path state = adapter.resolve(Inspection.RUN_STATE);
        return Files.exists(state) ? Json.read(state).findObject("plan") : null;
    }
}
