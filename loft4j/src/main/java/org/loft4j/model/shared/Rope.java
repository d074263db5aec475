package org.loft4j.model.shared;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.nn.RopeScaling;
import org.loft4j.nn.RotaryEmbedding;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * Rotary positions as config.json states them: {@code rope_theta} and {@code rope_scaling}, or {@code rope_parameters} with
 * both, as Transformers 5 writes them.
 *
 * @param dim how many dimensions of a head are rotated
 * @param theta base of the wavelengths
 * @param scaling for sequences longer than those of pretraining
 * @param wide whether heads in half types are rotated in float32 and rounded once
 * @param neighbours whether the dimensions of a pair are neighbours, and not half of them apart
 */
public record Rope(int dim, double theta, RopeScaling scaling, boolean wide, boolean neighbours) {
    private static final System.Logger LOG = System.getLogger(Rope.class.getName());

    private static final String ATTN_FACTOR = "attn_factor";

    /** Of every kind of scaling; {@code finetuned} tells of the weights alone. */
    private static final Set<String> COMMON = Set.of(
            "type",
            "rope_type",
            "rope_theta",
            "partial_rotary_factor",
            "original_max_position_embeddings",
            "finetuned");

    /** Of some kinds, each of which refuses those of the others. */
    private static final Set<String> OF_KINDS = Set.of(
            "factor",
            "attention_factor",
            "low_freq_factor",
            "high_freq_factor",
            "beta_fast",
            "beta_slow",
            "mscale",
            "mscale_all_dim",
            "truncate",
            "short_factor",
            "long_factor");

    public Rope {
        Checks.positive("rope_theta", theta);
        if (dim < 2 || dim % 2 != 0) {
            throw new ConfigException("head_dim times partial_rotary_factor must be even and at least 2, got " + dim);
        }
        if (scaling instanceof RopeScaling.LongRope factors
                && (factors.shortFactor().size() != dim / 2
                        || factors.longFactor().size() != dim / 2)) {
            throw new ConfigException("rope_scaling must have " + dim / 2
                    + " short and long factors, one for each pair of rotated dimensions, got "
                    + factors.shortFactor().size() + " and "
                    + factors.longFactor().size());
        }
    }

    /** In the type of the heads, as most families have it. */
    public Rope(int dim, double theta, RopeScaling scaling) {
        this(dim, theta, scaling, false, false);
    }

    /** Without scaling, over whole heads. */
    public static Rope plain(int headDim, double theta) {
        return new Rope(headDim, theta, new RopeScaling.None());
    }

    /**
     * Whole heads, of which some pairs of dimensions stand still.
     *
     * @param share of the pairs that are turned
     * @param factor that positions are divided by
     */
    public static Rope proportional(int headDim, double theta, double share, double factor) {
        return new Rope(headDim, theta, proportional(headDim, share, factor));
    }

    private static RopeScaling proportional(int headDim, double share, double factor) {
        return new RopeScaling.Proportional((int) (headDim * atMostWhole(share) / 2), factor);
    }

    private static double atMostWhole(double share) {
        if (!(share <= 1)) {
            throw new ConfigException("partial_rotary_factor must be at most 1, got " + share);
        }
        return share;
    }

    /** The same, in float32 for heads in half types. */
    public Rope widened() {
        return new Rope(dim, theta, scaling, true, neighbours);
    }

    /** The same, of pairs of neighbours. */
    public Rope ofNeighbours() {
        return new Rope(dim, theta, scaling, wide, true);
    }

    /** The embedding itself. The caller owns it. */
    public RotaryEmbedding embedding(Dtype dtype, DeviceSpec device) {
        return new RotaryEmbedding(dim, theta, scaling, wide && dtype.isHalf() ? Dtype.F32 : dtype, device, neighbours);
    }

    /**
     * Reads config.json.
     *
     * @param theta where the file does not say
     */
    public static Rope from(JsonObject json, DecoderConfig sizes, double theta) throws CheckpointException {
        JsonObject scaling = RopeKeys.ofAllLayers(json);
        return from(json, scaling, sizes, RopeKeys.theta(json, scaling, theta));
    }

    /**
     * Reads the settings of one kind of layers.
     *
     * @param scaling the object with the scaling; null for none
     * @param theta base of the wavelengths
     */
    public static Rope from(JsonObject json, @Nullable JsonObject scaling, DecoderConfig sizes, double theta)
            throws CheckpointException {
        return from(json, scaling, sizes, theta, 1);
    }

    /**
     * The same in a family that rotates a part of a head where the file does not say.
     *
     * @param absent from 0 to 1
     */
    public static Rope from(
            JsonObject json, @Nullable JsonObject scaling, DecoderConfig sizes, double theta, double absent)
            throws CheckpointException {
        // a proportional one turns whole heads, of which some pairs stand still
        double share = RopeKeys.type(scaling).equals("proportional") ? 1 : RopeKeys.share(json, scaling, absent);
        return new Rope(
                (int) (sizes.headDim() * atMostWhole(share)),
                theta,
                scaling == null ? new RopeScaling.None() : scaling(json, scaling, sizes));
    }

