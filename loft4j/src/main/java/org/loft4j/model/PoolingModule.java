package org.loft4j.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.loft4j.CheckpointException;
import org.loft4j.Shown;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Pooling;

/**
 * The module {@code Pooling} of sentence-transformers, in a folder of its own.
 *
 * @param json its config.json
 * @param pooling mean, cls or last
 */
record PoolingModule(JsonObject json, Pooling pooling) {
    private static final String FILE = "config.json";

    /** The names that sentence-transformers has for ways of pooling, old versions as one switch each. */
    private static final Map<String, String> SWITCHES = Map.of(
            "pooling_mode_cls_token", "cls",
            "pooling_mode_max_tokens", "max",
            "pooling_mode_mean_tokens", "mean",
            "pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens",
            "pooling_mode_weightedmean_tokens", "weightedmean",
            "pooling_mode_lasttoken", "lasttoken");

    private static final Map<String, Pooling> POOLINGS =
            Map.of("cls", Pooling.CLS, "mean", Pooling.MEAN, "lasttoken", Pooling.LAST);

    /** @throws CheckpointException for a way of pooling that cannot be computed here */
    static PoolingModule read(Path folder) throws CheckpointException {
        JsonObject json = Json.read(folder.resolve(FILE));
        List<String> ways = new ArrayList<>();
        JsonNode stated = json.node("pooling_mode");
        if (stated != null) {
            (stated.isArray() ? stated : List.of(stated)).forEach(way -> ways.add(way.asText()));
        } else {
            for (Map.Entry<String, String> entry : new TreeMap<>(SWITCHES).entrySet()) {
                if (json.booleanOr(entry.getKey(), false)) {
                    ways.add(entry.getValue());
                }
            }
        }
        Pooling pooling = ways.isEmpty() ? Pooling.MEAN : ways.size() == 1 ? POOLINGS.get(ways.get(0)) : null;
        if (pooling == null) {
            throw new CheckpointException(
                    json.file(),
                    "pools by " + Shown.text(String.join(" and ", ways))
                            + ": only mean, cls and lasttoken, one of them, can be computed here");
        }
        return new PoolingModule(json, pooling);
    }

    /** Whether a way of pooling has a name there. */
    static boolean isOne(Pooling pooling) {
        return POOLINGS.containsValue(pooling);
    }

    /** Refuses to leave prompts out of the mean. */
    void requirePrompts() throws CheckpointException {
        if (pooling == Pooling.MEAN && !json.booleanOr("include_prompt", true)) {
            throw json.fault("include_prompt", "is false: the prompt cannot be left out of the mean here");
        }
    }

    static void write(Path folder, Pooling pooling, long hiddenSize) throws IOException {
        Map<String, Object> switches = new TreeMap<>();
        SWITCHES.forEach((key, way) -> switches.put(key, POOLINGS.get(way) == pooling));
        switches.put("word_embedding_dimension", hiddenSize);
        switches.put("include_prompt", true);
        Files.createDirectories(folder);
        Json.write(folder.resolve(FILE), switches);
    }
}
