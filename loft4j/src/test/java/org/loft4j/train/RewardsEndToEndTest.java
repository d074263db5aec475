package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.train.TinyRewards.LETTER;
import static org.loft4j.train.TinyRewards.LOSS;
import static org.loft4j.train.TinyRewards.STORIES;
import static org.loft4j.train.TinyRewards.config;
import static org.loft4j.train.TinyRewards.data;
import static org.loft4j.train.TinyRewards.each;
import static org.loft4j.train.TinyRewards.letter;
import static org.loft4j.train.TinyRewards.lora;
import static org.loft4j.train.TinyRewards.prompts;
import static org.loft4j.train.TinyRewards.rows;
import static org.loft4j.train.TinyRewards.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.Dataset;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.model.Models;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenDraw;
import org.loft4j.train.TinyRewards.Case;

/** A model of stories that learns by what is said of the stories that it tells. */
class RewardsEndToEndTest {
    @TempDir
    private Path directory;

    private static double mean(List<StepEvent> steps, int from, int to) {
        return steps.subList(from, to).stream()
                .mapToDouble(step -> step.scores().get("reward"))
                .average()
                .orElseThrow();
    }

    @Test
    void loftAtRankOneEarnsMore() throws IOException {
        List<StepEvent> steps = new ArrayList<>();
        TrainConfig config = config(Method.LOFT, LOSS.withGenerations(8))
                .epochs(12)
                .evalSteps(12)
                .learningRate(3e-3)
                .build();
        TrainResult result = train(
                new Case(config, lora(0), UnaryOperator.identity()),
                directory,
                OnExisting.REFUSE,
                run -> run.addListener(each(steps)));
        assertEquals(36, steps.size());
        double first = mean(steps, 0, 6);
        double last = mean(steps, 30, 36);
        assertTrue(last > 2 * first && last > 0.15, first + " became " + last);
        // what chooses the best evaluation is the reward
        assertEquals(
                -result.bestEvaluation().get("loss"), result.bestEvaluation().get("reward"));
        assertTrue(result.bestEvaluation().get("reward") > 0.15, result::toString);
        assertEquals(12, steps.get(0).scores().get("completion_length"), 2);
    }

