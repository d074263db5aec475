package org.loft4j.model.gemma2;

import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Gemma 2 model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param queryPreAttnScalar {@code query_pre_attn_scalar}: scores are divided by its root
 * @param attnLogitSoftcapping bound of the scores; 0 for none
 * @param finalLogitSoftcapping bound of the logits; 0 for none
 * @param attentionBias whether q, k, v and o have biases
 * @param windows for each block how many tokens each sees, itself the last of them; 0 for all before it
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Gemma2Config(
        DecoderConfig sizes,
        Rope rope,
        double queryPreAttnScalar,
        double attnLogitSoftcapping,
        double finalLogitSoftcapping,
        boolean attentionBias,
        List<Long> windows,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(4, 256, 8192, 1e-6, true, "hidden_activation", "gelu_pytorch_tanh");

    public Gemma2Config {
        windows = List.copyOf(windows);
    }

    /** Reads config.json. {@code hidden_act} counts only where there is no {@code hidden_activation}: it never does. */
    public static Gemma2Config from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(
                json,
                Set.of(
                        "query_pre_attn_scalar",
                        "attn_logit_softcapping",
                        "final_logit_softcapping",
                        "attention_bias",
                        "sliding_window",
                        "layer_types"));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        long window = LayerTypes.window(json, 4096);
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), i -> i % 2 == 0);
        return new Gemma2Config(
                sizes,
                Rope.from(json, sizes, 10000),
                json.doubleOr("query_pre_attn_scalar", 256),
                softcap(json, "attn_logit_softcapping", 50),
                softcap(json, "final_logit_softcapping", 30),
                json.booleanOr("attention_bias", false),
                sliding.stream().map(slides -> slides ? window : 0L).toList(),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** A bound that is {@code null} is none; one that is missing is the family's. */
    private static double softcap(JsonObject json, String key, double absent) throws CheckpointException {
        return json.keys().contains(key) ? json.doubleOr(key, 0) : absent;
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
