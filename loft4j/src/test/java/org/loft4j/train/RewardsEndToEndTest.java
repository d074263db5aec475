package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.Origin;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.RecurrentMixer;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenDraw;

/** A model of stories that learns by what is said of the stories that it tells. */
class RewardsEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path STORIES = Fixture.directory("stories260K");
    private static final GrpoLoss LOSS =
            GrpoLoss.USUAL.withMaxCompletionLength(12).withGenerations(4);

    /** How much of an answer is the letter e. */
    private static final Reward LETTER =
            answer -> (double) answer.completion().chars().filter(c -> c == 'e').count()
                    / Math.max(1, answer.completion().length());

    @TempDir
    private Path directory;

    private static List<RewardedPrompt> prompts(String... texts) {
        List<RewardedPrompt> rows = new ArrayList<>();
        for (String text : texts) {
            Origin origin = new Origin(Path.of("prompts.jsonl"), rows.size() + 1);
            rows.add(new RewardedPrompt(
                    new PromptCompletion(text, "", origin), Map.of("prompt", text, "who", "Lily"), origin));
        }
        return rows;
    }

    private static PromptDataset train(Tokenizer tokenizer) throws IOException {
        String[] texts = Stream.of("Lily", "Tom", "Ben", "Mia")
                .flatMap(name ->
                        Stream.of(name + " had a ball.", "One day, " + name + " went out.", name + " saw a cat."))
                .toArray(String[]::new);
        return PromptDataset.of(prompts(texts), tokenizer, 64, null);
    }

    private static TrainData data(Tokenizer tokenizer, Rewards rewards) throws IOException {
        PromptDataset held = PromptDataset.of(prompts("Sam ran.", "Sue sat.", "Max ate."), tokenizer, 64, null);
        return new TrainData(train(tokenizer), held, tokenizer.padId(), 128).withRewards(rewards);
    }

    private static Rewards letter() {
        return Rewards.of(Generator::of).with("letter", LETTER);
    }

    private static LoraConfig lora(double dropout) {
        return new LoraConfig(1, 1, dropout, TargetModules.allLinear(), null, false, List.of());
    }

    private static TrainConfig.Builder config(Method method, GrpoLoss loss) {
        return TrainConfig.builder(method)
                .batchSize(2)
                .gradientAccumulationSteps(2)
                .learningRate(3e-3)
                .evalSteps(3)
                .saveSteps(2)
                .loggingSteps(2)
                .seed(3)
                .loss(settings -> settings.withRewards(loss));
    }

    /** Settings of a run, but for what is trained. */
    private record Case(TrainConfig config, LoraConfig lora, UnaryOperator<Reward> wrapped, boolean logged) {
        Case(TrainConfig config, LoraConfig lora, UnaryOperator<Reward> wrapped) {
            this(config, lora, wrapped, false);
        }
    }

    private interface Watch {
        void over(TrainingRun run) throws IOException;
    }

    private static TrainResult train(Case how, Path output, OnExisting onExisting, Watch watch) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(STORIES);
                Model model = Models.open(STORIES, ModelOptions.of(Task.CAUSAL_LM))) {
            Rewards rewards = Rewards.of(Generator::of)
                    .with("letter", how.wrapped().apply(LETTER))
                    .withLogged(how.logged());
            try (TrainingRun run =
                    TrainingRun.open(model, data(tokenizer, rewards), how.config(), how.lora(), output, onExisting)) {
                watch.over(run);
                return run.run();
            }
        }
    }

    private static TrainListener each(List<StepEvent> steps) {
        return new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                steps.add(event);
            }
        };
    }

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

    /** The lines of steps that are logged and of evaluations, whose means are those of the metrics. */
    @Test
    void whatTheModelAnswersIsWrittenDown() throws IOException {
        TrainConfig config = config(Method.LOFT, LOSS).epochs(2).build();
        train(new Case(config, lora(0), UnaryOperator.identity(), true), directory, OnExisting.REFUSE, run -> {});
        Map<String, List<JsonNode>> lines = completions(directory);
        // 6 steps of 4 prompts with 4 answers, and 3 held-out prompts
        assertEquals(
                Map.of("2 false", 16, "4 false", 16, "6 false", 16, "3 true", 3, "6 true", 3),
                lines.entrySet().stream()
                        .collect(Collectors.toMap(
                                Map.Entry::getKey, entry -> entry.getValue().size())));
        for (String line : Files.readAllLines(directory.resolve("metrics.jsonl"))) {
            JsonNode told = JSON.readTree(line);
            boolean held = told.has("eval_loss");
            if (held) {
                List<JsonNode> own = lines.get(told.get("step") + " true");
                assertEquals(told.get("eval_reward").asDouble(), mean(own, "reward"), 1e-12);
                assertEquals(told.get("eval_completion_length").asDouble(), mean(own, "tokens"), 1e-12);
                assertEquals(
                        told.get("eval_clipped_ratio").asDouble(),
                        own.stream()
                                        .filter(one -> !one.get("ended").asBoolean())
                                        .count()
                                / 3.0,
                        1e-12);
            }
        }
        List<JsonNode> first = lines.get("2 false");
        double[] rewards = first.stream()
                .mapToDouble(line -> line.get("reward").asDouble())
                .toArray();
        double[] advantages = first.stream()
                .mapToDouble(line -> line.get("advantage").asDouble())
                .toArray();
        assertArrayEquals(LOSS.advantages(rewards), advantages);
        for (JsonNode line : first) {
            String said = line.get("completion").asText();
            assertEquals(
                    LETTER.of(new Reward.Answer("", said, Map.of())),
                    line.get("reward").asDouble());
            assertTrue(line.get("prompt").asText().matches(".*(Lily|Tom|Ben|Mia).*"), line::toString);
        }
        assertFalse(lines.get("3 true").get(0).has("advantage"));
        assertFalse(lines.get("3 true").get(0).has("reward_letter"));
    }

    private static Map<String, List<JsonNode>> completions(Path run) throws IOException {
        Map<String, List<JsonNode>> lines = new LinkedHashMap<>();
        for (String line : Files.readAllLines(run.resolve("completions.jsonl"))) {
            JsonNode told = JSON.readTree(line);
            lines.computeIfAbsent(told.get("step") + " " + told.get("eval"), key -> new ArrayList<>())
                    .add(told);
        }
        return lines;
    }

    private static double mean(List<JsonNode> lines, String key) {
        return lines.stream()
                .mapToDouble(line -> line.get(key).asDouble())
                .average()
                .orElseThrow();
    }

    /** Whether a stop comes in the answers of a step, or of an evaluation whose lines are there in part: they are told once. */
    @ParameterizedTest
    @ValueSource(ints = {4 * 16 + 7, 3 * 16 + 2})
    void answersAreToldOnceHoweverOftenARunIsStopped(int stopAt) throws IOException {
        TrainConfig config = config(Method.LOFT, LOSS).epochs(2).loggingSteps(1).build();
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        Case plain = new Case(config, lora(0), UnaryOperator.identity(), true);
        train(plain, whole, OnExisting.REFUSE, run -> {});
        TrainingRun[] running = new TrainingRun[1];
        int[] judged = new int[1];
        Case stopping = new Case(
                config,
                lora(0),
                reward -> answer -> {
                    if (++judged[0] == stopAt) {
                        running[0].requestStop();
                    }
                    return reward.of(answer);
                },
                true);
        long behind = train(stopping, stopped, OnExisting.REFUSE, run -> running[0] = run)
                .step();
        assertEquals(stopAt < 4 * 16 ? 3 : 4, behind);
        Path file = stopped.resolve("completions.jsonl");
        // what a kill would have left there: answers of an evaluation that will be made again, of a step behind the
        // checkpoint, and half a line
        String again = behind == 3 ? "{\"step\":3,\"eval\":true,\"prompt\":\"Sam\"}\n" : "";
        Files.writeString(
                file,
                again + "{\"step\":5,\"eval\":false,\"prompt\":\"Lily\"}\n{\"step\":5,\"ev",
                StandardOpenOption.APPEND);
        train(plain, stopped, OnExisting.RESUME, run -> {});
        assertEquals(Files.readAllLines(whole.resolve("completions.jsonl")), Files.readAllLines(file));
    }

    /** A run that goes on without writing answers down leaves none of steps that it makes again, nor half a line. */
    @Test
    void answersBehindTheCheckpointGoWithoutNewOnes() throws IOException {
        TrainConfig config = config(Method.LOFT, LOSS).epochs(1).loggingSteps(1).build();
        Case logged = new Case(config, lora(0), UnaryOperator.identity(), true);
        train(
                logged,
                directory,
                OnExisting.REFUSE,
                run -> run.addListener(new TrainListener() {
                    @Override
                    public void onStep(StepEvent event) {
                        run.requestStop();
                    }
                }));
        Path file = directory.resolve("completions.jsonl");
        List<String> kept = Files.readAllLines(file);
        assertEquals(16, kept.size());
        Files.writeString(file, "{\"step\":2,\"eval\":false}\n{\"step\":2,\"ev", StandardOpenOption.APPEND);
        train(new Case(config, lora(0), UnaryOperator.identity()), directory, OnExisting.RESUME, run -> {});
        assertEquals(kept, Files.readAllLines(file));
    }

    private static Evaluation judged(Model model, Rewards rewards) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(STORIES)) {
            return new AnswerJudge(model, rewards, 4).evaluate(train(tokenizer), 2, TokenDraw.LIKELIEST, 0);
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
                                + " finite number"),
                told);
        Case failing = new Case(config, lora(0), reward -> answer -> {
            throw new IllegalStateException(
                    "no such answer to " + answer.columns().get("who"));
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
            TrainData prompts = new TrainData(train(tokenizer), null, 0, 128);
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
            assertTrue(assertThrows(ConfigException.class, () -> new Evaluator(model, 0, 8).evaluate(train(tokenizer)))
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

    private static MemoryEstimate reckoned(Path directory, double beta) throws IOException {
        MemoryPlan plan = new MemoryPlan(
                TrainConfig.builder(Method.LORA)
                        .loss(loss -> loss.withRewards(loss.rewards().withBeta(beta)))
                        .build(),
                LoraConfig.of(1, 1, TargetModules.allLinear()),
                LoadIn.FULL,
                new MemoryPlan.Load(64, 288, 0, 0, 1_000_000),
                new MemoryPlan.Attention(8, false, false));
        try (Model outline = Models.outline(directory, ModelOptions.of(Task.CAUSAL_LM))) {
            return MemoryEstimate.of(outline, plan);
        }
    }

    /**
     * Of each token of prompts and answers five layers keep keys and values of four heads of eight numbers, with room for another. Of
     * the next token there are 512 logits for each of the 64 texts.
     */
    @Test
    void answersAreReckonedByWhatTheirCacheKeeps() throws IOException {
        MemoryEstimate free = reckoned(STORIES, 0);
        assertEquals(1_000_000L * 2 * 5 * 2 * 4 * 8 * 4 + 64 * 512 * 4, free.evaluation());
        // what was before training, and what is while that is looked at
        assertEquals(3 * free.adapter(), reckoned(STORIES, 0.1).adapter());
        // one layer of four has keys and values, the others a matrix a head for each of the 64 texts
        Path linear = Fixture.directory("qwen3_5_text");
        try (Model outline = Models.outline(linear, ModelOptions.of(Task.CAUSAL_LM))) {
            CausalDecoder decoder = (CausalDecoder) outline;
            long keys = 0;
            long memories = 0;
            for (DecoderBlock block : decoder.blocks()) {
                keys += block.attention().cached();
                memories += block.attention() instanceof RecurrentMixer mixer ? mixer.remembered() : 0;
            }
            assertTrue(keys > 0 && memories > 0);
            assertEquals(
                    1_000_000L * 2 * keys * 4
                            + 64 * memories * 4
                            + 64 * outline.description().vocabularySize() * 4,
                    reckoned(linear, 0).evaluation());
        }
    }

    private static void assertRefused(String why, Model model, TrainData data, TrainConfig config) {
        String told = assertThrows(ConfigException.class, () -> TrainingRun.requireFits(model, data, config))
                .getMessage();
        assertTrue(told.contains(why), told);
    }
}
