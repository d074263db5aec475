package org.loft4j.model.phi;

import com.fasterxml.jackson.databind.node.DoubleNode;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Phi-1, Phi-1.5 or Phi-2 model, as its config.json states it.
 *
 * @param sizes what all decoders state; {@code rmsNormEps} is {@code layer_norm_eps}
 * @param rope rotary positions, of half of a head where the file does not say
 * @param headNorms {@code qk_layernorm}: whether queries and keys have a norm of each head
 * @param embeddingDropout {@code embd_pdrop}, while training
 * @param residualDropout {@code resid_pdrop}, while training
 * @param classifierDropout before a classifier of tokens, while training
 */
public record PhiConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean headNorms,
        double embeddingDropout,
        double residualDropout,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 2048, 1e-5, false, "hidden_act", "gelu_new");

    public PhiConfig {
        Checks.fraction("embd_pdrop", embeddingDropout);
        Checks.fraction("resid_pdrop", residualDropout);
    }

    /** Reads config.json. */
    public static PhiConfig from(JsonObject config) throws CheckpointException {
        ConfigKeys.checkDecoder(config, Set.of("layer_norm_eps", "qk_layernorm", "embd_pdrop", "resid_pdrop"));
        double eps = Checks.positive("layer_norm_eps", config.doubleOr("layer_norm_eps", ABSENT.rmsNormEps()));
        JsonObject json = config.with("rms_norm_eps", DoubleNode.valueOf(eps));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        JsonObject rope = RopeKeys.ofAllLayers(json);
        return new PhiConfig(
                sizes,
                Rope.from(json, rope, sizes, RopeKeys.theta(json, rope, 10000), 0.5),
                json.booleanOr("qk_layernorm", false),
                json.doubleOr("embd_pdrop", 0),
                json.doubleOr("resid_pdrop", 0),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
