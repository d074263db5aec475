package org.loft4j.cli;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.data.Row;
import org.loft4j.data.RowFormat;
import org.loft4j.infer.Generator;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.TokenDraw;
import org.loft4j.train.Reward;
import org.loft4j.train.Rewards;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** Rewards that judge answers which the model gives while it learns. */
final class RewardFlags {
    /** The options, which language models alone have a use for. */
    static final String[] NAMES = {
        "--reward",
        "--reward-weights",
        "--reward-timeout",
        "--num-generations",
        "--max-completion-length",
        "--scale-rewards",
        "--grpo-loss",
        "--kl-beta",
        "--log-completions"
    };

    private static final String EXACT = "exact";
    private static final String REGEX = "regex";
    private static final String COMMAND = "command";
    private static final String ANSWER = "answer";
    private static final int TIMEOUT = 60;

    @Spec(Target.MIXEE)
    CommandSpec verb;

    @Option(
            names = "--reward",
            paramLabel = "REWARD",
            description =
                    "What judges the answers that a language model gives to rows of prompts while it learns (GRPO); may be given several"
                            + " times. exact: 1 where the answer is the column answer (exact:COLUMN names another), blanks around it"
                            + " aside, else 0. regex:PATTERN: 1 where it is found in the answer, else 0. command:PROGRAM ARGUMENTS: a program"
                            + " that reads a JSON object a line (prompt, completion, columns) and writes a number a line. Default: none.")
    List<String> rewards = List.of();

    @Option(
            names = "--reward-weights",
            paramLabel = "WEIGHT",
            split = ",",
            description =
                    "What each --reward is multiplied by before they are added up, in their order, with commas between."
                            + " Default: 1 each.")
    List<Double> weights = List.of();

