package org.loft4j.model.gemma4;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.DecoderConfig;

/**
 * Size and number of the heads of each layer: {@code per_layer_config}, as Transformers 5 writes it, or the keys that older files have
 * for all layers without a window.
 */
final class Gemma4Heads {
    private static final String EACH = "per_layer_config";
    private static final String SIZE = "head_dim";
    private static final String NUMBER = "num_key_value_heads";
    private static final String GLOBAL_SIZE = "global_head_dim";
    private static final String GLOBAL_NUMBER = "num_global_key_value_heads";

    private Gemma4Heads() {}

    /** The sizes of each layer. */
    static List<DecoderConfig> of(JsonObject json, DecoderConfig sizes, List<Boolean> sliding)
            throws CheckpointException {
        if (!json.keys().contains(EACH)) {
            DecoderConfig whole = whole(json, sizes);
            return sliding.stream().map(slides -> slides ? sizes : whole).toList();
        }
        List<DecoderConfig> heads = each(json, sizes);
        for (boolean slides : new boolean[] {true, false}) {
            int first = sliding.indexOf(slides);
            for (int i = 0; first >= 0 && i < heads.size(); i++) {
                if (sliding.get(i) == slides && !heads.get(i).equals(heads.get(first))) {
                    throw json.fault(
                            EACH,
                            "must have the same heads for all layers of a kind, found others in layer " + i
                                    + " than in layer " + first);
                }
            }
        }
        boolean stated = json.has(GLOBAL_SIZE) || json.has(GLOBAL_NUMBER);
        if (stated && !heads.get(heads.size() - 1).equals(whole(json, sizes))) {
            throw json.fault(
                    EACH,
                    "and " + GLOBAL_SIZE + " or " + GLOBAL_NUMBER
                            + " say different things, and versions of Transformers"
                            + " go by one or the other: keep the one that is meant");
        }
        return heads;
    }

    private static DecoderConfig whole(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        int number = json.booleanOr("attention_k_eq_v", false)
                ? json.intOr(GLOBAL_NUMBER, sizes.keyValueHeads(), 1)
                : sizes.keyValueHeads();
        return sizes.withHeads(number, json.intOr(GLOBAL_SIZE, 512, 2));
    }

    private static List<DecoderConfig> each(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        List<DecoderConfig> heads = new ArrayList<>(Collections.nCopies(sizes.layers(), sizes));
        JsonObject each = json.findObject(EACH);
        if (each == null) {
            return heads;
        }
        for (String key : each.keys()) {
            JsonObject one = each.requireObject(key);
            if (!key.matches("\\d{1,9}") || Integer.parseInt(key) >= sizes.layers()) {
                throw each.fault(key, "must be the number of a layer, from 0 to " + (sizes.layers() - 1));
            }
            for (String setting : one.keys()) {
                if (!Set.of(SIZE, NUMBER).contains(setting)) {
                    throw one.fault(
                            setting, "cannot differ between layers of Gemma 4: " + SIZE + " and " + NUMBER + " can");
                }
            }
            heads.set(
                    Integer.parseInt(key),
                    sizes.withHeads(one.intOr(NUMBER, sizes.keyValueHeads(), 1), one.intOr(SIZE, sizes.headDim(), 2)));
        }
        return heads;
    }
}
