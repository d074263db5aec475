package org.loft4j.model.granite;

import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Granite model, dense or with mixtures of experts, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param mlpBias whether gate, up and down have biases
 * @param experts of each block in place of these; null for none
 * @param multipliers of embeddings, scores, parts of blocks and logits
 * @param classifierDropout before a classifier of tokens, while training
 */
public record GraniteConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        boolean mlpBias,
        @Nullable GraniteExperts experts,
        Multipliers multipliers,
        double classifierDropout) {
    static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 2048, 1e-6, false, "hidden_act", "silu");

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static GraniteConfig from(JsonObject json) throws CheckpointException {
        Set<String> keys = new HashSet<>(Multipliers.KEYS);
        keys.add("attention_bias");
        boolean mixtures = json.stringOr("model_type", GraniteModel.FAMILY).equals(GraniteModel.MIXTURE);
        keys.addAll(mixtures ? GraniteExperts.KEYS : Set.of("mlp_bias"));
        ConfigKeys.checkDecoder(json, keys);
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        GraniteExperts experts = mixtures ? GraniteExperts.from(json) : null;
        if (mixtures && experts == null) {
            throw new ConfigException(GraniteExperts.COUNT + " must be at least 1, got 0 in " + json.file());
        }
        return new GraniteConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", false),
                !mixtures && json.booleanOr("mlp_bias", false),
                experts,
                Multipliers.from(json),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
