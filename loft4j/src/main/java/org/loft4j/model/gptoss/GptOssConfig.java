package org.loft4j.model.gptoss;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.QuantisedConfig;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a gpt-oss model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param windows for each block how many tokens each sees, itself the last of them; 0 for all before it
 * @param experts of every block
 * @param classifierDropout before a classifier of tokens, while training
 */
record GptOssConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        List<Long> windows,
        GptOssExperts experts,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(8, 64, 131072, 1e-5, false, "hidden_act", "silu");

    private static final String EXPERTS = "num_local_experts";

    /**
     * Of which {@code initial_context_length} and {@code experts_per_token} are without effect: Transformers reads the same of
     * {@code rope_scaling} and {@code num_experts_per_tok}.
     */
    private static final Set<String> KEYS = Set.of(
            "sliding_window",
            "layer_types",
            "attention_bias",
            EXPERTS,
            "num_experts",
            "swiglu_limit",
            "initial_context_length",
            "experts_per_token",
            QuantisedConfig.KEY);

    GptOssConfig {
        windows = List.copyOf(windows);
    }

    /** Reads config.json. */
    static GptOssConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(json, ExpertLayout.keysWith(KEYS));
        ExpertLayout.requirePlainRouter(json);
        ConfigKeys.require(json, "hidden_act", "silu");
        // Transformers has both as numbers of its code
        ConfigKeys.require(json, "swiglu_limit", "7.0", "7");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        int experts = json.intOr(EXPERTS, json.intOr("num_experts", 128, 1), 1);
        ConfigKeys.require(json, "num_experts", String.valueOf(experts));
        long window = LayerTypes.window(json, 128);
        JsonObject scaling = scaling(json);
        return new GptOssConfig(
                sizes,
                Rope.from(json, scaling, sizes, RopeKeys.theta(json, scaling, 150000)),
                json.booleanOr("attention_bias", true),
                LayerTypes.sliding(json, sizes.layers(), block -> block % 2 == 0).stream()
                        .map(slides -> slides ? window : 0L)
                        .toList(),
                new GptOssExperts(
                        experts,
                        json.intOr("num_experts_per_tok", 4, 1),
                        sizes.intermediateSize(),
                        Mxfp4Blocks.of(json, sizes)),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The scaling, where the file is silent that of the family. */
    private static JsonObject scaling(JsonObject json) throws CheckpointException {
        JsonObject stated = RopeKeys.ofAllLayers(json);
        if (stated != null) {
            return stated;
        }
        ObjectNode yarn = JsonNodeFactory.instance
                .objectNode()
                .put("rope_type", "yarn")
                .put("factor", 32.0)
                .put("beta_fast", 32.0)
                .put("beta_slow", 1.0)
                .put("truncate", false)
                .put("original_max_position_embeddings", 4096L);
        return json.with("rope_scaling", yarn).requireObject("rope_scaling");
    }

    /** The longest sequence of a model with this config.json. */
    static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, scaling(json), ABSENT.maxPositions());
    }
}
