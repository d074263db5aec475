package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Origin;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** A model of stories, prompts, the reward that judges its answers to them, and runs that learn by it. */
final class TinyRewards {
    static final Path STORIES = Fixture.directory("stories260K");
    static final GrpoLoss LOSS = GrpoLoss.USUAL.withMaxCompletionLength(12).withGenerations(4);

    /** How much of an answer is the letter e. */
    static final Reward LETTER =
            answer -> (double) answer.completion().chars().filter(c -> c == 'e').count()
                    / Math.max(1, answer.completion().length());

    private TinyRewards() {}

    static List<RewardedPrompt> prompts(String... texts) {
        List<RewardedPrompt> rows = new ArrayList<>();
        for (String text : texts) {
            Origin origin = new Origin(Path.of("prompts.jsonl"), rows.size() + 1);
            rows.add(new RewardedPrompt(
                    new PromptCompletion(text, "", origin), Map.of("prompt", text, "who", "Lily"), origin));
        }
        return rows;
    }

    static PromptDataset rows(Tokenizer tokenizer) throws IOException {
        String[] texts = Stream.of("Lily", "Tom", "Ben", "Mia")
                .flatMap(name ->
                        Stream.of(name + " had a ball.", "One day, " + name + " went out.", name + " saw a cat."))
                .toArray(String[]::new);
        return PromptDataset.of(prompts(texts), tokenizer, 64, null);
    }

    static TrainData data(Tokenizer tokenizer, Rewards rewards) throws IOException {
        PromptDataset held = PromptDataset.of(prompts("Sam ran.", "Sue sat.", "Max ate."), tokenizer, 64, null);
        return new TrainData(rows(tokenizer), held, tokenizer.padId(), 128).withRewards(rewards);
    }

    static Rewards letter() {
        return Rewards.of(Generator::of).with("letter", LETTER);
    }

    static LoraConfig lora(double dropout) {
        return new LoraConfig(1, 1, dropout, TargetModules.allLinear(), null, false, List.of());
    }

    static TrainConfig.Builder config(Method method, GrpoLoss loss) {
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
    record Case(TrainConfig config, LoraConfig lora, UnaryOperator<Reward> wrapped, boolean logged) {
        Case(TrainConfig config, LoraConfig lora, UnaryOperator<Reward> wrapped) {
            this(config, lora, wrapped, false);
        }
    }

    interface Watch {
        void over(TrainingRun run) throws IOException;
    }

    static TrainResult train(Case how, Path output, OnExisting onExisting, Watch watch) throws IOException {
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

    static TrainListener each(List<StepEvent> steps) {
        return new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                steps.add(event);
            }
        };
    }
}
