package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.infer.GenerationDefaults;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.nn.TokenDraw;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How a language model chooses its tokens, and where it ends. */
final class SamplingFlags {
    static final int MAX_NEW_TOKENS = 100;

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description =
                    "A continuation ends after so many tokens, or where the model ends it. Default: 100; for chat and encoder-decoders the model's own.")
    @Nullable
    Integer maxNewTokens;

    @Mixin
    DrawFlags draw;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "X",
            description =
                    "Above 1: tokens that have come before are less likely; 1 for no such change. Default: 1; for chat and encoder-decoders the model's own.")
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

    /** @param absent how tokens are chosen without a word of it */
    void check(Problems problems, Supplier<SamplingConfig> absent) {
        if (maxNewTokens != null && maxNewTokens < 1) {
            problems.add("max_new_tokens must be at least 1, got " + maxNewTokens);
        }
        if (stop.stream().anyMatch(String::isEmpty)) {
            problems.add("--stop must not be empty");
        }
        problems.of(() -> over(absent.get()));
    }

    /** So many as were asked for, else as the model's files have it, else {@value #MAX_NEW_TOKENS}. */
    int maxNewTokens(Path modelDirectory, boolean writer) throws IOException {
        return maxNewTokens != null
                ? maxNewTokens
                : GenerationDefaults.maxNewTokens(modelDirectory, writer).orElse(MAX_NEW_TOKENS);
    }

    /** As the model's generation_config.json recommends, but for what was asked. */
    SamplingConfig orRecommended(Path modelDirectory) throws IOException {
        return over(GenerationDefaults.read(modelDirectory, seed));
    }

    /** As it is without a word of it, but for what was asked. */
    SamplingConfig over(SamplingConfig absent) {
        TokenDraw drawn = draw.over(absent.draw());
        return new SamplingConfig(
                drawn.temperature(),
                drawn.topK(),
                drawn.topP(),
                drawn.minP(),
                repetitionPenalty == null ? absent.repetitionPenalty() : repetitionPenalty,
                absent.noRepeatNgramSize(),
                absent.minNewTokens(),
                absent.beams(),
                seed);
    }
}
