package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.List;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.Model;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How sentence embeddings are learnt. */
final class EmbeddingFlags {
    @Mixin
    MatchFlags prompts;

    @Option(
            names = "--similarity-scale",
            paramLabel = "SCALE",
            description =
                    "Of sentence embeddings: what multiplies the cosines of texts, the inverse of a temperature. Default: ${DEFAULT-VALUE}.")
    double similarityScale = MatchLoss.SCALE;

    @Option(
            names = "--matryoshka-dims",
            paramLabel = "N",
            split = ",",
            description =
                    "Of sentence embeddings: lengths to which vectors are cut, with commas between, such as 384,128,64: the loss"
                            + " is the sum of those of each, so that their first numbers are of use alone. Default: none, whole vectors.")
    List<Integer> matryoshkaDims = List.of();

    void apply(TrainConfig.Builder config) {
        config.loss(loss -> loss.withMatches(new MatchLoss(similarityScale, matryoshkaDims)));
    }

    /** Says which numbers of vectors are not learnt, where these are cut to shorter ones alone. */
    static void tell(TrainConfig config, Model model, PrintWriter err) {
        long width = model.vectorSize();
        int longest = config.loss().matches().lengths().stream()
                .mapToInt(length -> length)
                .max()
                .orElse(0);
        if (longest > 0 && longest < width) {
            err.println("loft: of each vector's " + width + " numbers those behind the first " + longest
                    + " are not learnt: give " + width + " among --matryoshka-dims if vectors are used whole, too");
        }
    }
}
