package org.loft4j.model.gemma4;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Gemma 4 language model, as its config.json states it, or the {@code text_config} in that of a model with towers for
 * images and sounds.
 *
 * @param sizes what all decoders state
 * @param blocks one for each
 * @param inputs what each block is given of a token beside the states
 * @param finalLogitSoftcapping bound of the logits; 0 for none
 * @param attentionBias whether q, k, v and o have biases
 * @param experts of every block; null in a dense model
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Gemma4Config(
        DecoderConfig sizes,
        List<Block> blocks,
        Inputs inputs,
        double finalLogitSoftcapping,
        boolean attentionBias,
        @Nullable Gemma4Experts experts,
        double classifierDropout) {
    /**
     * One block.
     *
     * @param headDim size of a head
     * @param keyValueHeads number of heads of keys and values
     * @param keyAsValue whether the keys, before their norm, are the values too
     * @param lender number of the earlier block whose keys and values it takes; -1 where it has its own
     * @param width of the feed-forward part
     * @param placement of its tokens
     */
    public record Block(
            int headDim, int keyValueHeads, boolean keyAsValue, int lender, long width, Placement placement) {}

    /**
     * The vectors of tokens that each block is given.
     *
     * @param vocabulary {@code vocab_size_per_layer_input}
     * @param width {@code hidden_size_per_layer_input}; 0 for none
     */
    public record Inputs(long vocabulary, long width) {}

    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(4, 256, 131072, 1e-6, true, "hidden_activation", "gelu_pytorch_tanh");

    /** What Transformers' Gemma4TextConfig assumes beside. */
    private static final Map<String, Long> ABSENT_SIZES = Map.of(
            "vocab_size", 262144L,
            "hidden_size", 2304L,
            "intermediate_size", 9216L,
            "num_hidden_layers", 30L,
            "num_attention_heads", 8L,
            "pad_token_id", 0L);

    private static final String INPUT_VOCABULARY = "vocab_size_per_layer_input";
    private static final String SHARED = "num_kv_shared_layers";

    /** Of images and sounds alone, all of them. */
    private static final Set<String> BESIDE_TEXTS = Set.of(
            "boi_token_id",
            "eoi_token_id",
            "video_token_id",
            "boa_token_id",
            "eoa_token_id",
            "eoa_token_index",
            "audio_token_id",
            "vision_soft_tokens_per_image");

    private static final Set<String> KEYS = Set.of(
            "global_head_dim",
            "num_global_key_value_heads",
            "per_layer_config",
            INPUT_VOCABULARY,
            "hidden_size_per_layer_input",
            "attention_k_eq_v",
            SHARED,
            "use_double_wide_mlp",
            "enable_moe_block",
            "num_experts",
            "top_k_experts",
            "moe_intermediate_size",
            "sliding_window",
            "layer_types",
            "final_logit_softcapping",
            "attention_bias",
            ConfigKeys.BOTH_SIDES);

    /** Where other families state rotations, and Transformers does not look for Gemma 4's. */
    private static final List<String> NO_ROTATIONS =
            List.of("rope_theta", "rope_scaling", "rope_local_base_freq", "partial_rotary_factor");

    public Gemma4Config {
        blocks = List.copyOf(blocks);
    }

    /** Reads config.json. */
    public static Gemma4Config from(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        if (isInside(config)) {
            ConfigKeys.checkAround(config, BESIDE_TEXTS);
        }
        ConfigKeys.checkDecoder(json, KEYS);
        // images alone see what comes behind them
        ConfigKeys.require(json, ConfigKeys.BOTH_SIDES, "false", "vision");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        Inputs inputs =
                new Inputs(json.longOr(INPUT_VOCABULARY, 262144), json.intOr("hidden_size_per_layer_input", 256, 0));
        if (inputs.width() > 0 && inputs.vocabulary() < sizes.vocabularySize()) {
            throw json.fault(
                    INPUT_VOCABULARY,
                    "must be at least vocab_size, or some tokens have no input for the blocks, found "
                            + inputs.vocabulary() + " and " + sizes.vocabularySize());
        }
        return new Gemma4Config(
                sizes,
                blocks(json, sizes),
                inputs,
                json.doubleOr("final_logit_softcapping", 0),
                json.booleanOr("attention_bias", false),
                json.booleanOr("enable_moe_block", false)
                        ? new Gemma4Experts(
                                json.requireInt("num_experts", 1),
                                json.requireInt("top_k_experts", 1),
                                json.requireLong("moe_intermediate_size"))
                        : null,
                DecoderConfig.tokenClassifierDropout(json));
    }

    private static List<Block> blocks(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        int layers = sizes.layers();
        List<Boolean> sliding = new ArrayList<>(LayerTypes.sliding(json, layers, i -> (i + 1) % 6 != 0));
        // as Transformers has it, whatever the list says
        sliding.set(layers - 1, false);
        List<DecoderConfig> heads = Gemma4Heads.of(json, sizes, sliding);
        Placement windowed = placement(json, heads, sliding, true);
        Placement whole = placement(json, heads, sliding, false);
        int shared = json.intOr(SHARED, 0, 0);
        if (shared >= layers) {
            throw json.fault(
                    SHARED,
                    "must be less than the " + layers + " of num_hidden_layers: the first layers lend their keys and"
                            + " values, found " + shared);
        }
        boolean keyAsValue = json.booleanOr("attention_k_eq_v", false);
        boolean doubled = json.booleanOr("use_double_wide_mlp", false);
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            boolean slides = sliding.get(i);
            boolean borrows = i >= layers - shared;
            int lender = borrows ? sliding.subList(0, layers - shared).lastIndexOf(slides) : -1;
            if (borrows && lender < 0) {
                throw json.fault(
                        SHARED,
                        "is " + shared + ", and none of the layers before those is of the kind of layer " + i
                                + ", which takes the keys and values of one that is");
            }
            blocks.add(new Block(
                    heads.get(i).headDim(),
                    heads.get(i).keyValueHeads(),
                    keyAsValue && !slides,
                    lender,
                    sizes.intermediateSize() * (doubled && borrows ? 2 : 1),
                    slides ? windowed : whole));
        }
        return blocks;
    }

    /** That of the layers of a kind. */
    private static Placement placement(
            JsonObject json, List<DecoderConfig> heads, List<Boolean> sliding, boolean slides)
            throws CheckpointException {
        for (String key : NO_ROTATIONS) {
            if (json.has(key)) {
                throw json.fault(
                        key,
                        "has no meaning in Gemma 4: put it into rope_parameters, for each kind of layers by itself");
            }
        }
        int first = sliding.indexOf(slides);
        DecoderConfig sizes = heads.get(Math.max(first, 0));
        JsonObject stated = slides ? RopeKeys.ofSlidingAttention(json) : RopeKeys.ofFullAttention(json);
        long window = slides ? LayerTypes.window(json, 512) : 0;
        if (first < 0 || !json.has("rope_parameters")) {
            return new Placement(slides ? Rope.plain(sizes.headDim(), 1e4) : wholeByDefault(sizes), window);
        }
        if (stated == null) {
            throw json.fault(
                    "rope_parameters",
                    "must have an object for each kind of layers, and has none for "
                            + (slides ? "sliding_attention" : "full_attention"));
        }
        String type = RopeKeys.type(stated);
        boolean proportional = type.equals("proportional");
        if (!proportional && !type.equals("default")) {
            throw stated.fault("rope_type", "must be default or proportional, found " + type);
        }
        double share = RopeKeys.share(json, stated);
        if (!proportional && share != 1) {
            throw stated.fault(
                    "partial_rotary_factor",
                    "is " + share + ", which Transformers does not honour with rope_type default: take proportional");
        }
        return new Placement(Rope.from(json, stated, sizes, stated.requireDouble("rope_theta")), window);
    }

    private static Rope wholeByDefault(DecoderConfig sizes) {
        return Rope.proportional(sizes.headDim(), 1e6, 0.25, 1);
    }

    /** The config.json of the language model as a model of its own, of that of a model with towers. */
    public static ObjectNode languageModel(JsonObject config) throws CheckpointException {
        return text(config).toTree().put("model_type", Gemma4Model.FAMILY);
    }

    /** Whether a config.json is that of a model with towers. */
    static boolean isInside(JsonObject config) throws CheckpointException {
        return config.stringOr("model_type", "").equals(Gemma4Model.WITH_TOWERS);
    }

    private static JsonObject text(JsonObject config) throws CheckpointException {
        JsonObject text = isInside(config) ? ConfigKeys.ofLanguageModel(config, ABSENT.tieWordEmbeddings()) : config;
        return text.withAbsent(ABSENT_SIZES);
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        return text(config).longOr("max_position_embeddings", ABSENT.maxPositions());
    }
}
