package org.loft4j.cli;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.infer.BeamConfig;
import org.loft4j.infer.SamplingConfig;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** How many beginnings of a text are held at a time, and what may not be written. */
final class BeamFlags {
    private static final String PENALTY = "--length-penalty";
    private static final String STOPPING = "--early-stopping";

    @Spec(Target.MIXEE)
    CommandSpec verb;

    @Option(
            names = "--num-beams",
            paramLabel = "N",
            description =
                    "Look for the likeliest text with so many beginnings at a time; 1 for the likeliest token each time. Not with what draws. Default: 1; for an encoder-decoder the model's own.")
    @Nullable
    Integer numBeams;

    @Option(
            names = PENALTY,
            paramLabel = "X",
            description =
                    "Of beams: the logarithm of a text's probability is divided by its length to this power; above 0 favours longer texts, below 0 shorter ones. Default: 1; for an encoder-decoder the model's own.")
    @Nullable
    Double lengthPenalty;

    @Option(
            names = STOPPING,
            paramLabel = "WHEN",
            converter = Words.OfEarlyStopping.class,
            completionCandidates = WordLists.EarlyStoppings.class,
            description =
                    "Of beams: end once as many texts have ended as there are beams (true), or once no beam is better than the worst of these at its present length (false) or at any (never). Default: false; for an encoder-decoder the model's own.")
    BeamConfig.@Nullable EarlyStopping earlyStopping;

    @Option(
            names = "--no-repeat-ngram-size",
            paramLabel = "N",
            description =
                    "So many tokens in a row come once at most; 0 for no such rule. Default: 0; for an encoder-decoder the model's own.")
    @Nullable
    Integer noRepeatNgramSize;

    @Option(
            names = "--min-new-tokens",
            paramLabel = "N",
            description =
                    "The model does not end a continuation before so many tokens; a --stop text may. Default: 0; for an encoder-decoder the model's own.")
    @Nullable
    Integer minNewTokens;

    /** @param maxNewTokens null where the model's files say it */
    void check(Problems problems, @Nullable Integer maxNewTokens) {
        if (maxNewTokens != null) {
            problems.of(() -> {
                requireLength(maxNewTokens, true);
                return maxNewTokens;
            });
        }
    }

    /**
     * Refuses a least length that no text can have.
     *
     * @param said whether the call says the greatest, and not the model's files
     * @throws ConfigException if it is above the greatest
     */
    void requireLength(int maxNewTokens, boolean said) {
        if (minNewTokens != null && minNewTokens > maxNewTokens) {
            throw new ConfigException("min_new_tokens must be at most max_new_tokens, " + maxNewTokens
                    + (said ? "" : " without --max-new-tokens, by the model's files or by default") + ", got "
                    + minNewTokens + (said ? "" : ": give --max-new-tokens " + minNewTokens + " or more"));
        }
    }

    /** As it is without a word of it, but for what was asked. */
    SamplingConfig over(SamplingConfig absent) {
        BeamConfig beams = absent.beams();
        return absent.withBeams(new BeamConfig(
                        numBeams == null ? beams.count() : numBeams,
                        lengthPenalty == null ? beams.lengthPenalty() : lengthPenalty,
                        earlyStopping == null ? beams.earlyStopping() : earlyStopping))
                .withNoRepeatNgramSize(noRepeatNgramSize == null ? absent.noRepeatNgramSize() : noRepeatNgramSize)
                .withMinNewTokens(minNewTokens == null ? absent.minNewTokens() : minNewTokens);
    }

    /**
     * Refuses what is of beams where there are none.
     *
     * @throws ConfigException if the call asks for it
     */
    void requireUse(SamplingConfig asked) {
        List<String> idle = List.of(PENALTY, STOPPING).stream()
                // a file of settings serves other models too
                .filter(verb.commandLine().getParseResult()::hasMatchedOption)
                .toList();
        if (!idle.isEmpty() && !asked.beams().areSeveral()) {
            throw new ConfigException(String.join(", ", idle) + (idle.size() == 1 ? " is" : " are")
                    + " of beams, and there is one: give --num-beams 2 or more");
        }
    }

    /**
     * Tells of a least length in the model's files that no text can have.
     *
     * @param said whether the call says the greatest, and not the model's files
     */
    void warn(SamplingConfig asked, Path model, int maxNewTokens, boolean said) {
        if (asked.minNewTokens() > maxNewTokens) {
            verb.commandLine()
                    .getErr()
                    .println("loft: " + model + " asks for at least " + asked.minNewTokens()
                            + " new tokens, and "
                            + (said ? "--max-new-tokens is " : "without --max-new-tokens it writes at most ")
                            + maxNewTokens
                            + ": each text is cut there, before the model may end it; give a greater --max-new-tokens,"
                            + " or --min-new-tokens " + (maxNewTokens - 1) + " or less");
        }
    }
}
