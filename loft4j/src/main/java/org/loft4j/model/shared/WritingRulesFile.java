package org.loft4j.model.shared;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.OptionalLong;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.WritingRules;

/** {@link WritingRules} in generation_config.json, or in config.json where there is none, as Transformers reads them. */
public final class WritingRulesFile {
    private static final System.Logger LOG = System.getLogger(WritingRulesFile.class.getName());

    private WritingRulesFile() {}

    /**
     * Reads those of a model.
     *
     * @param config its config.json
     * @param vocabularySize ids are below it
     * @throws CheckpointException if an id is none of the model's, or there are several where one is wanted
     */
    public static WritingRules read(JsonObject config, long vocabularySize) throws CheckpointException {
        JsonObject json = settings(config);
        return new WritingRules(
                one(json, "forced_bos_token_id", vocabularySize),
                end(json, vocabularySize),
                ids(json, "suppress_tokens", vocabularySize),
                ids(json, "begin_suppress_tokens", vocabularySize));
    }

    /** Where a model says how it writes: generation_config.json beside its config.json, or that where there is none. */
    public static JsonObject settings(JsonObject config) throws CheckpointException {
        Path directory = config.file().getParent();
        Path file = directory == null ? null : directory.resolve("generation_config.json");
        return file != null && Files.isRegularFile(file) ? Json.read(file) : config;
    }

    /** Of several ends, which Transformers makes alike, the first. */
    private static OptionalLong end(JsonObject json, long vocabularySize) throws CheckpointException {
        String key = "forced_eos_token_id";
        OptionalLong end =
                ids(json, key, vocabularySize).stream().mapToLong(id -> id).findFirst();
        JsonNode value = json.node(key);
        if (value != null && value.size() > 1) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    json.file() + ": " + key + " is " + value + ", of which " + end.orElseThrow() + " is taken");
        }
        return end;
    }

    private static OptionalLong one(JsonObject json, String key, long vocabularySize) throws CheckpointException {
        Set<Long> ids = ids(json, key, vocabularySize);
        if (ids.size() > 1) {
            throw json.fault(key, "must be one id, found " + ids);
        }
        return ids.stream().mapToLong(id -> id).findFirst();
    }

    private static Set<Long> ids(JsonObject json, String key, long vocabularySize) throws CheckpointException {
        Set<Long> ids = new LinkedHashSet<>();
        JsonNode value = json.node(key);
        if (value == null) {
            return ids;
        }
        if (value.isArray()) {
            for (JsonNode element : value) {
                ids.add(id(json, key, element, vocabularySize));
            }
        } else {
            ids.add(id(json, key, value, vocabularySize));
        }
        return ids;
    }

    private static long id(JsonObject json, String key, JsonNode value, long vocabularySize)
            throws CheckpointException {
        boolean fits = value.isIntegralNumber()
                && value.canConvertToLong()
                && value.longValue() >= 0
                && value.longValue() < vocabularySize;
        if (!fits) {
            throw json.fault(key, "must be token ids from 0 to " + (vocabularySize - 1) + ", found " + value);
        }
        return value.longValue();
    }
}
