package org.loft4j.model.shared;

import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;

/**
 * What the config.json of one of Qwen's models with a vision tower says of its language model: in {@code text_config}, or in older files
 * beside the settings of the tower. On texts that is a model of a family without one.
 */
public final class QwenTower {
    /** The settings around a language model that say nothing about texts. */
    private static final Set<String> OF_IMAGES = Set.of(
            "vision_config",
            "image_token_id",
            "video_token_id",
            "vision_start_token_id",
            "vision_end_token_id",
            "vision_token_id");

    /** How the axes of an image share the angles of a rotation; in a text they are one. */
    private static final List<String> OF_AXES = List.of("mrope_section", "mrope_interleaved");

    private static final List<String> KINDS = List.of("type", "rope_type");
    private static final List<String> ROPES = List.of("rope_scaling", "rope_parameters");
    private static final String THETA = "rope_theta";
    private static final String EPS = "rms_norm_eps";
    private static final String TEXT = "text_config";
    private static final String TYPE = "model_type";

    private QwenTower() {}

    /**
     * What Transformers assumes where the settings are silent, and the family without a tower assumes otherwise.
     *
     * @param sizes by their keys
     * @param rmsNormEps {@code rms_norm_eps}
     * @param theta {@code rope_theta}
     */
    public record Absent(Map<String, Long> sizes, double rmsNormEps, double theta) {
        public Absent {
            sizes = Map.copyOf(sizes);
        }
    }

    /**
     * The config.json of the language model as a model of its own.
     *
     * @param family {@code model_type} of that
     * @throws CheckpointException if settings contradict each other
     */
    public static JsonObject alone(JsonObject config, String family, Absent absent) throws CheckpointException {
        JsonObject text = text(config).withAbsent(absent.sizes());
        JsonObject rope = RopeKeys.ofAllLayers(text);
        JsonObject alone = text.without(ROPES)
                .with(TYPE, TextNode.valueOf(family))
                .with(THETA, DoubleNode.valueOf(RopeKeys.theta(text, rope, absent.theta())))
                .with(EPS, DoubleNode.valueOf(text.doubleOr(EPS, absent.rmsNormEps())));
        ObjectNode scaling = rope == null ? null : ofTexts(rope);
        return scaling == null ? alone : alone.with(ROPES.get(0), scaling);
    }

    private static JsonObject text(JsonObject config) throws CheckpointException {
        if (!config.has(TEXT)) {
            return config.without(OF_IMAGES).without(List.of("architectures"));
        }
        ConfigKeys.checkAround(config, OF_IMAGES);
        JsonObject text = ofLanguageModel(config);
        ConfigKeys.require(text, TYPE, config.requireString(TYPE) + "_text");
        return text;
    }

    /**
     * The {@code text_config}, which says whether the output embedding is the input's.
     *
     * @throws CheckpointException if what lies around says otherwise
     */
    public static JsonObject ofLanguageModel(JsonObject config) throws CheckpointException {
        JsonObject text = config.requireObject(TEXT);
        boolean around = config.booleanOr(ConfigKeys.TIED, false);
        boolean tied = text.booleanOr(ConfigKeys.TIED, around);
        if (config.has(ConfigKeys.TIED) && tied != around) {
            throw ConfigKeys.contradiction(config);
        }
        return text.with(ConfigKeys.TIED, BooleanNode.valueOf(tied));
    }

    /** The settings of a rotation without what is about images; null where nothing is left. */
    private static @Nullable ObjectNode ofTexts(JsonObject rope) throws CheckpointException {
        JsonObject left = rope.without(OF_AXES).without(List.of(THETA));
        if (Set.of("default", "mrope").contains(RopeKeys.type(rope))) {
            left = left.without(KINDS);
        }
        return left.keys().isEmpty() ? null : left.toTree();
    }
}
