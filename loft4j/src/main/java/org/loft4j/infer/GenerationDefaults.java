package org.loft4j.infer;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.infer.BeamConfig.EarlyStopping;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.WritingRulesFile;
import org.loft4j.nn.TokenDraw;

/** What a model's generation_config.json recommends. */
public final class GenerationDefaults {
    private static final System.Logger LOG = System.getLogger(GenerationDefaults.class.getName());

    /** Keys that change what Transformers writes and are not honoured, each with the number that leaves all as it is. */
    private static final Map<String, Double> NEUTRAL = Map.ofEntries(
            Map.entry("diversity_penalty", 0.0),
            Map.entry("encoder_no_repeat_ngram_size", 0.0),
            Map.entry("encoder_repetition_penalty", 1.0),
            Map.entry("epsilon_cutoff", 0.0),
            Map.entry("eta_cutoff", 0.0),
            Map.entry("guidance_scale", 1.0),
            Map.entry("min_length", 0.0),
            Map.entry("min_new_tokens", 0.0),
            Map.entry("no_repeat_ngram_size", 0.0),
            Map.entry("num_beam_groups", 1.0),
            Map.entry("num_beams", 1.0),
            Map.entry("penalty_alpha", 0.0),
            Map.entry("typical_p", 1.0));

    /** The same of keys that are off where they are absent, empty or false. */
    private static final Set<String> OFF = Set.of(
            "bad_words_ids",
            "begin_suppress_tokens",
            "constraints",
            "do_sample",
            "dola_layers",
            "exponential_decay_length_penalty",
            "force_words_ids",
            "forced_bos_token_id",
            "forced_decoder_ids",
            "forced_eos_token_id",
            "sequence_bias",
            "stop_strings",
            "suppress_tokens",
            "token_healing",
            "watermarking_config");

    /** Of these what a decoder honours. */
    private static final Set<String> OF_DECODERS = Set.of("do_sample");

    /** Of these what an encoder-decoder honours. */
    private static final Set<String> OF_WRITERS = Set.of(
            "begin_suppress_tokens",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "min_length",
            "min_new_tokens",
            "no_repeat_ngram_size",
            "num_beams",
            "suppress_tokens");

    private static final String START = "decoder_start_token_id";

    private GenerationDefaults() {}

    /**
     * The sampling of a model directory: greedy where its file does not say {@code do_sample: true}, with the top-k, top-p and
     * min-p that it states for whoever gives a temperature. What it asks for beyond that is named in a warning.
     */
    public static SamplingConfig read(Path modelDirectory, long seed) throws CheckpointException {
        Path file = modelDirectory.resolve("generation_config.json");
        if (!Files.isRegularFile(file)) {
            return SamplingConfig.of(TokenDraw.LIKELIEST, 1, seed);
        }
        try {
            JsonObject json = Json.read(file);
            warnOfStart(json, modelDirectory.resolve("config.json"));
            return sampling(json, seed);
        } catch (ConfigException e) {
            throw new CheckpointException(file, String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * How an encoder-decoder writes: always the likeliest token or text, with the beams, the least length, the penalty and the rule on
     * tokens that come again which its generation_config.json states, or its config.json where there is none. What that asks for beyond
     * what is honoured is named in a warning.
     */
    public static SamplingConfig readWriter(Path modelDirectory) throws CheckpointException {
        Path config = modelDirectory.resolve("config.json");
        JsonObject json = WritingRulesFile.settings(Json.read(config));
        warnOfStart(json, config);
        warn(json.without(OF_WRITERS));
        double lengthPenalty = json.doubleOr("length_penalty", 1);
        // the shortest length is one with the token that writing begins with
        int least = json.has("min_new_tokens")
                ? json.intOr("min_new_tokens", 0, 0)
                : Math.max(0, json.intOr("min_length", 0, 0) - 1);
        try {
            return SamplingConfig.of(TokenDraw.LIKELIEST, json.doubleOr("repetition_penalty", 1), 0)
                    .withBeams(new BeamConfig(json.intOr("num_beams", 1, 1), lengthPenalty, earlyStopping(json)))
                    .withNoRepeatNgramSize(json.intOr("no_repeat_ngram_size", 0, 0))
                    .withMinNewTokens(least);
        } catch (ConfigException e) {
            throw new CheckpointException(json.file(), String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * How many tokens a continuation has at most where nobody asks for a number: {@code max_new_tokens} of the model's
     * generation_config.json, else its {@code max_length}, by which Transformers 5 counts the tokens behind the prompt. Of an
     * encoder-decoder config.json says it, where there is no such file. Empty where neither is stated.
     *
     * @param writer whether it is of an encoder-decoder
     */
    public static OptionalInt maxNewTokens(Path modelDirectory, boolean writer) throws CheckpointException {
        Path file = modelDirectory.resolve("generation_config.json");
        if (!writer && !Files.isRegularFile(file)) {
            return OptionalInt.empty();
        }
        JsonObject json = Json.read(writer ? modelDirectory.resolve("config.json") : file);
        json = writer ? WritingRulesFile.settings(json) : json;
        String key = json.has("max_new_tokens") ? "max_new_tokens" : "max_length";
        return json.has(key) ? OptionalInt.of(json.requireInt(key, 1)) : OptionalInt.empty();
    }

    private static EarlyStopping earlyStopping(JsonObject json) throws CheckpointException {
        String key = "early_stopping";
        JsonNode value = json.node(key);
        if (value == null) {
            return EarlyStopping.FALSE;
        }
        if (!value.isBoolean() && !value.isTextual()) {
            throw json.fault(key, "must be true, false or \"never\", found " + value);
        }
        return EarlyStopping.parse(value.asText());
    }

    private static SamplingConfig sampling(JsonObject json, long seed) throws CheckpointException {
        warn(json.without(OF_DECODERS));
        boolean draws = json.booleanOr("do_sample", false);
        // 50 and 1 are Transformers' own defaults; a top_k of null is none
        return new SamplingConfig(
                draws ? json.doubleOr("temperature", 1) : 0,
                json.keys().contains("top_k") ? json.intOr("top_k", 0, 0) : draws ? 50 : 0,
                json.doubleOr("top_p", 1),
                json.doubleOr("min_p", 0),
                json.doubleOr("repetition_penalty", 1),
                seed);
    }

    private static void warn(JsonObject json) {
        List<String> ignored = new ArrayList<>();
        for (String key : json.keys()) {
            JsonNode value = json.node(key);
            if (value != null && changesTheText(key, value)) {
                ignored.add(value.isContainerNode() ? key : key + " = " + value);
            }
        }
        if (!ignored.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "{0} asks for what is not honoured here, so that texts are not those of Transformers: {1}",
                    json.file(),
                    String.join(", ", ignored));
        }
    }

    /** An encoder-decoder begins with the token of config.json. */
    private static void warnOfStart(JsonObject json, Path config) throws CheckpointException {
        JsonNode asked = json.node(START);
        JsonNode taken =
                asked != null && Files.isRegularFile(config) ? Json.read(config).node(START) : null;
        if (taken != null && !taken.equals(asked)) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    json.file() + ": " + START + " is " + asked + ", and writing begins with " + taken
                            + ", as config.json says; Transformers takes the former");
        }
    }

    private static boolean changesTheText(String key, JsonNode value) {
        Double neutral = NEUTRAL.get(key);
        if (neutral != null) {
            return !value.isNumber() || value.doubleValue() != neutral;
        }
        boolean off = value.isContainerNode() ? value.isEmpty() : value.isBoolean() && !value.booleanValue();
        return OFF.contains(key) && !off;
    }
}
