package org.loft4j.io;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;

/** What a config.json of Granite 4 means by keys that it alone has. */
public final class Granite4Keys {
    private static final String TYPES = "layer_types";
    private static final String ALIAS = "layers_block_type";
    private static final String STEPS = "time_step_limit";

    private Granite4Keys() {}

    /**
     * The same with the kinds of the blocks under {@code layer_types} alone, for which Transformers reads {@code layers_block_type}
     * as well.
     *
     * @throws CheckpointException if both are there and differ
     */
    public static JsonObject plain(JsonObject json) throws CheckpointException {
        JsonNode types = json.node(json.eitherKey(ALIAS, TYPES));
        return types == null ? json : json.with(TYPES, types).without(List.of(ALIAS));
    }

    /**
     * Refuses limits of the steps of a state space, between which Transformers holds them, and which no published model has.
     *
     * @throws ConfigException if there are limits other than 0 and infinity
     */
    public static void requireAnyStep(JsonObject json) {
        JsonNode limits = json.node(STEPS);
        if (limits == null) {
            return;
        }
        JsonNode most = limits.path(1);
        boolean open = most.isDouble()
                ? most.doubleValue() == Double.POSITIVE_INFINITY
                : most.path("__float__").asText().equals("Infinity");
        if (limits.size() != 2 || !limits.path(0).isNumber() || limits.path(0).doubleValue() > 0 || !open) {
            throw new ConfigException(STEPS + " must be 0 and infinity, got " + limits + " in " + json.file()
                    + ": limits of the steps are not supported");
        }
    }

    /** How many heads the state spaces have. */
    public static int heads(JsonObject json) throws CheckpointException {
        return json.intOr("mamba_n_heads", 128, 1);
    }

    /**
     * The width of a head of the state spaces, stated or what the heads leave to each.
     *
     * @param hiddenSize of the model
     * @throws ConfigException if the heads are not {@code mamba_expand} times as wide as the model
     */
    public static int headDim(JsonObject json, long hiddenSize) throws CheckpointException {
        int heads = heads(json);
        long inner = json.intOr("mamba_expand", 2, 1) * hiddenSize;
        JsonNode stated = json.node("mamba_d_head");
        boolean auto = stated == null || stated.asText().equals("auto");
        long headDim = auto ? inner / heads : json.intOr("mamba_d_head", 1, 1);
        if (headDim * heads != inner) {
            throw new ConfigException("mamba_n_heads times mamba_d_head must be mamba_expand times hidden_size, got "
                    + heads + " times " + headDim + " and " + inner + " in " + json.file());
        }
        return Math.toIntExact(headDim);
    }
}
