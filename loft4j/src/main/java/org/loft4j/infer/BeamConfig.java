package org.loft4j.infer;

import java.util.Arrays;
import java.util.Locale;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/**
 * How many beginnings of a text are held at a time, and which of those that have ended is taken, with the meanings that
 * Transformers gives to these names. Each ended one has the score {@code log p / n^lengthPenalty}, of the sum of the logarithms of
 * its tokens' probabilities and their number n, its end included; the best is taken. Wu et al. 2016 (arXiv:1609.08144), section 7.
 *
 * @param count {@code num_beams}, at most {@value #MOST}; 1 for none
 * @param lengthPenalty above 0 longer texts are favoured, below 0 shorter ones; 0 for none
 * @param earlyStopping when as many have ended as there are beams
 */
public record BeamConfig(int count, double lengthPenalty, EarlyStopping earlyStopping) {
    /** So many at most: each is a row of the batch, with a cache of its own. */
    public static final int MOST = 1024;

    /** No beams: token by token. */
    public static final BeamConfig NONE = of(1);

    /** When a search ends that has as many ended texts as beams. */
    public enum EarlyStopping {
        /** Then. */
        TRUE,
        /** When the best beam, as long as it is now, has no better score than the worst of them. */
        FALSE,
        /** When the best beam can have no better score than the worst of them, were it as long as a text may be and sure of all of it. */
        NEVER;

        /**
         * Of Transformers' word: {@code true}, {@code false} or {@code never}.
         *
         * @throws ConfigException if it is none of these
         */
        public static EarlyStopping parse(String word) {
            return Arrays.stream(values())
                    .filter(each -> each.word().equals(word))
                    .findFirst()
                    .orElseThrow(() ->
                            new ConfigException("early_stopping must be true, false or never, got '" + word + "'"));
        }

        /** As Transformers writes it. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public BeamConfig {
        Checks.within("num_beams", count, 1, MOST);
        if (!Double.isFinite(lengthPenalty)) {
            throw new ConfigException("length_penalty must be finite, got " + lengthPenalty);
        }
    }

    /** So many, with Transformers' own settings beside. */
    public static BeamConfig of(int count) {
        return new BeamConfig(count, 1, EarlyStopping.FALSE);
    }

    /** Whether there are several. */
    public boolean areSeveral() {
        return count > 1;
    }
}
