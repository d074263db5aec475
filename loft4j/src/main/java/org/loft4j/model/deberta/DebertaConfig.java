package org.loft4j.model.deberta;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * A DeBERTa classifier, as its config.json states it.
 *
 * @param encoder its sizes; positions are in the embeddings only with positionsInInput
 * @param positionsInInput {@code position_biased_input}
 * @param relative how attention sees distances; null for {@code relative_attention} false
 * @param scoreTerms 1 + the entries of {@code pos_att_type}: scores are divided by the root of the head's width times this
 * @param convolution beside the first layer; null for none
 * @param pooler the dense layer in front of a text's classifier
 * @param head its classifier
 */
public record DebertaConfig(
        EncoderConfig encoder,
        boolean positionsInInput,
        @Nullable Relative relative,
        int scoreTerms,
        @Nullable Convolution convolution,
        Pooler pooler,
        HeadConfig head) {
    private static final String POSITIONS_IN_INPUT = "position_biased_input";

    private static final Set<String> KEYS = Set.of(
            "relative_attention",
            "max_relative_positions",
            "position_buckets",
            "pos_att_type",
            "share_att_key",
            "norm_rel_ebd",
            POSITIONS_IN_INPUT,
            "attention_head_size",
            "embedding_size",
            "conv_kernel_size",
            "conv_groups",
            "conv_act",
            "pooler_hidden_size",
            "pooler_hidden_act",
            "pooler_dropout",
            "cls_dropout",
            // of the head for masked tokens
            "legacy");

    /**
     * How attention sees distances.
     *
     * @param contentToPosition c2p in {@code pos_att_type}
     * @param positionToContent p2c in {@code pos_att_type}
     * @param sharedProjections {@code share_att_key}: content's projections serve positions too
     * @param normalised {@code norm_rel_ebd}: a layer norm over the table of distances
     * @param buckets {@code position_buckets}; 0 where every distance has a vector of its own
     * @param maxDistance {@code max_relative_positions}, or {@code max_position_embeddings} where that says nothing
     */
    public record Relative(
            boolean contentToPosition,
            boolean positionToContent,
            boolean sharedProjections,
            boolean normalised,
            long buckets,
            long maxDistance) {
        public Relative {
            Checks.atLeast("position_buckets", buckets, 0);
            Checks.atLeast("max_relative_positions", maxDistance, 1);
            if (buckets == 1 || (buckets > 0 && maxDistance - 1 <= buckets / 2)) {
                throw new ConfigException("position_buckets must be at least 2, and half of it below"
                        + " max_relative_positions - 1, got " + buckets + " and " + maxDistance);
            }
        }

        /** Distances from −span to span − 1 have a vector. */
        long span() {
            return buckets > 0 ? buckets : maxDistance;
        }
    }

    /**
     * A convolution over the embeddings, added to the first layer's output.
     *
     * @param kernel {@code conv_kernel_size}, odd
     * @param groups {@code conv_groups}
     * @param activation {@code conv_act}
     */
    public record Convolution(long kernel, long groups, Activation activation) {
        public Convolution {
            if (kernel < 1 || kernel % 2 == 0) {
                throw new ConfigException("conv_kernel_size must be odd, got " + kernel);
            }
            Checks.atLeast("conv_groups", groups, 1);
        }
    }

    /**
     * @param activation {@code pooler_hidden_act}
     * @param dropout {@code pooler_dropout}
     */
    public record Pooler(Activation activation, double dropout) {
        public Pooler {
            Checks.fraction("pooler_dropout", dropout);
        }
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static DebertaConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig encoder = EncoderConfig.from(json, KEYS, 0, 1e-7);
        String hidden = Long.toString(encoder.hiddenSize());
        ConfigKeys.require(json, "embedding_size", hidden);
        ConfigKeys.require(json, "pooler_hidden_size", hidden);
        ConfigKeys.require(json, "attention_head_size", Long.toString(encoder.hiddenSize() / encoder.heads()));
        List<String> terms = words(json, "pos_att_type", List.of("c2p", "p2c"));
        double dropout = options.task() == Task.TOKEN_CLASSIFICATION
                ? encoder.hiddenDropout()
                : json.doubleOr("cls_dropout", encoder.hiddenDropout());
        long kernel = json.longOr("conv_kernel_size", 0);
        return new DebertaConfig(
                encoder,
                json.booleanOr(POSITIONS_IN_INPUT, true),
                json.booleanOr("relative_attention", false) ? relative(json, terms, encoder) : null,
                1 + terms.size(),
                kernel > 0
                        ? new Convolution(
                                kernel,
                                json.longOr("conv_groups", 1),
                                Activation.parse("conv_act", json.stringOr("conv_act", "tanh")))
                        : null,
                new Pooler(
                        Activation.parse("pooler_hidden_act", json.stringOr("pooler_hidden_act", "gelu")),
                        json.doubleOr("pooler_dropout", 0)),
                HeadConfig.from(json, options, dropout).withDenseHead());
    }

    /** The longest sequence of a model with this config.json: that of the table of positions, if there is one. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return json.booleanOr(POSITIONS_IN_INPUT, true) ? EncoderConfig.maxPositions(json) : ModelDescription.ENDLESS;
    }

    /** The same of this one. */
    long maxPositions() {
        return positionsInInput ? encoder.maxPositions() : ModelDescription.ENDLESS;
    }

    private static Relative relative(JsonObject json, List<String> terms, EncoderConfig encoder)
            throws CheckpointException {
        long asked = json.longOr("max_relative_positions", -1);
        return new Relative(
                terms.contains("c2p"),
                terms.contains("p2c"),
                json.booleanOr("share_att_key", false),
                words(json, "norm_rel_ebd", List.of("none", "layer_norm")).contains("layer_norm"),
                Math.max(0, json.longOr("position_buckets", -1)),
                asked < 1 ? encoder.maxPositions() : asked);
    }

    /** A list, or one string with bars between the words; each word once. */
    private static List<String> words(JsonObject json, String key, List<String> known) throws CheckpointException {
        JsonNode value = json.node(key);
        List<String> found = value == null
                ? List.of()
                : value.isArray()
                        ? json.strings(key)
                        : List.of(json.requireString(key).split("\\|"));
        List<String> words = new ArrayList<>();
        for (String word : found) {
            String plain = word.strip().toLowerCase(Locale.ROOT);
            if (!known.contains(plain)) {
                throw new ConfigException(
                        key + " must be made of " + String.join(", ", known) + ", got " + word + " in " + json.file());
            }
            if (!words.contains(plain)) {
                words.add(plain);
            }
        }
        return words;
    }
}
