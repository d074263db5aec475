package org.loft4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.Shown;
import org.loft4j.cli.report.Pasted;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.data.Row;
import org.loft4j.data.RowFormat;
import org.loft4j.infer.Generator;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedRewards;
import org.loft4j.train.Reward;
import org.loft4j.train.Rewards;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/** Rewards that judge the answers of a language model. */
final class RewardFlags {
    /** The options, which language models alone have a use for. */
    static final String[] NAMES = {"--reward", "--reward-weights", "--reward-timeout"};

    private static final String EXACT = "exact";
    private static final String REGEX = "regex";
    private static final String COMMAND = "command";
    private static final String ANSWER = "answer";
    private static final int TIMEOUT = 60;

    @Option(
            names = "--reward",
            paramLabel = "REWARD",
            description =
                    "What judges the answers that a language model gives to rows of prompts, while it learns (GRPO) and in eval; may be given"
                            + " several times. exact: 1 where the answer is the column answer (exact:COLUMN names another), blanks around it"
                            + " aside, else 0. regex:PATTERN: 1 where it is found in the answer, else 0. command:PROGRAM ARGUMENTS: a program"
                            + " that reads a JSON object a line (prompt, completion, columns) and writes a number a line. Default: none; eval: as in training, but for programs.")
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

    /** Whether there are any. */
    boolean areGiven() {
        return !rewards.isEmpty();
    }

    /**
     * @param call what was parsed of it
     * @param mayFollow whether rewards of a training may come in place of those that are not given, and those of a file be passed over
     */
    void check(Problems problems, ParseResult call, boolean mayFollow) {
        if (!weights.isEmpty() && rewards.isEmpty()) {
            problems.add(
                    "reward_weights are of the rewards that a call names, in their order, and it names none: give --reward"
                            + " too, or leave them out");
        } else if (!weights.isEmpty() && weights.size() != rewards.size()) {
            problems.add("reward_weights must be as many as there are rewards, " + rewards.size() + ", got "
                    + weights.size());
        }
        if (timeout < 1) {
            problems.add("reward_timeout must be at least 1, got " + timeout);
        }
        if (timeout != TIMEOUT
                && !mayFollow
                // a file of settings serves calls with other rewards too
                && call.hasMatchedOption("--reward-timeout")
                && rewards.stream().map(RewardFlags::word).noneMatch(Set.of(REGEX, COMMAND)::contains)) {
            problems.add(
                    "reward_timeout is of programs and patterns that judge answers, and there is none: leave it out, or"
                            + " name one (--reward command:PROGRAM)");
        }
        for (String reward : rewards) {
            problems.of(() -> requireKnown(reward));
        }
        if (!mayFollow || call.hasMatchedOption("--reward")) {
            requirePrograms(problems);
        }
    }

    private void requirePrograms(Problems problems) {
        for (String reward : rewards) {
            String command = argument(reward);
            if (word(reward).equals(COMMAND) && command != null) {
                problems.of(() -> CommandReward.executable(command));
            }
        }
    }

    /** @throws ConfigException if a program that judges is not there */
    void requirePrograms() {
        Problems problems = new Problems();
        requirePrograms(problems);
        if (!problems.messages().isEmpty()) {
            throw new ConfigException(String.join("\n", problems.messages()));
        }
    }

    /** Why rows of a format are not judged by rewards. */
    static String otherRows(RowFormat format) {
        return "--reward judges answers to rows of prompts (--format reward), and --format is " + format.word()
                + ": leave one of them out";
    }

    /**
     * Tokens that a prompt may have.
     *
     * @param most that an answer may have
     * @throws ConfigException if there is no place for a prompt
     */
    static int promptLength(int maxLength, int most) {
        if (most >= maxLength) {
            throw new ConfigException("max_completion_length is " + most
                    + ", which leaves no place for a prompt within max_length, " + maxLength
                    + ": lower it, or raise that");
        }
        return maxLength - most;
    }

    /**
     * Takes those of a training, but for programs: none is started for being named in a file that may come from anywhere.
     *
     * @param from what was trained
     * @throws ConfigException if it had others than what a call names as well
     */
    void follow(TrainedRewards trained, Path from) {
        for (String reward : trained.rewards()) {
            boolean known = word(reward).equals(EXACT) || (word(reward).equals(REGEX) && argument(reward) != null);
            if (!known) {
                throw new ConfigException("the answers of " + from + " were judged by "
                        + (word(reward).equals(COMMAND)
                                ? "a program, which is started where the call itself names it: give" + asGiven(trained)
                                        + ", or another --reward"
                                : Shown.text(reward) + ", which is not one that a call names: give a --reward"));
            }
        }
        rewards = trained.rewards();
        weights = trained.weights();
        try {
            rewards.forEach(RewardFlags::requireKnown);
        } catch (ConfigException e) {
            throw new ConfigException(
                    from.resolve(TaskFile.NAME) + ", by whose rewards the model is judged: " + e.getMessage()
                            + "; or give another --reward",
                    e);
        }
    }

    private static String asGiven(TrainedRewards trained) {
        return trained.rewards().stream()
                        .map(reward -> " --reward " + Pasted.quoted(Shown.text(reward, Integer.MAX_VALUE)))
                        .collect(Collectors.joining())
                + (trained.weights().stream().allMatch(weight -> weight == 1)
                        ? ""
                        : " --reward-weights "
                                + trained.weights().stream()
                                        .map(String::valueOf)
                                        .collect(Collectors.joining(",")));
    }

    /** The rewards as they were given, with their weights. */
    List<Map<String, Object>> tree() {
        List<Map<String, Object>> tree = new ArrayList<>();
        for (int i = 0; i < rewards.size(); i++) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("reward", rewards.get(i));
            one.put("weight", weight(i));
            tree.add(one);
        }
        return tree;
    }

    /** For people: {@code exact × 5.0, regex:[a-z] × 1.0}. */
    String described() {
        return IntStream.range(0, rewards.size())
                .mapToObj(i -> Shown.text(rewards.get(i)) + " × " + weight(i))
                .collect(Collectors.joining(", "));
    }

    private double weight(int reward) {
        return weights.isEmpty() ? 1 : weights.get(reward);
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
                                "--reward " + Shown.text(reward) + ": " + Shown.text(e.getDescription())
                                        + " at character "
                                        + (e.getIndex() + 1),
                                e);
                    }
                }
            }
            case COMMAND -> {
                if (argument != null) {
                    return reward;
                }
            }
            default -> {}
        }
        throw new ConfigException("reward must be exact, exact:COLUMN, regex:PATTERN or command:PROGRAM ARGUMENTS, got "
                + Shown.text(reward));
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
                            "has " + (right instanceof List ? "a list" : "an object") + " in \"" + Shown.text(column)
                                    + "\", which no answer is: --reward " + Shown.text(reward)
                                    + " compares answers with a text, a number, or true or false; a program may read it (command:PROGRAM)");
        }
        if (right == null) {
            throw row.origin()
                    .fault("has no \"" + Shown.text(column) + "\" for --reward " + Shown.text(reward)
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
            all = all.with(name, reward, weight(i), judge(reward, programs, left::get));
        }
        return new Judging(all, programs, left);
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
                return new ExactReward(column(reward));
            }
        }
    }
}
