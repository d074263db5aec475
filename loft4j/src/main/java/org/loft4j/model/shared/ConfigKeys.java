package org.loft4j.model.shared;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.QuantisedConfig;
import org.loft4j.io.TiedHead;

/**
 * Holds a config.json to what is honoured. A setting that would change the model's numbers and is not honoured is an error;
 * one that nobody here has heard of is named in a warning.
 */
public final class ConfigKeys {
    /** Whether tokens see those behind them too. */
    public static final String BOTH_SIDES = "use_bidirectional_attention";

    /** Whether one stack of blocks reads and another one writes. */
    public static final String ENCODER_DECODER = "is_encoder_decoder";

    /** Whether the output embedding is the input's. */
    public static final String TIED = TiedHead.KEY;

    private static final System.Logger LOG = System.getLogger(ConfigKeys.class.getName());

    /** Settings of every family that say nothing about the numbers: origin, tokens, generation, output of Python's classes. */
    private static final Set<String> WITHOUT_EFFECT = Set.of(
            "architectures",
            "model_type",
            "auto_map",
            "transformers_version",
            "torch_dtype",
            "dtype",
            "use_cache",
            "cache_implementation",
            "bos_token_id",
            "eos_token_id",
            "pad_token_id",
            "unk_token_id",
            "sep_token_id",
            "cls_token_id",
            "mask_token_id",
            "bos_token",
            "eos_token",
            "pad_token",
            "decoder_start_token_id",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "id2label",
            "label2id",
            "num_labels",
            "finetuning_task",
            "task_specific_params",
            "problem_type",
            "tokenizer_class",
            "model_name",
            "name_or_path",
            "gradient_checkpointing",
            "initializer_range",
            "initializer_factor",
            "output_attentions",
            "output_hidden_states",
            "return_dict",
            "return_dict_in_generate",
            "output_scores",
            "torchscript",
            "use_bfloat16",
            "attn_implementation",
            "chunk_size_feed_forward",
            "max_length",
            "min_length",
            "do_sample",
            "temperature",
            "top_k",
            "top_p",
            "typical_p",
            "repetition_penalty",
            "length_penalty",
            "num_beams",
            "num_beam_groups",
            "num_return_sequences",
            "early_stopping",
            "no_repeat_ngram_size",
            "suppress_tokens",
            "begin_suppress_tokens",
            "prefix",
            "bad_words_ids",
            "diversity_penalty",
            "encoder_no_repeat_ngram_size",
            "exponential_decay_length_penalty",
            "remove_invalid_values",
            "tf_legacy_loss",
            "language",
            "unsloth_fixed",
            "unsloth_version",
            "transformers.js_config");

    private static final String TEXT = "text_config";

    private ConfigKeys() {}

    /** Refuses quantised weights that cannot be read. */
    public static void requireFullWeights(JsonObject json) {
        String method = QuantisedConfig.unread(json);
        if (method != null) {
            throw new ConfigException(QuantisedConfig.KEY + " must be absent, got " + method + " in " + json.file()
                    + ": quantised weights cannot be read; take the model's original, and load it in 8 or 4 bits");
        }
    }

    /**
     * Refuses quantised weights, and warns of settings that are neither in the list nor known to be without effect.
     *
     * @param honoured the family's own keys, those that {@link #require} has checked among them
     */
    public static void check(JsonObject json, Set<String> honoured) {
        requireFullWeights(json);
        if (!honoured.contains(ENCODER_DECODER)) {
            require(json, ENCODER_DECODER, "false");
        }
        List<String> unknown = new ArrayList<>();
        for (String key : json.keys()) {
            JsonNode value = json.node(key);
            boolean known = key.startsWith("_")
                    || key.equals(ENCODER_DECODER)
                    || WITHOUT_EFFECT.contains(key)
                    || honoured.contains(key);
            if (!known && value != null && !isOff(value)) {
                unknown.add(key + " = " + value);
            }
        }
        if (!unknown.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "{0} has settings that are not known for model_type {1} and are not honoured: {2}",
                    json.file(),
                    json.node("model_type"),
                    String.join(", ", unknown));
        }
    }

    /**
     * The same for what lies around the settings of a language model, in a model with a vision tower.
     *
     * @param beside the family's own keys that say nothing about texts
     */
    public static void checkAround(JsonObject json, Set<String> beside) {
        Set<String> all = new HashSet<>(beside);
        all.addAll(Set.of(TEXT, "vision_config", "audio_config", "image_token_index", "image_token_id", TIED));
        checkCausal(json, all);
    }

    /**
     * The settings of the language model in a model with a vision tower.
     *
     * @param tied whether the family makes the output embedding the input's where the settings are silent
     * @throws CheckpointException if the two parts contradict each other
     */
    public static JsonObject ofLanguageModel(JsonObject json, boolean tied) throws CheckpointException {
        JsonObject text = json.requireObject(TEXT);
        if (text.booleanOr(TIED, tied) && !json.booleanOr(TIED, true)) {
            throw TiedHead.contradiction(json);
        }
        return text;
    }

    /** The same for a decoder with the keys of {@link DecoderConfig} and {@link Rope}, which are honoured besides. */
    public static void checkDecoder(JsonObject json, Set<String> honoured) {
        Set<String> all = new HashSet<>(DecoderConfig.KEYS);
        all.addAll(honoured);
        checkCausal(json, all);
    }

    /**
     * The same for any decoder: one whose tokens see those behind them, as models of embeddings have it, is refused where its family
     * does not honour {@code use_bidirectional_attention}.
     */
    public static void checkCausal(JsonObject json, Set<String> honoured) {
        Set<String> all = new HashSet<>(honoured);
        all.addAll(Set.of("is_causal", BOTH_SIDES));
        check(json, all);
        require(json, "is_causal", "true");
        if (!honoured.contains(BOTH_SIDES)) {
            require(json, BOTH_SIDES, "false");
        }
    }

    /**
     * Refuses another value than these; an absent or null one is fine.
     *
     * @throws ConfigException that names the file, the key and what is possible
     */
    public static void require(JsonObject json, String key, String... possible) {
        JsonNode value = json.node(key);
        if (value != null && !List.of(possible).contains(value.isValueNode() ? value.asText() : value.toString())) {
            throw new ConfigException(key + " must be " + String.join(" or ", possible) + ", got " + value + " in "
                    + json.file() + ": anything else is not supported");
        }
    }

    /** Whether a setting asks for nothing. */
    static boolean isOff(JsonNode value) {
        return (value.isBoolean() && !value.booleanValue()) || (value.isContainerNode() && value.isEmpty());
    }
}
