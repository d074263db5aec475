package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.JudgedAnswer;
import org.loft4j.data.RowFormat;
import org.loft4j.nn.KtoLoss;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Option;

/** By which loss preferences are learnt, or judged. */
final class PreferenceLossFlags {
    /** The options, for those that refuse them. */
    static final String[] NAMES = {
        "--preference-loss",
        "--preference-beta",
        "--simpo-gamma",
        "--sft-weight",
        "--desirable-weight",
        "--undesirable-weight"
    };

    /** The way out for rows whose label is not whether the completion is good. */
    static final String OR_ALL = "--format prompt takes all completions and reads no label";

    /** What the good answers of a data set should weigh beside the bad ones at most, and at least as much: KTO's authors (section 4.2). */
    private static final double MOST = 4.0 / 3;

    @Option(
            names = "--preference-loss",
            paramLabel = "LOSS",
            converter = Words.OfPreferenceLoss.class,
            completionCandidates = WordLists.PreferenceLosses.class,
            description =
                    "Of preferences: sigmoid (DPO), hinge (SLiC) or ipo, which set answers against what the model held of them"
                            + " before training, simpo or orpo, which need no such reference, or kto, of answers that are judged one by"
                            + " one. Default: sigmoid, of judged answers kto; to judge, that of the training, where its"
                            + " trainer_state.json lies beside the model or the adapter.")
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

    @Option(
            names = "--desirable-weight",
            paramLabel = "WEIGHT",
            description =
                    "Of kto: what the loss of a good answer is multiplied by. Default: 1; to judge, that of the training.")
    @Nullable
    Double desirable;

    @Option(
            names = "--undesirable-weight",
            paramLabel = "WEIGHT",
            description =
                    "Of kto: what the loss of a bad answer is multiplied by. Default: 1; to judge, that of the training.")
    @Nullable
    Double undesirable;

    /** The loss that a training learns preferences by; null where it learns none. */
    PreferenceLoss.@Nullable Kind kind(boolean preferences) {
        return preferences ? over(usual()).kind() : null;
    }

    void apply(TrainConfig.Builder config) {
        config.loss(loss -> loss.withPreferences(over(usual())));
    }

    /** The loss that the numbers are of where none is named. */
    private PreferenceLoss usual() {
        return desirable != null || undesirable != null
                ? PreferenceLoss.of(PreferenceLoss.Kind.KTO)
                : PreferenceLoss.DPO;
    }

    /**
     * The rows as the loss learns them, which is kto where answers are judged one by one and none is named: pairs become two answers
     * each where it is. Says so, and what speaks against the weights.
     *
     * @param format that was asked for
     * @throws ConfigException if the loss is of pairs, and the rows are none, or the other way about
     */
    TrainingRows settle(TrainingRows rows, RowFormat format, PrintWriter err) {
        if (rows.areJudged()) {
            tellOfLabel(format, "learnt", err);
            requireJudging(over(PreferenceLoss.of(PreferenceLoss.Kind.KTO)));
            kind = PreferenceLoss.Kind.KTO;
        } else if (rows.arePreferences() && kind == null && (desirable != null || undesirable != null)) {
            throw new ConfigException((desirable != null ? "--desirable-weight" : "--undesirable-weight")
                    + " is of kto, and the rows are pairs of answers, which are learnt by "
                    + PreferenceLoss.DPO.kind().word()
                    + " where no loss is named: add --preference-loss kto, or leave it out");
        }
        if (!rows.arePreferences() || kind(true) != PreferenceLoss.Kind.KTO) {
            return rows;
        }
        TrainingRows judged = rows.unpaired();
        if (judged.train().size() > rows.train().size()) {
            err.println("loft: " + Quantities.of(rows.train().size(), "pair") + " are learnt as "
                    + judged.train().size() + " answers, the chosen ones good and the rejected ones bad");
        }
        long good = judged.train().stream()
                .filter(row -> row instanceof JudgedAnswer answer && answer.good())
                .count();
        String balance =
                balance(good, judged.train().size() - good, over(usual()).kto());
        if (!balance.isEmpty()) {
            err.println("loft: " + balance);
        }
        return judged;
    }

    /**
     * Says of judged answers that the names of their columns alone made them such.
     *
     * @param verb what is done with them
     */
    static void tellOfLabel(RowFormat format, String verb, PrintWriter err) {
        if (format == RowFormat.AUTO) {
            err.println("loft: rows of \"prompt\", \"completion\" and \"label\" are " + verb + " by KTO; " + OR_ALL);
        }
    }

    /** Refuses a loss of pairs for answers that are judged one by one. */
    static void requireJudging(PreferenceLoss loss) {
        if (loss.kind() != PreferenceLoss.Kind.KTO) {
            throw new ConfigException("--preference-loss " + loss.kind().word()
                    + " compares two answers to a prompt, and the rows hold answers that are judged one by one: leave it out,"
                    + " which learns and judges them by kto, or give rows with \"chosen\" and \"rejected\"");
        }
    }

    /** What brings good and bad answers into balance, in words; empty where they are, or there are none of one kind. */
    static String balance(long good, long bad, KtoLoss loss) {
        double ratio = loss.desirableWeight() * good / (loss.undesirableWeight() * bad);
        if (good == 0 || bad == 0 || (ratio >= 1 - 1e-9 && ratio <= MOST + 1e-9)) {
            return "";
        }
        double evenly = ratio > 1 ? loss.undesirableWeight() * ratio : loss.desirableWeight() / ratio;
        return String.format(
                Locale.ROOT,
                "%d good and %d bad answers weigh as %.3g to 1 together, and KTO's authors advise 1 to 1.33:"
                        + " --%s-weight %.3g to %.3g brings that about",
                good,
                bad,
                ratio,
                ratio > 1 ? "undesirable" : "desirable",
                ratio > 1 ? evenly / MOST : evenly,
                ratio > 1 ? evenly : evenly * MOST);
    }

    /** What is wrong with the numbers where the loss may be that of a training, which is not known yet. */
    void checkToJudge(Problems problems) {
        problems.of(() -> over(kind == null && gamma != null ? PreferenceLoss.of(PreferenceLoss.Kind.SIMPO) : usual()));
    }

    /** The loss that the call names, whose numbers are those of another where it names none and the loss is the same. */
    PreferenceLoss over(PreferenceLoss usual) {
        PreferenceLoss loss = kind == null || kind == usual.kind() ? usual : PreferenceLoss.of(kind);
        // all numbers at once: what is wrong with them is told together
        return new PreferenceLoss(
                loss.kind(),
                beta == null ? loss.beta() : beta,
                gamma == null ? loss.gamma() : gamma,
                sftWeight == null ? loss.sftWeight() : sftWeight,
                desirable == null ? loss.desirableWeight() : desirable,
                undesirable == null ? loss.undesirableWeight() : undesirable);
    }
}
