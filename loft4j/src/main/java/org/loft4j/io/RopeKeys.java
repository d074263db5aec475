package org.loft4j.io;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;

/**
 * Where a config.json states rotary positions: {@code rope_theta} beside a {@code rope_scaling}, or a {@code rope_parameters}
 * with both, as Transformers 5 writes them. It may have all three if they agree: where they do not, versions of Transformers go
 * by one or by another.
 */
public final class RopeKeys {
    private static final String OLDER = "rope_scaling";
    private static final String NEWER = "rope_parameters";
    private static final String FULL = "full_attention";
    private static final String SLIDING = "sliding_attention";
    private static final String THETA = "rope_theta";
    private static final String SHARE = "partial_rotary_factor";

    /** GPT-NeoX's word for the base of the wavelengths. */
    public static final String NEOX_THETA = "rotary_emb_base";

    /** GPT-NeoX's word for the part of a head that is rotated. */
    public static final String NEOX_SHARE = "rotary_pct";

    /** 8 and 8.0 are one number. */
    private static final Comparator<JsonNode> NUMBERS = (one, other) -> one.isNumber() && other.isNumber()
            ? Double.compare(one.doubleValue(), other.doubleValue())
            : one.equals(other) ? 0 : 1;

    private RopeKeys() {}

    /**
     * The object with the scaling where all layers have one; null where there is none.
     *
     * @throws CheckpointException if two objects differ, or there is one for each kind of layers
     */
    public static @Nullable JsonObject ofAllLayers(JsonObject config) throws CheckpointException {
        JsonObject newer = config.findObject(NEWER);
        if (newer != null && hasKinds(newer)) {
            throw config.fault(
                    NEWER, "must be one object for all layers of this model_type, found one for each kind of layers");
        }
        return agreed(config, newer);
    }

    /**
     * The object of the layers that see all before them, in a family whose other layers have a rotation of their own; null
     * where there is none.
     *
     * @throws CheckpointException if two objects differ, or there is but one for all layers
     */
    public static @Nullable JsonObject ofFullAttention(JsonObject config) throws CheckpointException {
        return agreed(config, ofKind(config, FULL));
    }

    /** The object of the layers with a window, which {@code rope_scaling} says nothing of; see {@link #ofFullAttention}. */
    public static @Nullable JsonObject ofSlidingAttention(JsonObject config) throws CheckpointException {
        return ofKind(config, SLIDING);
    }

    private static @Nullable JsonObject ofKind(JsonObject config, String kind) throws CheckpointException {
        JsonObject newer = config.findObject(NEWER);
        if (newer == null) {
            return null;
        }
        if (!hasKinds(newer)) {
            throw config.fault(
                    NEWER,
                    "must have an object for each kind of layers, full_attention and sliding_attention, found "
                            + newer.keys()
                            + ": put into each what its layers were trained with");
        }
        return newer.findObject(kind);
    }

    private static boolean hasKinds(JsonObject parameters) {
        return parameters.has(FULL) || parameters.has(SLIDING);
    }

    /**
     * The base of the wavelengths.
     *
     * @param rope the object of the layers in question; null for none
     * @param absent where nothing is stated
     * @throws CheckpointException if config.json and the object differ
     */
    public static double theta(JsonObject config, @Nullable JsonObject rope, double absent) throws CheckpointException {
        return number(config, THETA, rope, THETA, absent);
    }

    /**
     * The base in OLMo 3, which must be stated; see {@link #theta}.
     *
     * @throws CheckpointException if it is not, too
     */
    public static double statedTheta(JsonObject config, @Nullable JsonObject rope) throws CheckpointException {
        if (!config.has(THETA) && (rope == null || !rope.has(THETA))) {
            throw config.fault(
                    THETA, "must be stated: versions of Transformers assume 10000 or 500000 where it is missing");
        }
        return theta(config, rope, 0);
    }

    /** The base for the layers with a window, in a family where they have one of their own; see {@link #theta}. */
    public static double slidingTheta(JsonObject config, @Nullable JsonObject rope, double absent)
            throws CheckpointException {
        return theta(config, "rope_local_base_freq", rope, absent);
    }

    /** The base that config.json states under another key, for one kind of layers; see {@link #theta}. */
    public static double theta(JsonObject config, String key, @Nullable JsonObject rope, double absent)
            throws CheckpointException {
        return number(config, key, rope, THETA, absent);
    }

    /** Which part of a head is rotated, from 0 to 1; see {@link #theta}. */
    public static double share(JsonObject config, @Nullable JsonObject rope) throws CheckpointException {
        return share(config, rope, 1);
    }

    /** The same where a family assumes another part than the whole. */
    public static double share(JsonObject config, @Nullable JsonObject rope, double absent) throws CheckpointException {
        return number(config, SHARE, rope, SHARE, absent);
    }

    /**
     * A config.json of GPT-NeoX with the words of other families for base and part, beside its own.
     *
     * @throws CheckpointException if it has both words of one and they differ
     */
    public static JsonObject ofNeox(JsonObject config) throws CheckpointException {
        return renamed(renamed(config, NEOX_THETA, THETA), NEOX_SHARE, SHARE);
    }

    private static JsonObject renamed(JsonObject config, String own, String general) throws CheckpointException {
        if (!config.has(own)) {
            return config;
        }
        double value = config.requireDouble(own);
        if (config.doubleOr(general, value) != value) {
            throw config.fault(
                    own, "is " + value + ", but " + general + " is " + config.node(general) + ": keep one of the two");
        }
        return config.with(general, DoubleNode.valueOf(value));
    }

    /** The kind of scaling that an object states; {@code default} is none. */
    public static String type(@Nullable JsonObject rope) throws CheckpointException {
        return rope == null ? "default" : rope.stringOr("rope_type", rope.stringOr("type", "default"));
    }

    private static double number(JsonObject config, String key, @Nullable JsonObject rope, String inner, double absent)
            throws CheckpointException {
        double outside = config.doubleOr(key, absent);
        double inside = rope == null ? outside : rope.doubleOr(inner, outside);
        if (rope != null && config.has(key) && inside != outside) {
            throw rope.fault(
                    inner, "is " + inside + ", but " + key + " beside it is " + outside + ": keep one of the two");
        }
        return inside;
    }

    /** One of the two, the newer where there are both. */
    private static @Nullable JsonObject agreed(JsonObject config, @Nullable JsonObject newer)
            throws CheckpointException {
        JsonObject older = config.findObject(OLDER);
        if (older == null || newer == null) {
            return newer == null ? older : newer;
        }
        ObjectNode one = plain(older);
        ObjectNode other = plain(newer);
        for (String key : List.of(THETA, SHARE)) {
            // an older file has these beside its object
            if (!one.has(key)) {
                other.remove(key);
            }
        }
        if (!one.equals(NUMBERS, other)) {
            throw config.fault(
                    OLDER,
                    "and " + NEWER + " say different things, and versions of Transformers go by one or the other: keep"
                            + " the one that is meant");
        }
        return newer;
    }

    /** With one spelling of the type, and without what is null. */
    private static ObjectNode plain(JsonObject rope) throws CheckpointException {
        ObjectNode tree = rope.toTree();
        tree.put("rope_type", type(rope));
        tree.remove("type");
        tree.removeIf(JsonNode::isNull);
        return tree;
    }
}
