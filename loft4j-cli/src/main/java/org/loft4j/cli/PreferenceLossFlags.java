package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Option;

/** By which loss preferences are learnt, or judged. */
final class PreferenceLossFlags {
    /** The options, for those that refuse them. */
    static final String[] NAMES = {"--preference-loss", "--preference-beta", "--simpo-gamma", "--sft-weight"};

    @Option(
            names = "--preference-loss",
            paramLabel = "LOSS",
            converter = Words.OfPreferenceLoss.class,
            completionCandidates = WordLists.PreferenceLosses.class,
            description =
                    "Of preferences: sigmoid (DPO), hinge (SLiC) or ipo, which set answers against what the model held of them"
                            + " before training, or simpo or orpo, which need no such reference. Default: sigmoid; to judge, that of"
                            + " the training, where its trainer_state.json lies beside the model or the adapter.")
    PreferenceLoss.@Nullable Kind kind;

    @Option(
            names = "--preference-beta",
            paramLabel = "BETA",
            description =
                    "Of preferences: how near the model stays to what it was before training; of simpo what multiplies mean"
                            + " log-probabilities, of orpo the weight of the odds ratio. Default: 0.1, of simpo 2; to judge, that of the"
                            + " training.")
    @Nullable
    Double beta;

    @Option(
            names = "--simpo-gamma",
            paramLabel = "MARGIN",
            description =
                    "Of simpo: the margin between the rewards of the two answers that is asked for. Default: 0.5; to judge, that"
                            + " of the training.")
    @Nullable
    Double gamma;

    @Option(
            names = "--sft-weight",
            paramLabel = "WEIGHT",
            description =
                    "Of preferences: weight of the chosen answer's own loss, the mean of its tokens, beside that of the pair."
                            + " Default: 0, of orpo 1; to judge, that of the training.")
    @Nullable
    Double sftWeight;

    /** The loss that a training learns preferences by; null where it learns none. */
    PreferenceLoss.@Nullable Kind kind(boolean preferences) {
        return preferences ? over(PreferenceLoss.DPO).kind() : null;
    }

    void apply(TrainConfig.Builder config) {
        config.loss(loss -> loss.withPreferences(over(PreferenceLoss.DPO)));
    }

    /** How the default learning rates of preferences stand to the usual ones, in words. */
    String share() {
        return kind == PreferenceLoss.Kind.ORPO ? "a quarter" : "a twentieth";
    }

    /** What is wrong with the numbers where the loss may be that of a training, which is not known yet. */
    void checkToJudge(Problems problems) {
        problems.of(() -> over(
                kind == null && gamma != null ? PreferenceLoss.of(PreferenceLoss.Kind.SIMPO) : PreferenceLoss.DPO));
    }

    /** The loss that the call names, whose numbers are those of another where it names none and the loss is the same. */
    PreferenceLoss over(PreferenceLoss usual) {
        PreferenceLoss loss = kind == null || kind == usual.kind() ? usual : PreferenceLoss.of(kind);
        // all numbers at once: what is wrong with them is told together
        return new PreferenceLoss(
                loss.kind(),
                beta == null ? loss.beta() : beta,
                gamma == null ? loss.gamma() : gamma,
                sftWeight == null ? loss.sftWeight() : sftWeight);
    }
}
