package org.loft4j.model.gemma;

import com.fasterxml.jackson.databind.node.TextNode;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Gemma 1 model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param classifierDropout before a classifier of tokens, while training
 */
public record GemmaConfig(DecoderConfig sizes, Rope rope, boolean attentionBias, double classifierDropout) {
    private static final System.Logger LOG = System.getLogger(GemmaConfig.class.getName());

    private static final String ACTIVATION = "hidden_activation";
    private static final String OLDER = "hidden_act";
    private static final String TANH = "gelu_pytorch_tanh";

    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(16, 256, 8192, 1e-6, true, ACTIVATION, TANH);

    /** Reads config.json. */
    public static GemmaConfig from(JsonObject config) throws CheckpointException {
        ConfigKeys.checkDecoder(config, Set.of("attention_bias"));
        JsonObject json =
                config.withAbsent(Map.of("pad_token_id", 0L)).with(ACTIVATION, TextNode.valueOf(activation(config)));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new GemmaConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", false),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /**
     * {@code hidden_activation}, or {@code hidden_act} where there is none. The first files of the hub say {@code gelu} there, though
     * they were trained with its approximation by a tanh.
     */
    private static String activation(JsonObject json) throws CheckpointException {
        String older = json.stringOr(OLDER, TANH);
        if (!json.has(ACTIVATION) && older.equals("gelu")) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    OLDER + " gelu in " + json.file() + " is taken for " + TANH + ", which Gemma was trained with; put "
                            + ACTIVATION + " beside it for another");
            return TANH;
        }
        return json.stringOr(ACTIVATION, older);
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
