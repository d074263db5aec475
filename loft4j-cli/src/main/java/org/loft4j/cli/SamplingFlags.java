package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.infer.GenerationDefaults;
import org.loft4j.infer.SamplingConfig;
import picocli.CommandLine.Option;

/** How a language model chooses its tokens, and where it ends. */
final class SamplingFlags {
    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description =
                    "A continuation ends after so many tokens, or where the model ends it. Default: ${DEFAULT-VALUE}.")
    int maxNewTokens = 100;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description =
                    "Divides the logits before a token is drawn; 0 for always the likeliest one. Default: 0 for generate, 1 where another of these options draws; for chat the model's own.")
    @Nullable
    Double temperature;

    @Option(
            names = "--top-k",
            paramLabel = "K",
            description = "Draw from the K likeliest tokens; 0 for all. Default: 0; for chat the model's own.")
    @Nullable
    Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description =
                    "Draw from the likeliest tokens that together have this probability; 1 for all. Default: 1; for chat the model's own.")
    @Nullable
    Double topP;

    @Option(
            names = "--min-p",
            paramLabel = "P",
            description =
                    "Draw from tokens with at least this share of the likeliest one's probability; 0 for all. Default: 0; for chat the model's own.")
    @Nullable
    Double minP;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "X",
            description =
                    "Above 1: tokens that have come before are less likely; 1 for no such change. Default: 1; for chat the model's own.")
    @Nullable
    Double repetitionPenalty;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            description =
                    "A text that ends the continuation and is not part of it; may be given several times. Default: none.")
    List<String> stop = List.of();

    @Option(names = "--seed", paramLabel = "N", description = "Seed of what is drawn. Default: ${DEFAULT-VALUE}.")
    long seed;

    void check(Problems problems) {
        if (maxNewTokens < 1) {
            problems.add("max_new_tokens must be at least 1, got " + maxNewTokens);
        }
        if (stop.stream().anyMatch(String::isEmpty)) {
            problems.add("--stop must not be empty");
        }
        problems.of(() -> over(SamplingConfig.GREEDY));
    }

    /** Greedy, but for what was asked. */
    SamplingConfig orGreedy() {
        return over(SamplingConfig.GREEDY);
    }

    /** As the model's generation_config.json recommends, but for what was asked. */
    SamplingConfig orRecommended(Path modelDirectory) throws IOException {
        return over(GenerationDefaults.read(modelDirectory, seed));
    }

    private SamplingConfig over(SamplingConfig absent) {
        boolean draws = topK != null || topP != null || minP != null;
        double warmth = temperature != null ? temperature : draws && absent.isGreedy() ? 1 : absent.temperature();
        return new SamplingConfig(
                warmth,
                topK == null ? absent.topK() : topK,
                topP == null ? absent.topP() : topP,
                minP == null ? absent.minP() : minP,
                repetitionPenalty == null ? absent.repetitionPenalty() : repetitionPenalty,
                seed);
    }
}
