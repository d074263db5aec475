package org.loft4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.Reward;
import org.loft4j.train.Rewards;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/** A language model that learns by what is said of its own answers: right ones, and short ones rather than long ones. */
final class Rewarded {
    private Rewarded() {}

    static TrainResult run(Path base, List<RewardedPrompt> rows, Path output) throws IOException {
        Reward right = answer ->
                answer.completion().contains(String.valueOf(answer.columns().get("answer"))) ? 1 : 0;
        Reward brief = answer -> 1.0 / (1 + answer.completion().length());
        Rewards rewards = Rewards.of(Generator::of).with("right", right).with("brief", 0.1, brief);
        try (Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM));
                Tokenizer tokenizer = Tokenizer.open(base)) {
            PromptDataset prompts = PromptDataset.of(rows, tokenizer, 64, null);
            TrainData data = new TrainData(prompts, null, tokenizer.padId(), 96).withRewards(rewards);
            TrainConfig config = TrainConfig.builder(Method.LOFT, model)
                    .learningRate(
                            Method.LOFT.rewardLearningRate(model.description().hiddenSize()))
                    .loss(loss -> loss.withRewards(loss.rewards().withMaxCompletionLength(32)))
                    .batchSize(4)
                    .build();
            LoraConfig lora = LoraConfig.of(1, 2, TargetModules.allLinear());
            try (TrainingRun run = TrainingRun.open(model, data, config, lora, output, OnExisting.REFUSE)) {
                return run.run();
            }
        }
    }
}
