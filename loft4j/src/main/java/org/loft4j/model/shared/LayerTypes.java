package org.loft4j.model.shared;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;

/** Which blocks of a model are of another kind than the rest: {@code layer_types}, or the rule of the family where a file has no list. */
public final class LayerTypes {
    private static final String SLIDING = "sliding_attention";
    private static final String CHUNKED = "chunked_attention";
    private static final String LINEAR = "linear_attention";
    private static final String CONVOLUTION = "conv";
    private static final String ATTENDING = "full_attn_idxs";
    private static final String FULL = "full_attention";

    private LayerTypes() {}

    /**
     * For each block whether it slides.
     *
     * @param rule of the family, by the number of a block
     */
    public static List<Boolean> sliding(JsonObject json, int layers, IntPredicate rule) throws CheckpointException {
        return are(List.of(SLIDING), List.of(FULL), json, layers, rule);
    }

    /** For each block whether it sees a chunk; see {@link #sliding}. */
    public static List<Boolean> chunked(JsonObject json, int layers, IntPredicate rule) throws CheckpointException {
        return are(List.of(CHUNKED), List.of(FULL), json, layers, rule);
    }

    /** For each block whether its heads are turned: {@code no_rope_layers}, 0 where they are not, or each {@code no_rope_layer_interval}th not. */
    public static List<Boolean> turned(JsonObject json, int layers) throws CheckpointException {
        int interval = json.intOr("no_rope_layer_interval", 4, 1);
        JsonNode given = json.node("no_rope_layers");
        List<Boolean> turned = new ArrayList<>();
        if (given == null) {
            for (int i = 0; i < layers; i++) {
                turned.add((i + 1) % interval != 0);
            }
            return turned;
        }
        given.forEach(value -> turned.add(value.asInt() != 0));
        if (turned.size() != layers) {
            throw json.fault(
                    "no_rope_layers", "must have one entry for each of " + layers + " layers, found " + turned.size());
        }
        return turned;
    }

    /** For each block whether its attention is linear; see {@link #sliding}. */
    public static List<Boolean> linear(JsonObject json, int layers, IntPredicate rule) throws CheckpointException {
        return are(List.of(LINEAR), List.of(FULL), json, layers, rule);
    }

    /**
     * For each block whether it has a convolution for attention; where a file has no list of types, all but those of
     * {@code full_attn_idxs}, and none where it has neither.
     */
    public static List<Boolean> convolving(JsonObject json, int layers) throws CheckpointException {
        List<Integer> attending = attending(json, layers);
        return are(List.of(CONVOLUTION), List.of(FULL), json, layers, i -> !attending.contains(i));
    }

    private static List<Integer> attending(JsonObject json, int layers) throws CheckpointException {
        if (!json.has(ATTENDING)) {
            return IntStream.range(0, layers).boxed().toList();
        }
        List<Integer> numbers = new ArrayList<>();
        for (double number : json.requireDoubles(ATTENDING)) {
            if (number != Math.rint(number) || number < 0 || number >= layers) {
                throw json.fault(
                        ATTENDING, "must be numbers of layers, from 0 to " + (layers - 1) + ", found " + number);
            }
            numbers.add((int) number);
        }
        return numbers;
    }

    /** For each block whether it has a state space for attention, as all have where a file has no list; files have two names of each kind. */
    public static List<Boolean> stateSpaces(JsonObject json, int layers) throws CheckpointException {
        return are(List.of("mamba", LINEAR), List.of("attention", FULL), json, layers, i -> true);
    }

    private static List<Boolean> are(
            List<String> kinds, List<String> others, JsonObject json, int layers, IntPredicate rule)
            throws CheckpointException {
        List<Boolean> these = new ArrayList<>();
        if (!json.has("layer_types")) {
            for (int i = 0; i < layers; i++) {
                these.add(rule.test(i));
            }
            return these;
        }
        for (String type : json.strings("layer_types")) {
            if (!kinds.contains(type) && !others.contains(type)) {
                List<String> all = new ArrayList<>(kinds);
                all.addAll(others);
                String last = all.remove(all.size() - 1);
                throw json.fault(
                        "layer_types", "may hold " + String.join(", ", all) + " and " + last + " only, found " + type);
            }
            these.add(kinds.contains(type));
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
