package org.loft4j.model.phi3;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Phi-3 model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param slidingWindow {@code sliding_window}: how many tokens each sees, itself the last of them; 0 for all before it
 * @param embeddingDropout {@code embd_pdrop}, while training
 * @param residualDropout {@code resid_pdrop}, while training
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Phi3Config(
        DecoderConfig sizes,
        Rope rope,
        long slidingWindow,
        double embeddingDropout,
        double residualDropout,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 4096, 1e-5, false, "hidden_act", "silu");

    public Phi3Config {
        Checks.fraction("embd_pdrop", embeddingDropout);
        Checks.fraction("resid_pdrop", residualDropout);
    }

    /** Reads config.json. */
    public static Phi3Config from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(
                json,
                Set.of("sliding_window", "embd_pdrop", "resid_pdrop", "attention_bias", "mlp_bias", "lm_head_bias"));
        ConfigKeys.require(json, "attention_bias", "false");
        ConfigKeys.require(json, "mlp_bias", "false");
        ConfigKeys.require(json, "lm_head_bias", "false");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new Phi3Config(
                sizes,
                Rope.from(json, sizes, 10000),
                LayerTypes.window(json, 0),
                json.doubleOr("embd_pdrop", 0),
                json.doubleOr("resid_pdrop", 0),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
