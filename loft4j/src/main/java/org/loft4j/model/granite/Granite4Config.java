package org.loft4j.model.granite;

import com.fasterxml.jackson.databind.node.LongNode;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.Granite4Keys;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.StateSpace;

/**
 * The shape of a Granite 4 model, as its config.json states it.
 *
 * @param sizes what all decoders state; {@code intermediateSize} is {@code shared_intermediate_size}
 * @param rope rotary positions of the blocks with attention; null for none
 * @param attentionBias whether q, k, v and o have biases
 * @param multipliers of embeddings, scores, parts of blocks and logits
 * @param remembers for each block whether it has a state space for attention
 * @param states of the state spaces
 * @param experts of each block, beside which the feed-forward part of all tokens stands; null for none
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Granite4Config(
        DecoderConfig sizes,
        @Nullable Rope rope,
        boolean attentionBias,
        Multipliers multipliers,
        List<Boolean> remembers,
        States states,
        @Nullable GraniteExperts experts,
        double classifierDropout) {
    private static final String POSITIONS = "position_embedding_type";

    private static final Set<String> KEYS = Set.of(
            "attention_bias",
            "layer_types",
            "shared_intermediate_size",
            "normalization_function",
            POSITIONS,
            "time_step_limit",
            "mamba_n_heads",
            "mamba_n_groups",
            "mamba_d_state",
            "mamba_d_head",
            "mamba_d_conv",
            "mamba_expand",
            "mamba_conv_bias",
            "mamba_proj_bias");

    /** Of how a model began, and of how another program cuts a text. */
    private static final Set<String> WITHOUT_EFFECT = Set.of("init_method", "mamba_chunk_size");

    /**
     * The sizes of the state spaces.
     *
     * @param shape of the memory
     * @param kernel {@code mamba_d_conv}: how many tokens the convolution sees
     * @param convolutionBias {@code mamba_conv_bias}: whether it has a bias
     * @param linearBias {@code mamba_proj_bias}: whether the layers around it have
     */
    public record States(StateSpace.Shape shape, int kernel, boolean convolutionBias, boolean linearBias) {}

    public Granite4Config {
        remembers = List.copyOf(remembers);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static Granite4Config from(JsonObject stated) throws CheckpointException {
        JsonObject config = Granite4Keys.plain(stated);
        Set<String> known = new HashSet<>(KEYS);
        known.addAll(WITHOUT_EFFECT);
        known.addAll(Multipliers.KEYS);
        known.addAll(GraniteExperts.KEYS);
        ConfigKeys.checkDecoder(config, known);
        ConfigKeys.require(config, "normalization_function", "rmsnorm");
        ConfigKeys.require(config, POSITIONS, "rope", "nope");
        Granite4Keys.requireAnyStep(config);
        long width = config.longOr("shared_intermediate_size", 1024);
        Checks.atLeast("shared_intermediate_size", width, 1);
        JsonObject json = config.with("intermediate_size", LongNode.valueOf(width));
        DecoderConfig sizes = DecoderConfig.from(json, GraniteConfig.ABSENT);
        return new Granite4Config(
                sizes,
                json.stringOr(POSITIONS, "nope").equals("rope") ? Rope.from(json, sizes, 10000) : null,
                json.booleanOr("attention_bias", false),
                Multipliers.from(json),
                LayerTypes.stateSpaces(json, sizes.layers()),
                states(json, sizes),
                GraniteExperts.from(config),
                DecoderConfig.tokenClassifierDropout(json));
    }

    private static States states(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        int heads = Granite4Keys.heads(json);
        int headDim = Granite4Keys.headDim(json, sizes.hiddenSize());
        int groups = json.intOr("mamba_n_groups", 1, 1);
        if (heads % groups != 0) {
            throw new ConfigException(
                    "mamba_n_heads must be a multiple of mamba_n_groups, got " + heads + " and " + groups);
        }
        return new States(
                new StateSpace.Shape(
                        heads,
                        headDim,
                        groups,
                        json.intOr("mamba_d_state", 256, 1),
                        sizes.activation(),
                        sizes.rmsNormEps()),
                json.intOr("mamba_d_conv", 4, 1),
                json.booleanOr("mamba_conv_bias", true),
                json.booleanOr("mamba_proj_bias", false));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, GraniteConfig.ABSENT.maxPositions());
    }
}
