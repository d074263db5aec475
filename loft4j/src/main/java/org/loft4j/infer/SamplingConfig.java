package org.loft4j.infer;

import org.loft4j.Checks;
import org.loft4j.nn.TokenDraw;

/**
 * How the next token is chosen, with the meanings that Transformers gives to these names. The order is: repetition penalty,
 * temperature, top-k, top-p, min-p.
 *
 * @param temperature divides the logits; 0 for always the likeliest token
 * @param topK only so many of the likeliest tokens; 0 for all
 * @param topP only the likeliest tokens that together have this probability; 1 for all; Holtzman et al. 2019
 *     (arXiv:1904.09751), section 3.1
 * @param minP only tokens with at least this share of the likeliest one's probability; 0 for all; Nguyen et al. 2024
 *     (arXiv:2407.01082)
 * @param repetitionPenalty a logit of a token that has come before is divided by it where it is positive, else multiplied; 1 for
 *     none; Keskar et al. 2019 (arXiv:1909.05858), section 4.1
 * @param seed of the draws
 */
public record SamplingConfig(
        double temperature, int topK, double topP, double minP, double repetitionPenalty, long seed) {
    /** Always the likeliest token. */
    public static final SamplingConfig GREEDY = new SamplingConfig(0, 0, 1, 0, 1, 0);

    public SamplingConfig {
        new TokenDraw(temperature, topK, topP, minP);
        Checks.positive("repetition_penalty", repetitionPenalty);
    }

    /** What is drawn so, with this penalty. */
    public static SamplingConfig of(TokenDraw draw, double repetitionPenalty, long seed) {
        return new SamplingConfig(draw.temperature(), draw.topK(), draw.topP(), draw.minP(), repetitionPenalty, seed);
    }

    /** The same without penalty and seed. */
    public TokenDraw draw() {
        return new TokenDraw(temperature, topK, topP, minP);
    }

    public boolean isGreedy() {
        return temperature == 0;
    }
}
