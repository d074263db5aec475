package org.loft4j.io;

import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;

/**
 * What the config.json of one of Qwen's models with a vision tower says of its language model: in {@code text_config}, or in older files
 * beside the settings of the tower.
 */
public final class QwenTower {
    /** The settings around a language model that say nothing about texts. */
    public static final Set<String> OF_IMAGES = Set.of(
            "vision_config",
            "image_token_id",
            "video_token_id",
            "vision_start_token_id",
            "vision_end_token_id",
            "vision_token_id",
            "language_model_only");

    /** How the axes of an image share the angles of a rotation; in a text they are one. */
    private static final List<String> OF_AXES = List.of("mrope_section", "mrope_interleaved");

    private static final List<String> KINDS = List.of("type", "rope_type");
    private static final List<String> ROPES = List.of("rope_scaling", "rope_parameters");
    private static final String THETA = "rope_theta";
    private static final String EPS = "rms_norm_eps";
    private static final String TEXT = "text_config";
    private static final String TYPE = "model_type";

    /** What Transformers' Qwen2VLTextConfig and Qwen2_5_VLTextConfig assume. */
    private static final Family SECOND =
            new Family("qwen2", Map.of("num_key_value_heads", 8L, "max_window_layers", 80L), 1e-5, 1e6);

    /** And Qwen3VLTextConfig. */
    private static final Family THIRD = new Family("qwen3", Map.of("max_position_embeddings", 128000L), 1e-6, 5e5);

    private static final Map<String, Family> FAMILIES =
            Map.of("qwen2_vl", SECOND, "qwen2_5_vl", SECOND, "qwen3_vl", THIRD);

    private QwenTower() {}

    /**
     * A family whose language model is one of another without a tower.
     *
     * @param alone {@code model_type} of that
     * @param absent sizes that are assumed where the settings are silent, and the other assumes otherwise
     * @param rmsNormEps {@code rms_norm_eps}, likewise
     * @param theta {@code rope_theta}, likewise
     */
    private record Family(String alone, Map<String, Long> absent, double rmsNormEps, double theta) {}

    /** Whether the language model is, on texts, one of a family without a tower: that of Qwen2-VL, Qwen2.5-VL and Qwen3-VL. */
    public static boolean holdsFamilyAlone(JsonObject config) throws CheckpointException {
        return FAMILIES.containsKey(config.stringOr(TYPE, ""));
    }

    /**
     * Where {@link #holdsFamilyAlone}, the config.json that the language model would have by itself; others are as they are.
     *
     * @throws CheckpointException if settings contradict each other
     */
    public static JsonObject alone(JsonObject config) throws CheckpointException {
        String type = config.stringOr(TYPE, "");
        Family family = FAMILIES.get(type);
        if (family == null) {
            return config;
        }
        JsonObject text =
                (config.has(TEXT) ? text(config, type + "_text") : ofTexts(config)).withAbsent(family.absent());
        JsonObject rope = rope(text);
        JsonObject alone = text.without(ROPES)
                .with(TYPE, TextNode.valueOf(family.alone()))
                .with(THETA, DoubleNode.valueOf(RopeKeys.theta(text, rope, family.theta())))
                .with(EPS, DoubleNode.valueOf(text.doubleOr(EPS, family.rmsNormEps())));
        ObjectNode scaling = rope == null ? null : scaling(rope);
        return scaling == null ? alone : alone.with(ROPES.get(0), scaling);
    }

    /** Without what is of images, and the class with the tower, which some files name within as well. */
    private static JsonObject ofTexts(JsonObject settings) {
        return settings.without(OF_IMAGES).without(List.of("architectures"));
    }

    /**
     * The {@code text_config}, which then says whether the output embedding is the input's.
     *
     * @param family its {@code model_type}
     * @throws CheckpointException if what lies around contradicts it
     */
    public static JsonObject text(JsonObject config, String family) throws CheckpointException {
        JsonObject text = config.requireObject(TEXT);
        String type = text.stringOr(TYPE, family);
        if (!type.equals(family)) {
            throw text.fault(TYPE, "must be " + family + ", found " + type + ": anything else is not supported");
        }
        boolean around = config.booleanOr(TiedHead.KEY, false);
        boolean tied = text.booleanOr(TiedHead.KEY, around);
        if (config.has(TiedHead.KEY) && tied != around) {
            throw TiedHead.contradiction(config);
        }
        return ofTexts(text).with(TiedHead.KEY, BooleanNode.valueOf(tied));
    }

    /** The settings of the rotation of a text, without how the axes of an image share it; null for none. */
    public static @Nullable JsonObject rope(JsonObject text) throws CheckpointException {
        JsonObject rope = RopeKeys.ofAllLayers(text);
        return rope == null ? null : rope.without(OF_AXES);
    }

    /** What a rotation is scaled by; null for nothing. */
    private static @Nullable ObjectNode scaling(JsonObject rope) throws CheckpointException {
        JsonObject left = rope.without(List.of(THETA));
        if (Set.of("default", "mrope").contains(RopeKeys.type(rope))) {
            left = left.without(KINDS);
        }
        return left.keys().isEmpty() ? null : left.toTree();
    }
}
