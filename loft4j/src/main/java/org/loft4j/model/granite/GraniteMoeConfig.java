package org.loft4j.model.granite;

import java.util.HashSet;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Granite 3 with mixtures of experts, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param experts of each block
 * @param multipliers of embeddings, scores, parts of blocks and logits
 * @param classifierDropout before a classifier of tokens, while training
 */
record GraniteMoeConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        GraniteExperts experts,
        Multipliers multipliers,
        double classifierDropout) {
    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    static GraniteMoeConfig from(JsonObject json) throws CheckpointException {
        Set<String> keys = new HashSet<>(Multipliers.KEYS);
        keys.addAll(GraniteExperts.KEYS);
        keys.add("attention_bias");
        ConfigKeys.checkDecoder(json, keys);
        DecoderConfig sizes = DecoderConfig.from(json, GraniteConfig.ABSENT);
        GraniteExperts experts = GraniteExperts.from(json);
        if (experts == null) {
            throw new ConfigException(GraniteExperts.COUNT + " must be at least 1, got 0 in " + json.file());
        }
        return new GraniteMoeConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", false),
                experts,
                Multipliers.from(json),
                DecoderConfig.tokenClassifierDropout(json));
    }
}
