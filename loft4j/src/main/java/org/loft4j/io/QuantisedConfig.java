package org.loft4j.io;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a config.json says of weights that are quantised in its files ({@code quantization_config}). */
public final class QuantisedConfig {
    /** The key in config.json. */
    public static final String KEY = "quantization_config";

    /** The {@code quant_method} that is read of a family, by its {@code model_type}. */
    private static final Map<String, String> READ = Map.of("gpt_oss", "mxfp4");

    private QuantisedConfig() {}

    /** The {@code quant_method} where weights are quantised in a way that is not read here; null where they are not. */
    public static @Nullable String unread(JsonObject config) {
        JsonNode quantised = config.node(KEY);
        if (quantised == null) {
            return null;
        }
        JsonNode family = config.node("model_type");
        String method = quantised.path("quant_method").asText("one");
        return family != null && method.equals(READ.get(family.asText())) ? null : method;
    }
}
