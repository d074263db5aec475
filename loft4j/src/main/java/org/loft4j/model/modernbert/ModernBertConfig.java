package org.loft4j.model.modernbert;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;

/**
 * A ModernBERT classifier, as its config.json states it.
 *
 * @param encoder its sizes, without token types; hiddenDropout is {@code embedding_dropout}
 * @param mlpDropout {@code mlp_dropout}, of what the last layer of a feed-forward block reads, while training
 * @param biases which layers have one
 * @param local for each layer whether its tokens see near ones only
 * @param reach how many tokens to each side are near: half of {@code local_attention}
 * @param globalTheta base of the wavelengths in layers that see all tokens
 * @param localTheta the same in the others
 * @param headActivation {@code classifier_activation}
 * @param head its classifier, pooled by CLS or MEAN, behind which a dense layer always stands
 */
public record ModernBertConfig(
        EncoderConfig encoder,
        double mlpDropout,
        Biases biases,
        List<Boolean> local,
        long reach,
        double globalTheta,
        double localTheta,
        Activation headActivation,
        HeadConfig head) {
    private static final String EVERY = "global_attn_every_n_layers";
    private static final String LOCAL_THETA = "local_rope_theta";

    private static final Set<String> KEYS = Set.of(
            "vocab_size",
            "hidden_size",
            "head_dim",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "max_position_embeddings",
            "norm_eps",
            "norm_bias",
            "hidden_activation",
            "attention_bias",
            "attention_dropout",
            "embedding_dropout",
            "mlp_bias",
            "mlp_dropout",
            "classifier_activation",
            "classifier_bias",
            "classifier_dropout",
            "classifier_pooling",
            "layer_types",
            EVERY,
            "local_attention",
            "sliding_window",
            "global_rope_theta",
            LOCAL_THETA,
            "rope_parameters",
            "rope_scaling",
            "partial_rotary_factor",
            "is_decoder",
            "is_causal",
            // of the head for masked tokens, of new weights, of kernels
            "decoder_bias",
            "tie_word_embeddings",
            "sparse_prediction",
            "sparse_pred_ignore_index",
            "initializer_cutoff_factor",
            "deterministic_flash_attn",
            "reference_compile",
            "repad_logits_with_grad",
            // what the first files have, and no class of this family reads
            "layer_norm_eps",
            "position_embedding_type");

    /**
     * @param norms {@code norm_bias}
     * @param attention {@code attention_bias}
     * @param mlp {@code mlp_bias}
     * @param headDense {@code classifier_bias}: of the dense layer in front of the classifier, which has one in any case
     */
    public record Biases(boolean norms, boolean attention, boolean mlp, boolean headDense) {}

    public ModernBertConfig {
        Checks.fraction("mlp_dropout", mlpDropout);
        Checks.atLeast("local_attention", reach, 0);
        local = List.copyOf(local);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static ModernBertConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig.check(json, KEYS);
        ConfigKeys.require(json, "is_decoder", "false");
        ConfigKeys.require(json, "is_causal", "false");
        EncoderConfig encoder = new EncoderConfig(
                json.requireLong("vocab_size"),
                json.requireLong("hidden_size"),
                json.requireInt("num_hidden_layers", 1),
                json.requireInt("num_attention_heads", 1),
                json.requireLong("intermediate_size"),
                maxPositions(json),
                0,
                Checks.positive("norm_eps", json.doubleOr("norm_eps", 1e-5)),
                Activation.parse("hidden_activation", json.stringOr("hidden_activation", "gelu")),
                Checks.fraction("embedding_dropout", json.doubleOr("embedding_dropout", 0)),
                Checks.fraction("attention_dropout", json.doubleOr("attention_dropout", 0)),
                json.doubleOr("initializer_range", 0.02));
        ConfigKeys.require(json, "head_dim", Long.toString(encoder.hiddenSize() / encoder.heads()));
        long reach = json.intOr("local_attention", 128, 0) / 2;
        ConfigKeys.require(json, "sliding_window", Long.toString(reach));
        JsonObject whole = unscaled(json, RopeKeys.ofFullAttention(json));
        JsonObject near = unscaled(json, RopeKeys.ofSlidingAttention(json));
        double globalTheta = RopeKeys.theta(json, "global_rope_theta", whole, 160_000);
        // null is another thing than a key that is missing
        boolean shared = json.keys().contains(LOCAL_THETA) && !json.has(LOCAL_THETA);
        return new ModernBertConfig(
                encoder,
                json.doubleOr("mlp_dropout", 0),
                new Biases(
                        json.booleanOr("norm_bias", false),
                        json.booleanOr("attention_bias", false),
                        json.booleanOr("mlp_bias", false),
                        json.booleanOr("classifier_bias", false)),
                local(json, encoder.layers()),
                reach,
                globalTheta,
                RopeKeys.theta(json, LOCAL_THETA, near, shared ? globalTheta : 10_000),
                Activation.parse("classifier_activation", json.stringOr("classifier_activation", "gelu")),
                pooled(HeadConfig.from(json, options, json.doubleOr("classifier_dropout", 0))));
    }

    /** Size of one head. */
    int headDim() {
        return DecoderConfig.headDim(encoder.hiddenSize(), encoder.heads());
    }

    /** {@code max_position_embeddings}: the length of pretraining, since positions are rotations alone. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return json.longOr("max_position_embeddings", 8192);
    }

    /** The layers by {@code layer_types}, or all but each n-th: versions of Transformers go by one or the other. */
    private static List<Boolean> local(JsonObject json, int layers) throws CheckpointException {
        int every = json.intOr(EVERY, 3, 1);
        List<Boolean> local = LayerTypes.sliding(json, layers, i -> i % every != 0);
        for (int i = 0; json.has(EVERY) && i < layers; i++) {
            if (local.get(i) != (i % every != 0)) {
                throw json.fault(
                        EVERY,
                        "is " + every + ", by which layer " + i + " has another kind of attention than by layer_types:"
                                + " versions of Transformers go by one or the other; keep the one that is meant");
            }
        }
        return local;
    }

    /** Refuses a rotation that goes by more than its base: versions of Transformers pass over it, or put it on all layers. */
    private static @Nullable JsonObject unscaled(JsonObject json, @Nullable JsonObject rope)
            throws CheckpointException {
        if (json.has("rope_scaling")) {
            throw new ConfigException(
                    "rope_scaling must be absent for this model_type, got " + json.node("rope_scaling") + " in "
                            + json.file() + ": versions of Transformers pass over it, or put it on all layers");
        }
        if (!RopeKeys.type(rope).equals("default")) {
            throw new ConfigException(
                    "rope_type must be default for this model_type, got " + RopeKeys.type(rope) + " in " + json.file());
        }
        if (RopeKeys.share(json, rope) != 1) {
            throw new ConfigException("partial_rotary_factor must be 1 for this model_type, got "
                    + RopeKeys.share(json, rope) + " in " + json.file());
        }
        return rope;
    }

    private static HeadConfig pooled(HeadConfig head) {
        if (!head.classifies()) {
            return head;
        }
        if (head.pooling() == Pooling.POOLER) {
            throw new ConfigException(
                    "pooling (classifier_pooling) pooler is not available: this family's head has a dense"
                            + " layer over whatever it is given, use cls or mean");
        }
        return head.pooling() == Pooling.AUTO ? head.withPooling(Pooling.CLS) : head;
    }
}
