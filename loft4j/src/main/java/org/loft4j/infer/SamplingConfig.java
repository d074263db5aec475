package org.loft4j.infer;

import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.nn.TokenDraw;

/**
 * How the next token is chosen, with the meanings that Transformers gives to these names. The order is: repetition penalty,
 * what may not be written, temperature, top-k, top-p, min-p.
 *
 * @param temperature divides the logits; 0 for always the likeliest token
 * @param topK only so many of the likeliest tokens; 0 for all
 * @param topP only the likeliest tokens that together have this probability; 1 for all; Holtzman et al. 2019
 *     (arXiv:1904.09751), section 3.1
 * @param minP only tokens with at least this share of the likeliest one's probability; 0 for all; Nguyen et al. 2024
 *     (arXiv:2407.01082)
 * @param repetitionPenalty a logit of a token that has come before is divided by it where it is positive, else multiplied; 1 for
 *     none; Keskar et al. 2019 (arXiv:1909.05858), section 4.1
 * @param noRepeatNgramSize so many tokens in a row come once at most, the prompt's included, or what an encoder-decoder begins
 *     with; 0 for no such rule; Paulus et al. 2017 (arXiv:1705.04304), section 2.5
 * @param minNewTokens before so many, no stop id is written (a stop text may cut before); 0 for any number
 * @param beams not together with a temperature above 0
 * @param seed of the draws
 */
public record SamplingConfig(
        double temperature,
        int topK,
        double topP,
        double minP,
        double repetitionPenalty,
        int noRepeatNgramSize,
        int minNewTokens,
        BeamConfig beams,
        long seed) {
    /** Always the likeliest token. */
    public static final SamplingConfig GREEDY = new SamplingConfig(0, 0, 1, 0, 1, 0);

    public SamplingConfig {
        new TokenDraw(temperature, topK, topP, minP);
        Checks.positive("repetition_penalty", repetitionPenalty);
        Checks.atLeast("no_repeat_ngram_size", noRepeatNgramSize, 0);
        Checks.atLeast("min_new_tokens", minNewTokens, 0);
        if (beams.areSeveral() && temperature != 0) {
            throw new ConfigException(
                    "num_beams = " + beams.count() + " looks for the likeliest text, and temperature = " + temperature
                            + " draws one: set num_beams to 1, or temperature to 0");
        }
    }

    /** Token by token, and nothing beside. */
    public SamplingConfig(double temperature, int topK, double topP, double minP, double repetitionPenalty, long seed) {
        this(temperature, topK, topP, minP, repetitionPenalty, 0, 0, BeamConfig.NONE, seed);
    }

    /** The same with beams. */
    public SamplingConfig withBeams(BeamConfig others) {
        return new SamplingConfig(
                temperature, topK, topP, minP, repetitionPenalty, noRepeatNgramSize, minNewTokens, others, seed);
    }

    /** The same with another rule on tokens that come again. */
    public SamplingConfig withNoRepeatNgramSize(int size) {
        return new SamplingConfig(temperature, topK, topP, minP, repetitionPenalty, size, minNewTokens, beams, seed);
    }

    /** The same with another least length. */
    public SamplingConfig withMinNewTokens(int least) {
        return new SamplingConfig(
                temperature, topK, topP, minP, repetitionPenalty, noRepeatNgramSize, least, beams, seed);
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
