package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;

/** Which blocks of a model see a window only: {@code layer_types}, or the rule of the family where a file has no list. */
public final class LayerTypes {
    private static final String SLIDING = "sliding_attention";
    private static final String FULL = "full_attention";

    private LayerTypes() {}

    /**
     * For each block whether it slides.
     *
     * @param rule of the family, by the number of a block
     */
    public static List<Boolean> sliding(JsonObject json, int layers, IntPredicate rule) throws CheckpointException {
        List<Boolean> sliding = new ArrayList<>();
        if (!json.has("layer_types")) {
            for (int i = 0; i < layers; i++) {
                sliding.add(rule.test(i));
            }
            return sliding;
        }
        for (String type : json.strings("layer_types")) {
            if (!type.equals(SLIDING) && !type.equals(FULL)) {
                throw json.fault("layer_types", "may hold " + SLIDING + " and " + FULL + " only, found " + type);
            }
            sliding.add(type.equals(SLIDING));
        }
        if (sliding.size() != layers) {
            throw json.fault(
                    "layer_types", "must have one entry for each of " + layers + " layers, found " + sliding.size());
        }
        return sliding;
    }

    /** A key that means another thing when it is {@code null} than when it is missing: 0 for null. */
    public static long window(JsonObject json, long absent) throws CheckpointException {
        if (!json.keys().contains("sliding_window")) {
            return absent;
        }
        return json.has("sliding_window") ? json.requireInt("sliding_window", 1) : 0;
    }
}
