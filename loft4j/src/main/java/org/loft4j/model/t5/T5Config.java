package org.loft4j.model.t5;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.RelativeBias;

/**
 * The shape of a T5 or an mT5, as its config.json states it.
 *
 * @param vocabularySize {@code vocab_size}
 * @param hiddenSize {@code d_model}
 * @param headDim {@code d_kv}
 * @param heads {@code num_heads}
 * @param intermediateSize {@code d_ff}
 * @param layers {@code num_layers}, of the encoder
 * @param decoderLayers {@code num_decoder_layers}; as many as the encoder's where the file does not say
 * @param buckets {@code relative_attention_num_buckets}
 * @param farthest {@code relative_attention_max_distance}
 * @param dropout {@code dropout_rate}, while training
 * @param eps {@code layer_norm_epsilon}
 * @param gated whether the feed-forward part has a gate: {@code feed_forward_proj} begins with {@code gated-}
 * @param activation the rest of {@code feed_forward_proj}
 * @param scaled whether the states are divided by the root of their width before the output embedding
 * @param ownHead whether there is an output embedding beside the input embedding
 * @param startId {@code decoder_start_token_id}
 * @param initializerFactor of the standard deviation of new weights
 */
public record T5Config(
        long vocabularySize,
        long hiddenSize,
        int headDim,
        int heads,
        long intermediateSize,
        int layers,
        int decoderLayers,
        int buckets,
        int farthest,
        double dropout,
        double eps,
        boolean gated,
        Activation activation,
        boolean scaled,
        OwnHead ownHead,
        long startId,
        double initializerFactor) {
    /** Whether there is an output embedding of its own. */
    enum OwnHead {
        /** It is the input embedding. */
        NO,
        /** A file that has one means it, though it says that the two are tied. */
        WHERE_THE_FILE_HAS_ONE,
        YES
    }

    private static final String SCALED = "scale_decoder_outputs";
    private static final String FEED_FORWARD = "feed_forward_proj";
    private static final String GATED = "gated-";

    private static final Set<String> HONOURED = Set.of(
            ConfigKeys.ENCODER_DECODER,
            ConfigKeys.TIED,
            SCALED,
            FEED_FORWARD,
            "vocab_size",
            "d_model",
            "d_kv",
            "d_ff",
            "num_layers",
            "num_decoder_layers",
            "num_heads",
            "relative_attention_num_buckets",
            "relative_attention_max_distance",
            "dropout_rate",
            "classifier_dropout",
            "layer_norm_epsilon",
            "dense_act_fn",
            "is_gated_act",
            "is_decoder",
            // distances are all that it knows
            "n_positions",
            "output_past");

    public T5Config {
        Checks.atLeast("vocab_size", vocabularySize, 1);
        Checks.atLeast("d_model", hiddenSize, 1);
        Checks.atLeast("d_kv", headDim, 1);
        Checks.atLeast("num_heads", heads, 1);
        Checks.atLeast("d_ff", intermediateSize, 1);
        Checks.within("num_layers", layers, 1, ModelLimits.MOST_LAYERS);
        Checks.within("num_decoder_layers", decoderLayers, 1, ModelLimits.MOST_LAYERS);
        Checks.within("relative_attention_num_buckets", buckets, 4, 1 << 20);
        Checks.fraction("dropout_rate", dropout);
        Checks.positive("layer_norm_epsilon", eps);
        Checks.within("decoder_start_token_id", startId, 0, vocabularySize - 1);
        Checks.notNegative("initializer_factor", initializerFactor);
        if (buckets % 2 != 0) {
            throw new ConfigException("relative_attention_num_buckets must be even, got " + buckets);
        }
        // of tokens before the one that looks, in the decoder, half of the rows have a distance each
        Checks.atLeast("relative_attention_max_distance", farthest, buckets / 2 + 1L);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static T5Config from(JsonObject json) throws CheckpointException {
        ConfigKeys.check(json, HONOURED);
        ConfigKeys.require(json, ConfigKeys.ENCODER_DECODER, "true");
        ConfigKeys.require(json, "is_decoder", "false");
        boolean multilingual = json.requireString("model_type").equals(T5Model.MULTILINGUAL);
        String feedForward = json.stringOr(FEED_FORWARD, multilingual ? "gated-gelu" : "relu");
        boolean gated = feedForward.startsWith(GATED);
        // a gate's gelu is the approximation, whatever it is called
        String activation =
                feedForward.equals("gated-gelu") ? "gelu_new" : feedForward.substring(gated ? GATED.length() : 0);
        ConfigKeys.require(json, "dense_act_fn", activation);
        ConfigKeys.require(json, "is_gated_act", Boolean.toString(gated));
        // of an mT5 without a head of its own versions of Transformers make other models
        boolean tied = !multilingual && json.booleanOr(ConfigKeys.TIED, true);
        boolean scaled = !multilingual && json.booleanOr(SCALED, tied);
        int layers = json.intOr("num_layers", multilingual ? 8 : 6, 1);
        return new T5Config(
                json.requireLong("vocab_size"),
                json.requireLong("d_model"),
                json.requireInt("d_kv", 1),
                json.requireInt("num_heads", 1),
                json.requireLong("d_ff"),
                layers,
                json.intOr("num_decoder_layers", layers, 1),
                json.intOr("relative_attention_num_buckets", RelativeBias.BUCKETS, 1),
                json.intOr("relative_attention_max_distance", RelativeBias.FAR, 1),
                json.doubleOr("dropout_rate", 0.1),
                json.doubleOr("layer_norm_epsilon", 1e-6),
                gated,
                Activation.parse(FEED_FORWARD, activation),
                scaled,
                // Transformers 5 writes "tied" into every file, with an output embedding beside it where there was one
                tied ? scaled ? OwnHead.NO : OwnHead.WHERE_THE_FILE_HAS_ONE : OwnHead.YES,
                json.longOr("decoder_start_token_id", json.longOr("pad_token_id", 0)),
                json.doubleOr("initializer_factor", 1));
    }

    /** The same of a file. */
    T5Config of(boolean hasHead) {
        return ownHead == OwnHead.WHERE_THE_FILE_HAS_ONE ? with(hasHead ? OwnHead.YES : OwnHead.NO) : this;
    }

    private T5Config with(OwnHead settled) {
        return new T5Config(
                vocabularySize,
                hiddenSize,
                headDim,
                heads,
                intermediateSize,
                layers,
                decoderLayers,
                buckets,
                farthest,
                dropout,
                eps,
                gated,
                activation,
                scaled,
                settled,
                startId,
                initializerFactor);
    }

    /** Whether the output embedding is not the input's. */
    boolean hasOwnHead() {
        return ownHead != OwnHead.NO;
    }

    /** Distances are all that it knows of positions, and none is too large. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        from(json);
        return ModelDescription.ENDLESS;
    }
}
