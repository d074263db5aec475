package org.loft4j.cli;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.loft4j.DataException;
import org.loft4j.cli.compare.Contender;
import org.loft4j.data.Row;
import org.loft4j.data.RowFormat;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.TokenDraw;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** How a language model learns by rewards that judge its own answers (GRPO). */
final class GrpoFlags {
    /** The options, which language models alone have a use for, beside those of rewards and of drawing. */
    static final String[] NAMES = {
        "--num-generations", "--max-completion-length", "--scale-rewards", "--grpo-loss", "--kl-beta"
    };

    @Spec(Target.MIXEE)
    CommandSpec verb;

    @Mixin
    RewardFlags reward;

    @Option(
            names = "--num-generations",
            paramLabel = "N",
            description =
                    "Answers to each prompt of a step: --batch-size 8 are so many times eight rows. Default: ${DEFAULT-VALUE}.")
    int generations = GrpoLoss.USUAL.generations();

    @Option(
            names = "--max-completion-length",
            paramLabel = "TOKENS",
            description = "Tokens of an answer at most, within --max-length. Default: ${DEFAULT-VALUE}.")
    int maxCompletionLength = GrpoLoss.USUAL.maxCompletionLength();

    @Option(
            names = "--scale-rewards",
            paramLabel = "SCALE",
            converter = Words.OfRewardScale.class,
            completionCandidates = WordLists.RewardScales.class,
            description =
                    "What the rewards of a prompt's answers are divided by once their mean is taken off: group (their"
                            + " deviation), batch (that of all in the step) or none. Default: group.")
    GrpoLoss.Scale scale = GrpoLoss.USUAL.scale();

    @Option(
            names = "--grpo-loss",
            paramLabel = "NORM",
            converter = Words.OfGrpoLoss.class,
            completionCandidates = WordLists.GrpoLosses.class,
            description =
                    "What the loss of an answer's tokens is divided by: grpo (the answer's length, so that each answer"
                            + " counts alike), dr_grpo (the greatest length) or dapo (the tokens of all answers of the step, so that each"
                            + " token counts alike). Default: dapo.")
    GrpoLoss.Kind loss = GrpoLoss.USUAL.kind();

    @Option(
            names = "--kl-beta",
            paramLabel = "BETA",
            description =
                    "How dearly the model pays for leaving what it was before training; not with --method full. Default:"
                            + " ${DEFAULT-VALUE}, which is not at all.")
    double beta = GrpoLoss.USUAL.beta();

    @Mixin
    DrawFlags draw;

    void check(Problems problems, DataFlags data, boolean streaming, Packing packing) {
        RowFormat format = data.columns.format;
        if (reward.areGiven() && format != RowFormat.AUTO && format != RowFormat.REWARD) {
            problems.add(RewardFlags.otherRows(format));
        }
        if (!reward.areGiven() && format == RowFormat.REWARD) {
            problems.add(
                    "--format reward has prompts alone, whose answers a reward judges: name one (--reward exact, regex:PATTERN or"
                            + " command:PROGRAM)");
        }
        if (reward.areGiven() && streaming) {
            problems.add(
                    "--reward and --streaming exclude each other: prompts are kept in memory, which they need little of");
        }
        if (reward.areGiven() && packing != Packing.NONE) {
            problems.add(
                    "--reward and --packing exclude each other: answers of a step go through the model as they were made,"
                            + " each in a row of its own");
        }
        ParseResult call = verb.commandLine().getParseResult();
        reward.check(problems, call, false);
        // a file of settings serves trainings without rewards, and generate, too
        List<String> idle =
                Stream.of(DrawFlags.NAMES).filter(call::hasMatchedOption).toList();
        if (!reward.areGiven() && !idle.isEmpty()) {
            problems.add(String.join(", ", idle)
                    + (idle.size() == 1 ? " says" : " say")
                    + " how answers are drawn that rewards judge, and there is none: leave "
                    + (idle.size() == 1 ? "it" : "them") + " out, or name one (--reward)");
        }
        if (reward.areGiven()
                && Double.valueOf(0).equals(draw.temperature)
                && !call.hasMatchedOption("--temperature")) {
            problems.add(
                    "temperature 0 is that of the file of settings (--config), which may be meant for generate: --temperature 1"
                            + " in the call takes its place");
        }
        if (reward.areGiven()) {
            data.columns.format = RowFormat.REWARD;
        }
    }

    /** Refuses methods of a comparison that keep nothing to set answers against, before a run of another has gone into it. */
    void check(Problems problems, List<Contender> contenders) {
        String without = contenders.stream()
                .filter(contender -> !contender.method().usesAdapter())
                .map(Contender::name)
                .collect(Collectors.joining(", "));
        if (reward.areGiven() && beta > 0 && !without.isEmpty()) {
            problems.add("kl_beta above 0 sets answers against the model before training, and " + without
                    + " keeps no copy of that: leave it out of --methods, or set kl_beta to 0");
        }
    }

    void apply(TrainConfig.Builder config) {
        // a file of settings serves trainings without rewards too; what the call itself says is refused there
        if (!reward.areGiven() && Stream.of(NAMES).noneMatch(verb.commandLine().getParseResult()::hasMatchedOption)) {
            return;
        }
        config.loss(settings -> settings.withRewards(new GrpoLoss(
                loss,
                beta,
                generations,
                maxCompletionLength,
                scale,
                reward.areGiven() ? draw.over(TokenDraw.PLAIN) : TokenDraw.PLAIN)));
    }

    /** Tokens that a row may have before its answer. */
    int promptLength(int maxLength) {
        return reward.areGiven() ? RewardFlags.promptLength(maxLength, maxCompletionLength) : maxLength;
    }

    /** Refuses rows that lack what a reward judges by. */
    void require(List<? extends Row> rows) throws DataException {
        reward.require(rows);
    }

    /** What judges answers, as {@link RewardFlags#judging} makes it. */
    RewardFlags.Judging judging() {
        return reward.judging();
    }

    /** Whether answers are judged. */
    boolean areGiven() {
        return reward.areGiven();
    }
}
