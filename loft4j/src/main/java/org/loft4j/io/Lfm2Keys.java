package org.loft4j.io;

import org.loft4j.CheckpointException;
import org.loft4j.Checks;

/** What a config.json of LFM2 means by keys that it alone has. */
public final class Lfm2Keys {
    static final String FAMILY = "lfm2";

    /** Its own word for {@link TiedHead#KEY}. */
    static final String TIED = "tie_embedding";

    private Lfm2Keys() {}

    /**
     * The width of the feed-forward parts: two thirds of the stated one, times a factor, and rounded up to a multiple; or the stated
     * one itself.
     */
    public static long width(JsonObject json) throws CheckpointException {
        long stated = json.requireLong(json.has("block_ff_dim") ? "block_ff_dim" : "intermediate_size");
        if (!json.booleanOr("block_auto_adjust_ff_dim", true)) {
            return stated;
        }
        long two = (long) (2.0 * stated / 3);
        boolean plain = json.keys().contains("block_ffn_dim_multiplier") && !json.has("block_ffn_dim_multiplier");
        if (plain) {
            return two;
        }
        double factor = json.doubleOr("block_ffn_dim_multiplier", 1);
        Checks.positive("block_ffn_dim_multiplier", factor);
        int multiple = json.intOr("block_multiple_of", 256, 1);
        return ((long) (factor * two) + multiple - 1) / multiple * multiple;
    }

    /** Whether the output embedding is the input's: its own word goes before that of all models, and it is where there is neither. */
    public static boolean tied(JsonObject json) throws CheckpointException {
        return json.booleanOr(TIED, json.booleanOr(TiedHead.KEY, true));
    }
}