    @Option(
            names = "--reward-timeout",
            paramLabel = "SECONDS",
            description = "How long a program or a pattern may take to judge an answer. Default: ${DEFAULT-VALUE}.")
    int timeout = TIMEOUT;

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
            paramLabel = "HOW",
            converter = Words.OfRewardScale.class,
            completionCandidates = WordLists.RewardScales.class,
            description =
                    "What the rewards of a prompt's answers are divided by once their mean is taken off: group (their"
                            + " deviation), batch (that of all in the step) or none. Default: group.")
    GrpoLoss.Scale scale = GrpoLoss.USUAL.scale();

    @Option(
            names = "--grpo-loss",
            paramLabel = "LOSS",
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

    @Option(
            names = "--log-completions",
            negatable = true,
            fallbackValue = "true",
            description =
                    "Write what the model answers, with its rewards, to completions.jsonl in the output directory: at steps that are"
                            + " logged (--logging-steps) and at evaluations. Default: ${DEFAULT-VALUE}.")
    boolean logCompletions = false;

    /** Whether there are any. */
    boolean areGiven() {
        return !rewards.isEmpty();
    }

    void check(Problems problems, DataFlags data, StreamFlags stream, Packing packing) {
        RowFormat format = data.columns.format;
        if (areGiven() && format != RowFormat.AUTO && format != RowFormat.REWARD) {
            problems.add("--reward judges answers to rows of prompts (--format reward), and --format is "
                    + format.word() + ": leave one of them out");
        }
        if (!areGiven() && format == RowFormat.REWARD) {
            problems.add(
                    "--format reward has prompts alone, whose answers a reward judges: name one (--reward exact, regex:PATTERN or"
                            + " command:PROGRAM)");
        }
        if (areGiven() && stream.streaming) {
            problems.add(
                    "--reward and --streaming exclude each other: prompts are kept in memory, which they need little of");
        }
        if (areGiven() && packing != Packing.NONE) {
            problems.add(
                    "--reward and --packing exclude each other: answers of a step go through the model as they were made,"
                            + " each in a row of its own");
        }
        if (!weights.isEmpty() && weights.size() != rewards.size()) {
            problems.add("reward_weights must be as many as there are rewards, " + rewards.size() + ", got "
                    + weights.size());
        }
        if (timeout < 1) {
            problems.add("reward_timeout must be at least 1, got " + timeout);
        }
        if (timeout != TIMEOUT && rewards.stream().map(RewardFlags::word).noneMatch(Set.of(REGEX, COMMAND)::contains)) {
            problems.add(
                    "reward_timeout is of programs and patterns that judge answers, and there is none: leave it out, or"
                            + " name one (--reward command:PROGRAM)");
        }
        if (logCompletions && !areGiven()) {
            problems.add(
                    "log_completions writes down answers that rewards judge, and there is none: leave it out, or name"
                            + " one (--reward)");
        }
        // a file of settings serves generate too
        List<String> idle = Stream.of(DrawFlags.NAMES)
                .filter(verb.commandLine().getParseResult()::hasMatchedOption)
                .toList();
        if (!areGiven() && !idle.isEmpty()) {
            problems.add(String.join(", ", idle)
                    + (idle.size() == 1 ? " says" : " say")
                    + " how answers are drawn that rewards judge, and there is none: leave "
                    + (idle.size() == 1 ? "it" : "them") + " out, or name one (--reward)");
        }
        for (String reward : rewards) {
            problems.of(() -> requireKnown(reward));
        }
        if (areGiven()) {
            data.columns.format = RowFormat.REWARD;
        }
    }

    void apply(TrainConfig.Builder config) {
        config.loss(settings -> settings.withRewards(new GrpoLoss(
                loss,
                beta,
                generations,
                maxCompletionLength,
                scale,
                areGiven() ? draw.over(TokenDraw.PLAIN) : TokenDraw.PLAIN)));
    }

    /** Tokens that a row may have before its answer. */
    int promptLength(int maxLength) {
        if (!areGiven()) {
            return maxLength;
        }
        if (maxCompletionLength >= maxLength) {
            throw new ConfigException("max_completion_length is " + maxCompletionLength
                    + ", which leaves no place for a prompt within max_length, " + maxLength
                    + ": lower it, or raise that");
        }
        return maxLength - maxCompletionLength;
    }

    private static String word(String reward) {
        return reward.split(":", 2)[0];
    }

    private static @Nullable String argument(String reward) {
        int colon = reward.indexOf(':');
        return colon < 0 ? null : reward.substring(colon + 1);
    }

    private static String requireKnown(String reward) {
        String argument = argument(reward);
        switch (word(reward)) {
            case EXACT -> {
                return reward;
            }
            case REGEX -> {
                if (argument != null) {
                    try {
                        return Pattern.compile(argument).pattern();
                    } catch (PatternSyntaxException e) {
                        throw new ConfigException(
                                "--reward " + reward + ": " + e.getDescription() + " at character "
                                        + (e.getIndex() + 1),
                                e);
                    }
                }
            }
            case COMMAND -> {
                if (argument != null) {
                    return CommandReward.executable(argument);
                }
            }
            default -> {}
        }
        throw new ConfigException(
                "reward must be exact, exact:COLUMN, regex:PATTERN or command:PROGRAM ARGUMENTS, got " + reward);
    }

    /**
     * Refuses rows that lack what a reward judges by, before a step has gone into finding out.
     *
     * @throws DataException that names the first
     */
    void require(List<? extends Row> rows) throws DataException {
        for (String reward : rewards) {
            if (word(reward).equals(EXACT)) {
                for (Row row : rows) {
                    expected(reward, row);
                }
            }
        }
    }

    private static void expected(String reward, Row row) throws DataException {
        String column = column(reward);
        Object right = row instanceof RewardedPrompt prompt ? prompt.columns().get(column) : null;
        if (right instanceof List || right instanceof Map) {
            throw row.origin()
                    .fault(
                            "has " + (right instanceof List ? "a list" : "an object") + " in \"" + column
                                    + "\", which no answer is: --reward " + reward
                                    + " compares answers with a text, a number, or true or false; a program may read it (command:PROGRAM)");
        }
        if (right == null) {
            throw row.origin()
                    .fault("has no \"" + column + "\" for --reward " + reward
                            + " to compare answers with: exact:COLUMN names another column");
        }
    }

    private static String column(String reward) {
        return Objects.requireNonNullElse(argument(reward), ANSWER);
    }

    /**
     * The rewards of a run, whose programs end with it.
     *
     * @param left set where the run is asked to stop: what is at work on an answer then gives it up
     */
    record Judging(Rewards rewards, List<CommandReward> programs, AtomicBoolean left) implements AutoCloseable {
        static final Judging NONE = new Judging(Rewards.of(Generator::of), List.of(), new AtomicBoolean());

        boolean judges() {
            return !rewards.all().isEmpty();
        }

        /** @throws ConfigException if a program cannot be started */
        void start() {
            programs.forEach(CommandReward::start);
        }

        /** Gives up the answer that is judged now. May be called from any thread. */
        void leave() {
            left.set(true);
        }

        /** Ends the programs at once. May be called from any thread. */
        void kill() {
            programs.forEach(CommandReward::kill);
        }

        @Override
        public void close() {
            programs.forEach(CommandReward::close);
        }
    }

    /** What judges answers; its programs are still to be started. */
    Judging judging() {
        List<CommandReward> programs = new ArrayList<>();
        AtomicBoolean left = new AtomicBoolean();
        Rewards all = Rewards.of(Generator::of);
        Set<String> names = new HashSet<>();
        for (int i = 0; i < rewards.size(); i++) {
            String reward = rewards.get(i);
            String name = Stream.iterate(1, number -> number + 1)
                    .map(number -> word(reward) + (number == 1 ? "" : "_" + number))
                    .filter(names::add)
                    .findFirst()
                    .orElseThrow();
            double weight = weights.isEmpty() ? 1 : weights.get(i);
            all = all.with(name, reward, weight, judge(reward, programs, left::get));
        }
        return new Judging(all.withLogged(logCompletions), programs, left);
    }

    private Reward judge(String reward, List<CommandReward> programs, BooleanSupplier left) {
        String argument = Objects.requireNonNullElse(argument(reward), "");
        switch (word(reward)) {
            case REGEX -> {
                return new RegexReward(Pattern.compile(argument), timeout, left);
            }
            case COMMAND -> {
                CommandReward program = new CommandReward(argument, timeout, left);
                programs.add(program);
                return program;
            }
            default -> {
                String column = column(reward);
                return answer -> String.valueOf(answer.columns().get(column))
                                .strip()
                                .equals(answer.completion().strip())
                        ? 1
                        : 0;
            }
        }
    }
}