    private static RopeScaling scaling(JsonObject json, JsonObject scaling, DecoderConfig sizes)
            throws CheckpointException {
        String type = RopeKeys.type(scaling);
        long longest = sizes.maxPositions();
        return switch (type) {
            case "default" -> {
                only(scaling, Set.of());
                yield new RopeScaling.None();
            }
            case "proportional" -> {
                only(scaling, Set.of("factor"));
                yield proportional(sizes.headDim(), RopeKeys.share(json, scaling), scaling.doubleOr("factor", 1));
            }
            case "linear" -> {
                only(scaling, Set.of("factor"));
                yield new RopeScaling.Linear(scaling.requireDouble("factor"));
            }
            case "dynamic" -> {
                only(scaling, Set.of("factor"));
                yield new RopeScaling.Dynamic(scaling.requireDouble("factor"), longest);
            }
            case "llama3" -> {
                only(scaling, Set.of("factor", "low_freq_factor", "high_freq_factor"));
                yield new RopeScaling.Llama3(
                        scaling.requireDouble("factor"),
                        scaling.requireDouble("low_freq_factor"),
                        scaling.requireDouble("high_freq_factor"),
                        scaling.requireLong("original_max_position_embeddings"));
            }
            // the first files of Phi-3 called longrope so
            case "yarn" -> scaling.has("short_factor") ? longRope(json, scaling, longest) : yarn(scaling, longest);
            case "longrope", "su" -> longRope(json, scaling, longest);
            default ->
                throw new ConfigException(
                        "rope_type must be one of default, linear, proportional, dynamic, llama3, yarn, longrope,"
                                + " got " + type + " in " + scaling.file());
        };
    }

    private static RopeScaling yarn(JsonObject scaling, long longest) throws CheckpointException {
        only(
                scaling,
                Set.of(
                        "factor",
                        "attention_factor",
                        "beta_fast",
                        "beta_slow",
                        "mscale",
                        "mscale_all_dim",
                        "truncate",
                        ATTN_FACTOR));
        double factor = scaling.requireDouble("factor");
        double mscale = scaling.doubleOr("mscale", 0);
        double mscaleAllDim = scaling.doubleOr("mscale_all_dim", 0);
        double attention = mscale != 0 && mscaleAllDim != 0
                ? RopeScaling.Yarn.defaultAttentionFactor(factor, mscale)
                        / RopeScaling.Yarn.defaultAttentionFactor(factor, mscaleAllDim)
                : RopeScaling.Yarn.defaultAttentionFactor(factor, 1);
        tellOfAttnFactor(scaling, RopeScaling.Yarn.defaultAttentionFactor(factor, 1));
        return new RopeScaling.Yarn(
                factor,
                scaling.doubleOr("attention_factor", attention),
                scaling.doubleOr("beta_fast", 32),
                scaling.doubleOr("beta_slow", 1),
                scaling.longOr("original_max_position_embeddings", longest),
                scaling.booleanOr("truncate", true));
    }

    private static RopeScaling longRope(JsonObject json, JsonObject scaling, long longest) throws CheckpointException {
        only(scaling, Set.of("factor", "attention_factor", "short_factor", "long_factor"));
        boolean stated =
                json.has("original_max_position_embeddings") || scaling.has("original_max_position_embeddings");
        if (!stated && !scaling.has("factor") && !scaling.has("attention_factor")) {
            throw json.fault(
                    "original_max_position_embeddings",
                    "must be the length of pretraining for longrope, but is missing");
        }
        long original = json.longOr(
                "original_max_position_embeddings", scaling.longOr("original_max_position_embeddings", longest));
        double factor = original == longest ? scaling.doubleOr("factor", 1) : (double) longest / original;
        double attention = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        return new RopeScaling.LongRope(
                doubles(scaling, "short_factor"),
                doubles(scaling, "long_factor"),
                original,
                scaling.doubleOr("attention_factor", attention));
    }

    private static List<Double> doubles(JsonObject json, String key) throws CheckpointException {
        JsonNode array = json.node(key);
        List<Double> values = new ArrayList<>();
        if (array == null || !array.isArray()) {
            throw json.fault(key, "must be an array of numbers");
        }
        for (JsonNode value : array) {
            if (!value.isNumber()) {
                throw json.fault(key, "must be an array of numbers, found " + value);
            }
            values.add(value.doubleValue());
        }
        return values;
    }

    /** Transformers' key is {@code attention_factor}; vLLM takes this one, times its own factor of the length. */
    private static void tellOfAttnFactor(JsonObject scaling, double ofLength) throws CheckpointException {
        if (scaling.has(ATTN_FACTOR)) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "rope_scaling.attn_factor = {0} in {1} is not honoured, as Transformers has it; vLLM multiplies by it:"
                            + " for its numbers, put \"attention_factor\": {2} into rope_scaling of a copy of the model",
                    scaling.node(ATTN_FACTOR),
                    scaling.file(),
                    Double.toString(scaling.requireDouble(ATTN_FACTOR) * ofLength));
        }
    }

    /** Refuses settings of other kinds of scaling, and warns of those that are not known. */
    private static void only(JsonObject scaling, Set<String> keys) {
        List<String> unknown = new ArrayList<>();
        for (String key : scaling.keys()) {
            JsonNode value = scaling.node(key);
            if (value == null || COMMON.contains(key) || keys.contains(key)) {
                continue;
            }
            if (OF_KINDS.contains(key)) {
                throw new ConfigException("rope_scaling." + key + " = " + value + " in " + scaling.file()
                        + " is not honoured by this kind of scaling");
            }
            if (!ConfigKeys.isOff(value)) {
                unknown.add(key + " = " + value);
            }
        }
        if (!unknown.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "rope_scaling in {0} has settings that are not known and are not honoured: {1}",
                    scaling.file(),
                    String.join(", ", unknown));
        }
    }
}
