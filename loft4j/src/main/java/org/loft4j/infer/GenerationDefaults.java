package org.loft4j.infer;

import java.nio.file.Files;
import java.nio.file.Path;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/** What a model's generation_config.json recommends. */
public final class GenerationDefaults {
    private GenerationDefaults() {}

    /** The sampling of a model directory; greedy where its file says {@code do_sample: false}, or nothing. */
    public static SamplingConfig read(Path modelDirectory, long seed) throws CheckpointException {
        Path file = modelDirectory.resolve("generation_config.json");
        if (!Files.isRegularFile(file)) {
            return withSeed(SamplingConfig.GREEDY, seed);
        }
        try {
            return sampling(Json.read(file), seed);
        } catch (ConfigException e) {
            throw new CheckpointException(file, String.valueOf(e.getMessage()), e);
        }
    }

    private static SamplingConfig sampling(JsonObject json, long seed) throws CheckpointException {
        double penalty = json.doubleOr("repetition_penalty", 1);
        if (!json.booleanOr("do_sample", false)) {
            return new SamplingConfig(0, 0, 1, 0, penalty, seed);
        }
        // 50 and 1 are Transformers' own defaults; a top_k of null is none
        return new SamplingConfig(
                json.doubleOr("temperature", 1),
                json.keys().contains("top_k") ? json.intOr("top_k", 0, 0) : 50,
                json.doubleOr("top_p", 1),
                json.doubleOr("min_p", 0),
                penalty,
                seed);
    }

    private static SamplingConfig withSeed(SamplingConfig sampling, long seed) {
        return new SamplingConfig(
                sampling.temperature(),
                sampling.topK(),
                sampling.topP(),
                sampling.minP(),
                sampling.repetitionPenalty(),
                seed);
    }
}
