package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;

/** Which blocks of a model are of another kind than the rest: {@code layer_types}, or the rule of the family where a file has no list. */
public final class LayerTypes {
    private static final String SLIDING = "sliding_attention";
    private static final String LINEAR = "linear_attention";
    private static final String FULL = "full_attention";

    private LayerTypes() {}

    /**
     * For each block whether it slides.
     *
     * @param rule of the family, by the number of a block
     */
    public static List<Boolean> sliding(JsonObject json, int layers, IntPredicate rule) throws CheckpointException {
        return are(SLIDING, json, layers, rule);
    }

    /** For each block whether its attention is linear; see {@link #sliding}. */
    public static List<Boolean> linear(JsonObject json, int layers, IntPredicate rule) throws CheckpointException {
        return are(LINEAR, json, layers, rule);
    }

    private static List<Boolean> are(String kind, JsonObject json, int layers, IntPredicate rule)
            throws CheckpointException {
        List<Boolean> these = new ArrayList<>();
        if (!json.has("layer_types")) {
            for (int i = 0; i < layers; i++) {
                these.add(rule.test(i));
            }
            return these;
        }
        for (String type : json.strings("layer_types")) {
            if (!type.equals(kind) && !type.equals(FULL)) {
                throw json.fault("layer_types", "may hold " + kind + " and " + FULL + " only, found " + type);
            }
            these.add(type.equals(kind));
        }
        if (these.size() != layers) {
            throw json.fault(
                    "layer_types", "must have one entry for each of " + layers + " layers, found " + these.size());
        }
        return these;
    }

    /** A key that means another thing when it is {@code null} than when it is missing: 0 for null. */
    public static long window(JsonObject json, long absent) throws CheckpointException {
        if (!json.keys().contains("sliding_window")) {
            return absent;
        }
        return json.has("sliding_window") ? json.requireInt("sliding_window", 1) : 0;
    }
}
