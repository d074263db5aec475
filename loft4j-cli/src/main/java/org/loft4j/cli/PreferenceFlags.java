package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.PreferenceLoss;
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
     * @param preferences whether these are preferences
     * @param judged whether these are answers that are judged one by one
     * @return null where they are no preferences
     * @throws ConfigException if the call asks for what they have no use for, or there is nothing to judge preferences beside
     */
    @Nullable
    PreferenceJudge judge(boolean preferences, boolean judged, LoadedModel loaded) throws IOException {
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
            return null;
        }
        Path adapter = loaded.adapterDirectory();
        JsonObject plan = plan(adapter == null ? loaded.directory() : adapter);
        PreferenceLoss learnt = plan == null ? PreferenceLoss.DPO : lossOf(plan);
        boolean other = judged && learnt.kind() != PreferenceLoss.Kind.KTO;
        PreferenceLoss used = loss.over(other ? PreferenceLoss.of(PreferenceLoss.Kind.KTO) : learnt);
        PreferenceLoss.Kind kind = used.kind();
        if (judged) {
            PreferenceLossFlags.requireJudging(used);
        }
        if (kind.hasReference() && loaded.adapter() == null) {
            throw new ConfigException(
                    "preferences are judged beside what the model was before it was trained, which is told by leaving out its"
                            + " adapter: give --adapter DIR; of a model that was trained itself, give its training --eval-data"
                            + (judged
                                    ? "; " + PreferenceLossFlags.OR_ALL
                                    : ", or judge it by a loss without a reference (--preference-loss simpo or orpo)"));
        }
        if (!kind.hasReference() && reference != null) {
            throw new ConfigException(REFERENCE + " is what a loss with a reference judges beside, and " + kind.word()
                    + " has none: leave it out, or name another --preference-loss");
        }
        boolean goesOn =
                plan != null && !plan.stringOr("starting_adapter", "none").equals("none");
        return new PreferenceJudge(used, reference, goesOn);
    }

    /** The loss by the settings of a training; of one from before there was a choice DPO. */
    private static PreferenceLoss lossOf(JsonObject plan) throws IOException {
        PreferenceLoss usual = PreferenceLoss.of(PreferenceLoss.Kind.parse(
                plan.stringOr("loss_type", PreferenceLoss.DPO.kind().word())));
        return new PreferenceLoss(
                usual.kind(),
                plan.doubleOr("beta", usual.beta()),
                plan.doubleOr("simpo_gamma", usual.gamma()),
                plan.doubleOr("sft_weight", usual.sftWeight()),
                plan.doubleOr("desirable_weight", usual.desirableWeight()),
                plan.doubleOr("undesirable_weight", usual.undesirableWeight()));
    }

    /** The settings of the training that left an adapter, or a model; null where its state does not lie there. */
    static @Nullable JsonObject plan(Path adapter) throws IOException {
        Path state = adapter.resolve(Inspection.RUN_STATE);
        return Files.exists(state) ? Json.read(state).findObject("plan") : null;
    }
}
