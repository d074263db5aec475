package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.nn.TokenDraw;
import picocli.CommandLine.Option;

/** How a language model draws its tokens. */
final class DrawFlags {
    static final String[] NAMES = {"--temperature", "--top-k", "--top-p", "--min-p"};

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description =
                    "Divides the logits before a token is drawn; 0 for always the likeliest one. Default: 1 for train and compare, 0 for generate and eval, 1 where another of these options draws; for chat the model's own.")
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

    /** As it is drawn where nothing is asked for, but for what was asked; to leave tokens out is to draw. */
    TokenDraw over(TokenDraw absent) {
        boolean draws = topK != null || topP != null || minP != null;
        double usual = draws && absent.temperature() == 0 ? 1 : absent.temperature();
        return new TokenDraw(
                temperature == null ? usual : temperature,
                topK == null ? absent.topK() : topK,
                topP == null ? absent.topP() : topP,
                minP == null ? absent.minP() : minP);
    }
}
