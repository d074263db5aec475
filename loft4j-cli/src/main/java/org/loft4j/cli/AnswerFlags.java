package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.DataRows;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RowFormat;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedRewards;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenDraw;
import org.loft4j.train.AnswerJudge;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Evaluator;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** How a language model is judged by its answers: by which rewards, and how it makes them. */
final class AnswerFlags {
    private static final String LENGTH = "--max-completion-length";
    private static final String SEED = "--seed";

    @Spec(Target.MIXEE)
    CommandSpec verb;

    @Mixin
    RewardFlags reward;

    @Option(
            names = LENGTH,
            paramLabel = "TOKENS",
            description =
                    "Tokens of an answer at most, within --max-length. Default: that of the training by rewards, else 256.")
    @Nullable
    Integer maxCompletionLength;

    @Mixin
    DrawFlags draw;

    @Option(names = SEED, paramLabel = "N", description = "Seed of answers that are drawn. Default: ${DEFAULT-VALUE}.")
    long seed = 0;

    /** Whether the rewards are those of the training, which the call does not name. */
    private boolean followed;

    void check(Problems problems) {
        reward.check(problems, verb.commandLine().getParseResult(), true);
        problems.of(() -> draw.over(TokenDraw.LIKELIEST));
        if (maxCompletionLength != null && maxCompletionLength < 1) {
            problems.add("max_completion_length must be at least 1, got " + maxCompletionLength);
        }
    }

    /**
     * Whether rewards judge the model: those of the call, else those that judged its training, unless the rows are said to be others.
     *
     * @throws ConfigException if the call asks for what has no use then
     */
    boolean judge(FoundModel found, ColumnFlags columns) throws IOException {
        boolean language = found.task() == Task.CAUSAL_LM;
        if (!language) {
            TaskOptions.require(verb, found.task());
        }
        boolean prompts = columns.format == RowFormat.AUTO || columns.format == RowFormat.REWARD;
        TrainedRewards trained = trained(found);
        if (language && prompts && !reward.areGiven() && trained != null) {
            reward.follow(trained, Objects.requireNonNullElse(found.adapter(), found.directory()));
            followed = true;
        }
        if (language && reward.areGiven()) {
            if (!prompts) {
                throw new ConfigException(RewardFlags.otherRows(columns.format));
            }
            reward.requirePrograms();
            columns.format = RowFormat.REWARD;
            return true;
        }
        if (language && columns.format == RowFormat.REWARD) {
            throw new ConfigException(
                    "--format reward has prompts alone, whose answers a reward judges, and the model was trained by none: name one"
                            + " (--reward exact, regex:PATTERN or command:PROGRAM)");
        }
        requireNone(language);
        return false;
    }

    /** Refuses what is of rewards where there are none. */
    private void requireNone(boolean language) {
        List<String> idle = Stream.of(List.of(RewardFlags.NAMES), List.of(DrawFlags.NAMES), List.of(LENGTH, SEED))
                .flatMap(List::stream)
                // a file of settings serves other models too
                .filter(verb.commandLine().getParseResult()::hasMatchedOption)
                .toList();
        if (!idle.isEmpty()) {
            throw new ConfigException(String.join(", ", idle)
                    + (idle.size() == 1 ? " is" : " are")
                    + " of answers that rewards judge, and there is no reward: leave "
                    + (idle.size() == 1 ? "it" : "them") + " out" + (language ? ", or name one (--reward)" : ""));
        }
    }

    private static @Nullable TrainedRewards trained(FoundModel found) {
        TaskFile trainedAs = found.trainedAs();
        return trainedAs == null ? null : trainedAs.rewards();
    }

    /**
     * What came of it.
     *
     * @param rows that were judged
     * @param by how they were, as JSON
     */
    record Judged(Evaluation evaluation, int rows, Map<String, Object> by) {}

    /** Has the rows answered, and judges the answers. */
    Judged evaluate(LoadedModel loaded, DataFlags data, FaultFlags faults, ChatFlags chat, int batchSize)
            throws IOException {
        PrintWriter err = verb.commandLine().getErr();
        data.labels.requireNone();
        try (Tokenizer tokenizer = loaded.openTokenizer();
                RewardFlags.Judging judging = reward.judging()) {
            int maxLength = loaded.maxLength(data.maxLength, err);
            int most = most(loaded);
            int promptLength = RewardFlags.promptLength(maxLength, most);
            TokenDraw drawn = draw.over(TokenDraw.LIKELIEST);
            // before rows are read: whoever has others learns here why they do not fit
            err.println("loft: judged by " + reward.described() + ", "
                    + (drawn.temperature() == 0 ? "always with the likeliest token" : "drawn with seed " + seed) + ", "
                    + most + " tokens at most"
                    + (followed
                            ? ", as in its training; rows of another kind are judged as ever where --format names it (--format text)"
                            : ""));
            err.flush();
            FaultyRows faulty = faults.rows(err);
            DataRows read = faulty.read(data.data, data.columns(false), "evaluation");
            reward.require(read.rows());
            ChatFormat format = chat.format(loaded, read.rows());
            FaultyRows.Kept kept = faulty.encode(
                    read.rows(), rows -> PromptDataset.of(rows, tokenizer, promptLength, format), "evaluation");
            PromptDataset prompts = (PromptDataset) kept.examples();
            Evaluator.requireFits(loaded.model(), prompts, "evaluation");
            judging.start();
            Evaluation evaluation =
                    new AnswerJudge(loaded.model(), judging.rewards(), most).evaluate(prompts, batchSize, drawn, seed);
            Map<String, Object> by = new LinkedHashMap<>();
            by.put("max_length", maxLength);
            by.put("max_completion_length", most);
            by.put("rewards", reward.tree());
            by.putAll(drawn.toMap());
            by.put("seed", seed);
            return new Judged(evaluation, kept.rows().size(), by);
        }
    }

    private int most(LoadedModel loaded) {
        TrainedRewards trained = trained(loaded.found());
        int usual = trained == null ? GrpoLoss.USUAL.maxCompletionLength() : trained.maxCompletionLength();
        return maxCompletionLength == null ? usual : maxCompletionLength;
    }
}
