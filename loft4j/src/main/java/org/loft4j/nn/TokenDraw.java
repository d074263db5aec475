package org.loft4j.nn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/**
 * How a token is drawn from the logits z, with the meanings and in the order that Transformers gives to these names: from
 * {@code softmax(z / T)}, of which some tokens are left.
 *
 * @param temperature T, which divides the logits; 0 for always the likeliest token
 * @param topK only so many of the likeliest tokens; 0 for all
 * @param topP only the likeliest tokens that together have this probability; 1 for all; Holtzman et al. 2019
 *     (arXiv:1904.09751), section 3.1
 * @param minP only tokens with at least this share of the likeliest one's probability; 0 for all; Nguyen et al. 2024
 *     (arXiv:2407.01082)
 */
public record TokenDraw(double temperature, int topK, double topP, double minP) {
    /** From the probabilities as they are. */
    public static final TokenDraw PLAIN = new TokenDraw(1, 0, 1, 0);

    /** Always the likeliest token. */
    public static final TokenDraw LIKELIEST = new TokenDraw(0, 0, 1, 0);

    public TokenDraw {
        List<String> problems = new ArrayList<>();
        Checks.collect(problems, () -> Checks.notNegative("temperature", temperature));
        Checks.collect(problems, () -> Checks.atLeast("top_k", topK, 0));
        if (!(topP > 0 && topP <= 1)) {
            problems.add("top_p must be above 0 and at most 1, got " + topP);
        }
        if (!(minP >= 0 && minP <= 1)) {
            problems.add("min_p must be from 0 to 1, got " + minP);
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    /** The settings by name, for the record of a run. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("temperature", temperature);
        map.put("top_k", topK);
        map.put("top_p", topP);
        map.put("min_p", minP);
        return map;
    }
}
