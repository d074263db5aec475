package org.loft4j.export;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;

/**
 * How the layers of Gemma 4 differ: by their windows, the sizes and numbers of their heads, and whether they have keys and values of
 * their own.
 *
 * @param slides for each layer whether it has a window
 * @param headDims size of a head of each
 * @param keyHeads number of heads of keys and values of each
 * @param shared how many of the last layers take the keys and values of others
 * @param keyAsValue whether the keys of a layer without a window are its values
 */
record Gemma4Layers(
        List<Boolean> slides, List<Integer> headDims, List<Integer> keyHeads, int shared, boolean keyAsValue) {
    private static final String EACH = "per_layer_config";
    private static final String SIZE = "head_dim";
    private static final String NUMBER = "num_key_value_heads";
    private static final String SHARED = "num_kv_shared_layers";

    /**
     * Reads them.
     *
     * @throws CheckpointException if llama.cpp would take other keys and values for the last layers, or has one size of heads for
     *     what has several
     */
    static Gemma4Layers of(JsonObject json, int layers) throws CheckpointException {
        List<String> types = json.strings("layer_types");
        if (!types.isEmpty() && types.size() != layers) {
            throw json.fault(
                    "layer_types", "must have one entry for each of " + layers + " layers, found " + types.size());
        }
        int size = json.intOr(SIZE, 256, 1);
        int number = json.intOr(NUMBER, 4, 1);
        boolean keyAsValue = json.booleanOr("attention_k_eq_v", false);
        int wholeSize = json.intOr("global_head_dim", 512, 1);
        int wholeNumber = keyAsValue ? json.intOr("num_global_key_value_heads", number, 1) : number;
        JsonObject each = json.findObject(EACH);
        boolean listed = json.keys().contains(EACH);
        List<Boolean> slides = new ArrayList<>();
        List<Integer> headDims = new ArrayList<>();
        List<Integer> keyHeads = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            boolean window = types.isEmpty() ? (i + 1) % 6 != 0 : types.get(i).equals("sliding_attention");
            // the last has none, whatever the list says, as in Transformers
            slides.add(window && i < layers - 1);
            JsonObject own = each == null ? null : each.findObject(String.valueOf(i));
            boolean plain = listed || slides.get(i);
            headDims.add(own(own, SIZE, plain ? size : wholeSize));
            keyHeads.add(own(own, NUMBER, plain ? number : wholeNumber));
            int first = slides.indexOf(slides.get(i));
            if (!headDims.get(i).equals(headDims.get(first))) {
                throw json.fault(EACH, "has heads of another size in layer " + i + " than in layer " + first);
            }
        }
        int shared = json.intOr(SHARED, 0, 0);
        int from = layers - shared;
        if (shared > 0 && (from < 2 || slides.get(from - 1) || !slides.get(from - 2))) {
            throw json.fault(
                    SHARED,
                    "is " + shared + ", where llama.cpp takes the keys and values of the last two layers before those,"
                            + " the first of which must have a window, and the second none");
        }
        return new Gemma4Layers(slides, headDims, keyHeads, shared, keyAsValue);
    }

    private static int own(@Nullable JsonObject layer, String key, int otherwise) throws CheckpointException {
        return layer == null ? otherwise : layer.intOr(key, otherwise, 1);
    }

    boolean borrows(int layer) {
        return layer >= slides.size() - shared;
    }

    /** Whether a layer has a part of its attention ({@code self_attn.v_proj}) that some do not have. */
    boolean has(int layer, String part) {
        return switch (part) {
            case "self_attn.k_proj", "self_attn.k_norm" -> !borrows(layer);
            case "self_attn.v_proj" -> !borrows(layer) && (slides.get(layer) || !keyAsValue);
            default -> true;
        };
    }

    /** Of the layers of a kind; where there is none of it, of the others. */
    int headDim(boolean window) {
        return headDims.get(Math.max(0, slides.indexOf(window)));
    }
}
