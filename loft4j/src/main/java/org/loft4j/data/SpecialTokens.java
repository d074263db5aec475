package org.loft4j.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.loft4j.CheckpointException;
import org.loft4j.FileFault;
import org.loft4j.Shown;

/**
 * The ids that a model directory gives its special tokens. A token's text stands in tokenizer_config.json or
 * special_tokens_map.json, as a string or an object with {@code content}; ids stand in config.json and generation_config.json, as
 * a number or a list.
 *
 * @param pad the tokenizer's padding token, else {@code pad_token_id} of config.json or generation_config.json, else the end token, else 0
 * @param bos the tokenizer's beginning, else {@code bos_token_id}
 * @param eos the tokenizer's end, else the first {@code eos_token_id}
 * @param stop every id that ends generation: {@code eos_token_id} of generation_config.json, else of config.json, and the end above
 * @param modelMaxLength the longest input that the tokenizer's configuration states, if it is a real limit
 * @param addBos whether the tokenizer's configuration says that the beginning stands before a text, or that it does not
 * @param addEos the same of the end behind a text
 * @param roles ids of the beginning, the end, padding, what is unknown and a mask, those of {@link #USUAL} where files name none
 */
record SpecialTokens(
        long pad,
        OptionalLong bos,
        OptionalLong eos,
        Set<Long> stop,
        OptionalInt modelMaxLength,
        Optional<Boolean> addBos,
        Optional<Boolean> addEos,
        Set<Long> roles) {
    /** The tokens that stand for no text, as most tokenizers have them. */
    private static final Map<String, String> USUAL = Map.of(
            "bos_token", "<s>",
            "eos_token", "</s>",
            "mask_token", "<mask>",
            "pad_token", "<pad>",
            "unk_token", "<unk>");

    private static final long LARGEST = 32L << 20;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /**
     * Reads them.
     *
     * @param directory of the tokenizer
     * @param modelDirectory whose config.json and generation_config.json are read where {@code directory} has none
     * @param vocabulary the id of a token's text, empty if it is no token
     */
    static SpecialTokens read(Path directory, Path modelDirectory, Function<String, OptionalLong> vocabulary)
            throws CheckpointException {
        JsonNode tokenizer = json(directory.resolve("tokenizer_config.json"));
        JsonNode map = json(directory.resolve("special_tokens_map.json"));
        JsonNode config = json(ofModel(directory, modelDirectory, "config.json"));
        JsonNode generation = json(ofModel(directory, modelDirectory, "generation_config.json"));

        OptionalLong bos = first(
                token("bos_token", vocabulary, tokenizer, map),
                id("bos_token_id", config),
                id("bos_token_id", generation));
        OptionalLong ownEos = token("eos_token", vocabulary, tokenizer, map);
        OptionalLong eos = first(ownEos, id("eos_token_id", config), id("eos_token_id", generation));
        OptionalLong pad = first(
                token("pad_token", vocabulary, tokenizer, map),
                id("pad_token_id", config),
                id("pad_token_id", generation),
                eos);

        Set<Long> stop = ids("eos_token_id", generation);
        if (stop.isEmpty()) {
            stop = ids("eos_token_id", config);
        }
        // the end that training puts behind a text must be one at which generation ends
        eos.ifPresent(stop::add);
        return new SpecialTokens(
                pad.orElse(0),
                bos,
                eos,
                Set.copyOf(stop),
                length(tokenizer),
                flag(tokenizer.path("add_bos_token")),
                flag(tokenizer.path("add_eos_token")),
                roles(vocabulary, tokenizer, map));
    }

    private static Set<Long> roles(Function<String, OptionalLong> vocabulary, JsonNode... files) {
        return USUAL.entrySet().stream()
                .map(role -> first(token(role.getKey(), vocabulary, files), vocabulary.apply(role.getValue())))
                .flatMap(id -> id.stream().boxed())
                .collect(Collectors.toUnmodifiableSet());
    }

    static Path ofModel(Path directory, Path modelDirectory, String name) {
        Path beside = directory.resolve(name);
        return Files.exists(beside) ? beside : modelDirectory.resolve(name);
    }

    private static Optional<Boolean> flag(JsonNode value) {
        return value.isBoolean() ? Optional.of(value.booleanValue()) : Optional.empty();
    }

    static JsonNode json(Path file) throws CheckpointException {
        if (!Files.exists(file)) {
            return MissingNode.getInstance();
        }
        try {
            if (Files.size(file) > LARGEST) {
                throw new CheckpointException(file, "has more than " + (LARGEST >> 20) + " MiB: not a configuration");
            }
            return MAPPER.readTree(file.toFile());
        } catch (CheckpointException e) {
            throw e;
        } catch (JsonProcessingException e) {
            throw new CheckpointException(file, "is not valid JSON: " + Shown.text(e.getOriginalMessage()), e);
        } catch (IOException e) {
            throw new CheckpointException(file, "cannot be read: " + FileFault.of(e), e);
        }
    }

    private static OptionalLong token(String key, Function<String, OptionalLong> vocabulary, JsonNode... files) {
        return Arrays.stream(files)
                .map(file -> file.path(key))
                .map(value -> value.isObject() ? value.path("content") : value)
                .filter(JsonNode::isTextual)
                .map(value -> vocabulary.apply(value.textValue()))
                .filter(OptionalLong::isPresent)
                .findFirst()
                .orElse(OptionalLong.empty());
    }

    private static OptionalLong id(String key, JsonNode file) {
        return ids(key, file).stream().mapToLong(id -> id).findFirst();
    }

    /** Some files say -1 or null where there is no such token. */
    private static Set<Long> ids(String key, JsonNode file) {
        var ids = new LinkedHashSet<Long>();
        JsonNode value = file.path(key);
        for (JsonNode element :
                value.isArray() ? value : MAPPER.createArrayNode().add(value)) {
            if (element.canConvertToExactIntegral() && element.canConvertToInt() && element.longValue() >= 0) {
                ids.add(element.longValue());
            }
        }
        return ids;
    }

    /** Absent limits are written as 1e30. */
    private static OptionalInt length(JsonNode tokenizer) {
        double length = tokenizer.path("model_max_length").asDouble(0);
        return length >= 1 && length <= 1e9 ? OptionalInt.of((int) length) : OptionalInt.empty();
    }

    private static OptionalLong first(OptionalLong... candidates) {
        return Arrays.stream(candidates)
                .filter(OptionalLong::isPresent)
                .findFirst()
                .orElse(OptionalLong.empty());
    }
}
