package org.loft4j.model.gptoss;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.QuantisedConfig;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.nn.Mxfp4Weight;

/** Which blocks of a checkpoint have their experts in MXFP4, as its {@link QuantisedConfig} says. */
final class Mxfp4Blocks {
    private static final String LEFT_OUT = "modules_to_not_convert";

    private Mxfp4Blocks() {}

    /** By the number of a block. {@code dequantize} is without effect: the numbers are the same. */
    static IntPredicate of(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        JsonObject quantised = json.findObject(QuantisedConfig.KEY);
        if (quantised == null) {
            return block -> false;
        }
        if (sizes.hiddenSize() % Mxfp4Weight.BLOCK != 0 || sizes.intermediateSize() % Mxfp4Weight.BLOCK != 0) {
            throw new ConfigException("hidden_size and intermediate_size must be multiples of " + Mxfp4Weight.BLOCK
                    + " for MXFP4, got " + sizes.hiddenSize() + " and " + sizes.intermediateSize());
        }
        List<Pattern> patterns = new ArrayList<>();
        List<String> leftOut = quantised.has(LEFT_OUT) ? quantised.strings(LEFT_OUT) : List.of();
        for (String pattern : leftOut) {
            patterns.add(pattern(quantised, pattern));
        }
        return block -> {
            String experts = "model.layers." + block + ".mlp.experts";
            return leftOut.stream().noneMatch(experts::endsWith)
                    && patterns.stream()
                            .noneMatch(pattern -> pattern.matcher(experts).lookingAt());
        };
    }

    private static Pattern pattern(JsonObject quantised, String pattern) throws CheckpointException {
        try {
            return Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
            throw quantised.fault(
                    LEFT_OUT, "must hold regular expressions, found " + pattern + ": " + e.getDescription());
        }
    }
}