    /** A stop that comes while answers are judged does not wait for the step: the run that goes on makes the same ones. */
    @Test
    void aRunThatIsStoppedAmongItsAnswersEndsWhereItWouldHave() throws IOException {
        // dropout is on in the steps, and off in answers and in the reference
        TrainConfig config = config(Method.LOFT, LOSS.withBeta(0.05)).epochs(3).build();
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        List<StepEvent> steps = new ArrayList<>();
        Case plain = new Case(config, lora(0.1), UnaryOperator.identity());
        TrainResult result = train(plain, whole, OnExisting.REFUSE, run -> run.addListener(each(steps)));
        assertEquals(9, result.totalSteps());
        assertTrue(steps.get(8).scores().get("kl") > 1e-5, steps.toString());

        TrainingRun[] running = new TrainingRun[1];
        int[] judged = new int[1];
        Case stopping = new Case(config, lora(0.1), reward -> answer -> {
            if (++judged[0] == 4 * 16 + 7) {
                running[0].requestStop();
            }
            return reward.of(answer);
        });
        List<StepEvent> before = new ArrayList<>();
        TrainResult interrupted = train(stopping, stopped, OnExisting.REFUSE, run -> {
            running[0] = run;
            run.addListener(each(before));
        });
        assertEquals(TrainResult.Outcome.INTERRUPTED, interrupted.outcome());
        // three answers of the first evaluation were among them
        assertEquals(4, interrupted.step());
        assertEquals(4, before.size());
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(plain, stopped, OnExisting.RESUME, run -> assertEquals(4, run.step()))
                        .outcome());
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, stopped, 9);
    }

    private static Evaluation judged(Model model, Rewards rewards) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(STORIES)) {
            return new AnswerJudge(model, rewards, 4).evaluate(rows(tokenizer), 2, TokenDraw.LIKELIEST, 0);
        }
    }

    @Test
    void aJudgeAnswersNoMoreThanItHasTo() throws IOException {
        try (Model model = Models.open(STORIES, ModelOptions.of(Task.CAUSAL_LM))) {
            int[] batches = new int[1];
            Rewards failing = Rewards.of(trained -> {
                        Generator generator = Generator.of(trained);
                        return (prompts, firstRow, most, stopIds, draw, seed, listener) -> {
                            batches[0]++;
                            return generator.sample(prompts, firstRow, most, stopIds, draw, seed, listener);
                        };
                    })
                    .with("letter", answer -> Double.NaN);
            assertThrows(DataException.class, () -> judged(model, failing));
            assertEquals(1, batches[0]);
            // the squares of which cannot be added
            String huge = assertThrows(
                            DataException.class,
                            () -> judged(model, Rewards.of(Generator::of).with("worst", answer -> -Double.MAX_VALUE)))
                    .getMessage();
            assertTrue(
                    huge.endsWith("gave -1.7976931348623157E308 for an answer to this prompt: it must be a number from"
                            + " −1e100 to 1e100"),
                    huge);

            Reward one = answer -> 1;
            Rewards large = Rewards.of(Generator::of).with("one", 1e308, one).with("other", 1e308, one);
            String told = assertThrows(DataException.class, () -> judged(model, large))
                    .getMessage();
            assertTrue(
                    told.contains("line 1: the rewards of an answer to this prompt, each times its weight, come to"),
                    told);
            assertTrue(told.contains("(one 1.0 × 1.0E308 + other 1.0 × 1.0E308)"), told);
            // no minus before nothing
            assertEquals(
                    0.0,
                    judged(model, Rewards.of(Generator::of).with("none", answer -> 0))
                            .loss());
        }
    }

    /** Answers are drawn as the loss says, and held-out ones are the likeliest; π₀ is looked at with the same temperature. */
    @Test
    void answersAreDrawnAsIsAskedFor() throws IOException {
        TokenDraw hot = new TokenDraw(1.4, 40, 0.9, 0.01);
        GrpoLoss loss = LOSS.withBeta(0.05).withDraw(hot);
        TrainConfig config = config(Method.LOFT, loss).epochs(1).build();
        List<TokenDraw> drawn = new ArrayList<>();
        List<StepEvent> steps = new ArrayList<>();
        try (Tokenizer tokenizer = Tokenizer.open(STORIES);
                Model model = Models.open(STORIES, ModelOptions.of(Task.CAUSAL_LM))) {
            Rewards rewards = Rewards.of(trained -> {
                        Generator generator = Generator.of(trained);
                        return (prompts, firstRow, most, stopIds, draw, seed, listener) -> {
                            drawn.add(draw);
                            return generator.sample(prompts, firstRow, most, stopIds, draw, seed, listener);
                        };
                    })
                    .with("letter", LETTER);
            try (TrainingRun run =
                    TrainingRun.open(model, data(tokenizer, rewards), config, lora(0), directory, OnExisting.REFUSE)) {
                run.addListener(each(steps));
                run.run();
            }
        }
        assertEquals(List.of(hot, hot, hot, hot, hot, hot, TokenDraw.LIKELIEST), drawn);
        // nothing has moved yet
        assertEquals(0, steps.get(0).scores().get("kl"), 1e-9);
        assertTrue(steps.get(2).scores().get("kl") > 1e-9, steps.toString());
    }

    /** From one token there is nothing to choose: a prompt's answers are one, and nothing is learnt from them. */
    @Test
    void aSingleTokenToDrawFromGivesASingleAnswer() throws IOException {
        TrainConfig config = config(Method.LORA, LOSS.withDraw(new TokenDraw(1, 1, 1, 0)))
                .epochs(1)
                .build();
        List<StepEvent> steps = new ArrayList<>();
        train(
                new Case(config, lora(0), UnaryOperator.identity()),
                directory,
                OnExisting.REFUSE,
                run -> run.addListener(each(steps)));
        for (StepEvent step : steps) {
            assertEquals(1, step.scores().get("frac_reward_zero_std"));
        }
    }

    @Test
    void aRewardThatFailsNamesTheRowAndLosesNothing() throws IOException {
        TrainConfig config = config(Method.LORA, LOSS).epochs(1).build();
        int[] judged = new int[1];
        Case lost = new Case(config, lora(0), reward -> answer -> ++judged[0] > 20 ? Double.NaN : reward.of(answer));
        String told = assertThrows(DataException.class, () -> train(lost, directory, OnExisting.REFUSE, run -> {}))
                .getMessage();
        assertTrue(
                told.matches(
                        "prompts.jsonl, line \\d+: reward letter gave NaN for an answer to this prompt: it must be a"
                                + " number from −1e100 to 1e100"),
                told);
        Case failing = new Case(config, lora(0), reward -> answer -> {
            throw new AssertionError("no such answer to " + answer.columns().get("who"));
        });
        // of the step before nothing is lost
        String failed = assertThrows(
                        DataException.class,
                        () -> train(failing, directory, OnExisting.RESUME, run -> assertEquals(1, run.step())))
                .getMessage();
        assertTrue(
                failed.matches(
                        "prompts.jsonl, line \\d+: reward letter failed on an answer to this prompt: no such answer to"
                                + " Lily"),
                failed);
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(new Case(config, lora(0), UnaryOperator.identity()), directory, OnExisting.RESUME, run -> {})
                        .outcome());
    }

    /** As that of a program that waits for another: it is stopped, and has not failed. */
    @Test
    void aRewardThatIsInterruptedStopsTheRun() throws IOException {
        TrainConfig config = config(Method.LORA, LOSS).epochs(1).build();
        int[] judged = new int[1];
        Case interrupted = new Case(config, lora(0), reward -> answer -> {
            if (++judged[0] > 20) {
                throw new IllegalStateException(new InterruptedException("sleep interrupted"));
            }
            return reward.of(answer);
        });
        TrainResult result = train(interrupted, directory, OnExisting.REFUSE, run -> {});
        assertTrue(Thread.interrupted());
        assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
        assertEquals(1, result.step());
    }

    @Test
    void otherRewardsAreAnotherRun() throws IOException {
        TrainConfig config = config(Method.LORA, LOSS).epochs(1).build();
        TrainConfig other = config(Method.LORA, LOSS.withScale(GrpoLoss.Scale.NONE))
                .epochs(1)
                .build();
        Case plain = new Case(config, lora(0), UnaryOperator.identity());
        train(
                plain,
                directory,
                OnExisting.REFUSE,
                run -> run.addListener(new TrainListener() {
                    @Override
                    public void onStep(StepEvent event) {
                        run.requestStop();
                    }
                }));
        Case scaled = new Case(other, lora(0), UnaryOperator.identity());
        String told = assertThrows(ConfigException.class, () -> train(scaled, directory, OnExisting.RESUME, run -> {}))
                .getMessage();
        assertTrue(told.contains("scale_rewards was group and is now none"), told);
    }

    @Test
    void whatDoesNotFitIsRefusedBefore() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(STORIES);
                Model model = Models.open(STORIES, ModelOptions.of(Task.CAUSAL_LM))) {
            TrainData prompts = new TrainData(rows(tokenizer), null, 0, 128);
            TrainData texts = new TrainData(Dataset.causalLmIds(List.of(new int[] {1, 2, 3})), null, 0, 128);
            TrainConfig usual = config(Method.LORA, LOSS).build();
            assertRefused("no reward judges the answers", model, prompts, usual);
            assertRefused("no reward judges the answers", model, prompts.withRewards(Rewards.of(Generator::of)), usual);
            assertRefused("the training data holds none (PromptDataset)", model, texts.withRewards(letter()), usual);
            assertRefused("num_generations is of rewards, and none judges answers", model, texts, usual);
            assertRefused(
                    "kl_beta above 0 sets answers against the model before training, and method full keeps no copy",
                    model,
                    prompts.withRewards(letter()),
                    config(Method.FULL, LOSS.withBeta(0.1)).build());
            assertRefused(
                    "tokens together, but the model was made for 512",
                    model,
                    prompts.withRewards(letter()),
                    config(Method.LORA, LOSS.withMaxCompletionLength(510)).build());
            assertRefused(
                    "label_smoothing_factor is 0.1, and answers that rewards judge are no targets",
                    model,
                    prompts.withRewards(letter()),
                    config(Method.LORA, LOSS)
                            .loss(loss -> loss.withLabelSmoothing(0.1))
                            .build());
            assertRefused(
                    "metric_for_best_model must be one of loss, reward for this task, got perplexity",
                    model,
                    prompts.withRewards(letter()),
                    config(Method.LORA, LOSS).metricForBest("perplexity").build());
            assertTrue(assertThrows(ConfigException.class, () -> new Evaluator(model, 0, 8).evaluate(rows(tokenizer)))
                    .getMessage()
                    .contains("the rows are prompts"));
            assertTrue(assertThrows(
                            DataException.class,
                            () -> PromptDataset.of(prompts("Lily went to the park and back."), tokenizer, 3, null))
                    .getMessage()
                    .contains("and beside an answer there is room for 3: raise max_length"));
            assertThrows(ConfigException.class, () -> letter().with("letter", LETTER));
            assertThrows(ConfigException.class, () -> letter().with("std", LETTER));
            assertThrows(ConfigException.class, () -> letter().with("other", Double.NaN, LETTER));
        }
    }

    private static void assertRefused(String why, Model model, TrainData data, TrainConfig config) {
        String told = assertThrows(ConfigException.class, () -> TrainingRun.requireFits(model, data, config))
                .getMessage();
        assertTrue(told.contains(why), told);
    }
}
