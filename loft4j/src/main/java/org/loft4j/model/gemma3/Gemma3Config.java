package org.loft4j.model.gemma3;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Gemma 3 text model, as its config.json states it, or the {@code text_config} in that of a model with a vision
 * tower.
 *
 * @param sizes what all decoders state
 * @param queryPreAttnScalar {@code query_pre_attn_scalar}: scores are divided by its root
 * @param finalLogitSoftcapping bound of the logits; 0 for none
 * @param attentionBias whether q, k, v and o have biases
 * @param placement for each block its rotation and window: those that slide have a base of their own and no scaling
 * @param bothSides whether tokens see those behind them too, as in EmbeddingGemma
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Gemma3Config(
        DecoderConfig sizes,
        double queryPreAttnScalar,
        double finalLogitSoftcapping,
        boolean attentionBias,
        List<Placement> placement,
        boolean bothSides,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(4, 256, 131072, 1e-6, true, "hidden_activation", "gelu_pytorch_tanh");

    /** What Transformers' Gemma3TextConfig assumes; a {@code text_config} has few keys of its own. */
    private static final Map<String, Long> ABSENT_INSIDE = Map.of(
            "vocab_size", 262208L,
            "hidden_size", 2304L,
            "intermediate_size", 9216L,
            "num_hidden_layers", 26L,
            "num_attention_heads", 8L,
            "pad_token_id", 0L);

    /** Of images alone, all of them. */
    private static final Set<String> OF_IMAGES =
            Set.of("mm_tokens_per_image", "boi_token_index", "boi_token_id", "eoi_token_index", "eoi_token_id");

    public Gemma3Config {
        placement = List.copyOf(placement);
    }

    /** Reads config.json. Transformers reads {@code attn_logit_softcapping} and does not use it. */
    public static Gemma3Config from(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        if (isInside(config)) {
            ConfigKeys.checkAround(config, OF_IMAGES);
            ConfigKeys.require(json, ConfigKeys.BOTH_SIDES, "false");
        }
        ConfigKeys.checkDecoder(
                json,
                Set.of(
                        "query_pre_attn_scalar",
                        "attn_logit_softcapping",
                        "final_logit_softcapping",
                        "attention_bias",
                        ConfigKeys.BOTH_SIDES,
                        "sliding_window",
                        "sliding_window_pattern",
                        "layer_types",
                        "rope_local_base_freq"));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        int pattern = json.intOr("sliding_window_pattern", json.intOr("_sliding_window_pattern", 6, 1), 1);
        long window = LayerTypes.window(json, 4096);
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), i -> (i + 1) % pattern != 0);
        JsonObject full = RopeKeys.ofFullAttention(json);
        JsonObject windowed = RopeKeys.ofSlidingAttention(json);
        Rope global = Rope.from(json, full, sizes, RopeKeys.theta(json, full, 1e6));
        Rope local = Rope.from(json, windowed, sizes, RopeKeys.slidingTheta(json, windowed, 1e4));
        boolean bothSides = json.booleanOr(ConfigKeys.BOTH_SIDES, false);
        List<Placement> placement = new ArrayList<>();
        sliding.forEach(slides ->
                placement.add(slides ? new Placement(local, window, bothSides) : new Placement(global, 0, bothSides)));
        return new Gemma3Config(
                sizes,
                json.doubleOr("query_pre_attn_scalar", 256),
                json.doubleOr("final_logit_softcapping", 0),
                json.booleanOr("attention_bias", false),
                placement,
                bothSides,
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The config.json of the language model as a model of its own, of that of a model with a vision tower. */
    public static ObjectNode languageModel(JsonObject config) throws CheckpointException {
        return text(config).toTree().put("model_type", Gemma3Model.FAMILY);
    }

    /** Whether a config.json is that of a model with a vision tower. */
    static boolean isInside(JsonObject config) throws CheckpointException {
        return config.stringOr("model_type", "").equals(Gemma3Model.WITH_VISION);
    }

    private static JsonObject text(JsonObject config) throws CheckpointException {
        if (!isInside(config)) {
            return config;
        }
        JsonObject text = ConfigKeys.ofLanguageModel(config, ABSENT.tieWordEmbeddings());
        if (text.has("final_logit_softcapping")) {
            throw text.fault(
                    "final_logit_softcapping",
                    "must be null, found " + text.node("final_logit_softcapping")
                            + ": Transformers does not compute it in a model with a vision tower, and other programs do");
        }
        return text.withAbsent(ABSENT_INSIDE);
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        return DecoderConfig.maxPositions(json, RopeKeys.ofFullAttention(json), ABSENT.maxPositions());
    }
}
