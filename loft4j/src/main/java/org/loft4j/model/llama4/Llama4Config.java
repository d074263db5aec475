package org.loft4j.model.llama4;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.RopeScaling;

/**
 * The shape of a Llama 4 language model, as its config.json states it, or the {@code text_config} in that of a model with a vision
 * tower.
 *
 * @param sizes what all decoders state
 * @param attentionBias whether q, k, v and o have biases
 * @param turned for each block whether queries and keys are rotated
 * @param norms whether these have norms behind the rotation; where they are not rotated they have none
 * @param placement for each block its rotation and its chunk
 * @param denseWidth of the feed-forward part of blocks without experts
 * @param experts of the others
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Llama4Config(
        DecoderConfig sizes,
        boolean attentionBias,
        List<Boolean> turned,
        boolean norms,
        List<Placement> placement,
        long denseWidth,
        Llama4Experts experts,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(8, 128, 131072, 1e-5, false, "hidden_act", "silu");

    private static final double THETA = 500_000;
    private static final String CHUNK = "attention_chunk_size";
    private static final String TEMPERATURE = "attn_temperature_tuning";
    private static final String UNTURNED = "no_rope_layers";
    private static final String HEAD = "head_dim";
    private static final String MIXED = "moe_layers";

    /** What Transformers' Llama4TextConfig assumes. */
    private static final Map<String, Long> ABSENT_INSIDE = Map.of(
            "vocab_size", 202048L,
            "hidden_size", 5120L,
            "intermediate_size", 8192L,
            "num_hidden_layers", 48L,
            "num_attention_heads", 40L);

    private static final Set<String> KEYS = Set.of(
            "attention_bias",
            CHUNK,
            TEMPERATURE,
            "attn_scale",
            "floor_scale",
            "layer_types",
            UNTURNED,
            "no_rope_layer_interval",
            "use_qk_norm",
            "intermediate_size_mlp",
            "num_local_experts",
            "interleave_moe_layer_step",
            MIXED,
            "for_llm_compressor");

    private static final Set<String> OF_IMAGES =
            Set.of("boi_token_index", "eoi_token_index", "boi_token_id", "eoi_token_id");

    public Llama4Config {
        turned = List.copyOf(turned);
        placement = List.copyOf(placement);
    }

    /**
     * Reads config.json. The loss that balances experts and the noise of routers are not in Transformers' class, whatever a file says
     * of them.
     */
    public static Llama4Config from(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        if (isInside(config)) {
            ConfigKeys.checkAround(config, OF_IMAGES);
        }
        ConfigKeys.checkDecoder(json, ExpertLayout.keysWith(KEYS));
        // the experts of such a file are layers of their own
        ConfigKeys.require(json, "for_llm_compressor", "false");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        List<Boolean> turned = LayerTypes.turned(json, sizes.layers());
        return new Llama4Config(
                sizes,
                json.booleanOr("attention_bias", false),
                turned,
                json.flagOr("use_qk_norm", true),
                placement(json, sizes, turned),
                Checks.atLeast("intermediate_size_mlp", json.longOr("intermediate_size_mlp", 16384), 1),
                experts(json, sizes),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** Where no block has some, as in a Llama Guard 4, a file may say that there are none. */
    private static Llama4Experts experts(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        IntPredicate at = mixed(json);
        boolean some = IntStream.range(0, sizes.layers()).anyMatch(at);
        return new Llama4Experts(
                some ? json.intOr("num_local_experts", 16, 1) : 1,
                some ? json.intOr("num_experts_per_tok", 1, 1) : 1,
                sizes.intermediateSize(),
                at);
    }

    /** The blocks with experts. */
    private static IntPredicate mixed(JsonObject json) throws CheckpointException {
        if (json.has(MIXED)) {
            return ExpertLayout.blocks(json, MIXED)::contains;
        }
        int step = json.intOr("interleave_moe_layer_step", 1, 1);
        return block -> (block + 1) % step == 0;
    }

    private static List<Placement> placement(JsonObject json, DecoderConfig sizes, List<Boolean> turned)
            throws CheckpointException {
        if (json.keys().contains(CHUNK) && !json.has(CHUNK)) {
            throw json.fault(CHUNK, "must be a whole number, as in Transformers, found null");
        }
        long chunk = json.intOr(CHUNK, 8192, 1);
        List<Boolean> chunked = LayerTypes.chunked(json, sizes.layers(), turned::get);
        Rope rope = rope(json, sizes);
        Rope none = isTuned(json) ? tuned(json, sizes) : null;
        List<Placement> placement = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            boolean inChunks = chunked.get(i);
            placement.add(new Placement(turned.get(i) ? rope : none, inChunks ? chunk : 0, false, inChunks));
        }
        return placement;
    }

    private static Rope rope(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        Rope rope = Rope.from(json, sizes, THETA).widened().ofNeighbours();
        if (rope.dim() != sizes.headDim()) {
            throw new ConfigException(
                    "partial_rotary_factor must be absent or 1 for Llama 4, whose heads are turned as a" + " whole, in "
                            + json.file());
        }
        return rope;
    }

    /** Of blocks without a rotation, whose queries grow with their positions. */
    private static Rope tuned(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        RopeScaling growing =
                RopeScaling.GrowingQueries.unturned(json.doubleOr("attn_scale", 0.1), json.longOr("floor_scale", 8192));
        return new Rope(sizes.headDim(), THETA, growing).widened();
    }

    /** A flag for which the first files of the hub have the number 4. */
    private static boolean isTuned(JsonObject json) throws CheckpointException {
        JsonNode stated = json.node(TEMPERATURE);
        return stated != null && stated.isInt() ? stated.intValue() != 0 : json.flagOr(TEMPERATURE, true);
    }

    /** The config.json of the language model as a model of its own, of that of a model with a vision tower. */
    public static ObjectNode languageModel(JsonObject config) throws CheckpointException {
        return text(config).toTree().put("model_type", Llama4Model.FAMILY);
    }

    /** Whether a config.json is that of a model with a vision tower. */
    private static boolean isInside(JsonObject config) throws CheckpointException {
        return config.stringOr("model_type", "").equals(Llama4Model.WITH_VISION);
    }

    private static JsonObject text(JsonObject config) throws CheckpointException {
        JsonObject text = config;
        if (isInside(config)) {
            text = ConfigKeys.ofLanguageModel(config, ABSENT.tieWordEmbeddings());
            ConfigKeys.require(text, "model_type", Llama4Model.FAMILY);
            text = text.withAbsent(ABSENT_INSIDE);
        }
        JsonNode unturned = text.node(UNTURNED);
        if (unturned != null && unturned.isArray() && unturned.isEmpty()) {
            // which to Transformers is none
            text = text.without(List.of(UNTURNED));
        }
        return withHead(text);
    }

    /** Where the size of a head is null, and not missing, it is that of other families. */
    private static JsonObject withHead(JsonObject text) throws CheckpointException {
        if (!text.keys().contains(HEAD) || text.has(HEAD)) {
            return text;
        }
        long computed =
                DecoderConfig.headDim(text.requireLong("hidden_size"), text.requireInt("num_attention_heads", 1));
        return text.without(List.of(HEAD)).withAbsent(Map.of(HEAD, computed));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
