package org.loft4j.model.exaone4;

import com.fasterxml.jackson.databind.node.TextNode;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of an EXAONE 4.0, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param placement for each block its rotation and its window
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Exaone4Config(DecoderConfig sizes, List<Placement> placement, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(32, 0, 2048, 1e-5, false, "hidden_act", "silu");

    private static final String PATTERN = "sliding_window_pattern";

    public Exaone4Config {
        placement = List.copyOf(placement);
    }

    /** Reads config.json. */
    public static Exaone4Config from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(json, Set.of("sliding_window", PATTERN, "layer_types"));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new Exaone4Config(sizes, placement(json, sizes), DecoderConfig.tokenClassifierDropout(json));
    }

    /** Where there is a window, the blocks without one are not turned; without a window all are. */
    private static List<Placement> placement(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        long window = LayerTypes.window(json, 4096);
        boolean byPattern = window > 0 && !json.has("layer_types");
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), byPattern ? pattern(json) : i -> false);
        if (window == 0 && sliding.contains(true)) {
            throw json.fault("sliding_window", "is null, but layers of sliding_attention need a window");
        }
        Rope rope = Rope.from(json, sizes, 10000);
        Placement windowed = new Placement(rope, window);
        Placement full = new Placement(window == 0 ? rope : null, 0);
        return sliding.stream().map(slides -> slides ? windowed : full).toList();
    }

    /** Every how manieth block sees all, or a letter for each of some blocks, after which they begin anew: {@code LLLG}. */
    private static IntPredicate pattern(JsonObject json) throws CheckpointException {
        if (json.node(PATTERN) instanceof TextNode) {
            String letters = json.requireString(PATTERN);
            if (!letters.matches("[LG]+")) {
                throw json.fault(PATTERN, "must be a whole number, or letters L and G alone, found " + letters);
            }
            return i -> letters.charAt(i % letters.length()) == 'L';
        }
        int period = json.intOr(PATTERN, 4, 1);
        return i -> (i + 1) % period != 0;
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
