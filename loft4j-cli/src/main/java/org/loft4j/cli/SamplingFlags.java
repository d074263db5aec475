package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.infer.GenerationDefaults;
import org.loft4j.infer.SamplingConfig;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How a language model chooses its tokens, and where it ends. */
final class SamplingFlags {
    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description =
                    "A continuation ends after so many tokens, or where the model ends it. Default: ${DEFAULT-VALUE}.")
    int maxNewTokens = 100;

    @Mixin
    DrawFlags draw;

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
        return SamplingConfig.of(
                draw.over(absent.draw()),
                repetitionPenalty == null ? absent.repetitionPenalty() : repetitionPenalty,
                seed);
    }
}
