package org.loft4j.export;

import java.util.List;
import java.util.Map;

/** The families of {@link TinyCheckpoint} whose layers differ from each other. */
final class TinyFamilies {
    static final int KEY_HEADS = 2;
    static final int VALUE_HEADS = 6;
    static final int LINEAR_DIM = 8;
    static final int STATES = 16;
    static final int STATE_HEADS = 8;
    static final int KERNEL = 3;

    private TinyFamilies() {}

    static final int LAYERS = 4;
    static final int INPUT = 8;

    /**
     * Two layers with keys and values, the first of which has a window, and two that take theirs, with wider feed-forward parts; heads
     * of 32, without a window of 16.
     */
    static void gemma4(TinyCheckpoint tiny) {
        int hidden = TinyCheckpoint.HIDDEN;
        tiny.sizes();
        tiny.config.remove("rope_theta");
        tiny.config.put("num_hidden_layers", LAYERS);
        tiny.config.put("head_dim", TinyCheckpoint.HEAD_DIM);
        tiny.config.put("global_head_dim", 16);
        tiny.config.put("hidden_activation", "gelu_pytorch_tanh");
        tiny.config.put("sliding_window", 16);
        tiny.config.put("num_kv_shared_layers", 2);
        tiny.config.put("use_double_wide_mlp", true);
        tiny.config.put("hidden_size_per_layer_input", INPUT);
        tiny.config.put("vocab_size_per_layer_input", TinyCheckpoint.VOCABULARY);
        tiny.config.put(
                "layer_types", List.of("sliding_attention", "full_attention", "sliding_attention", "full_attention"));
        tiny.config.put(
                "rope_parameters",
                Map.of(
                        "sliding_attention",
                        Map.of("rope_type", "default", "rope_theta", 1000.0),
                        "full_attention",
                        Map.of("rope_type", "proportional", "partial_rotary_factor", 0.25, "rope_theta", 50000.0)));
        tiny.shapes.put("model.embed_tokens.weight", new long[] {TinyCheckpoint.VOCABULARY, hidden});
        tiny.matrix("model.embed_tokens_per_layer", TinyCheckpoint.VOCABULARY, INPUT * LAYERS, false);
        tiny.matrix("model.per_layer_model_projection", INPUT * LAYERS, hidden, false);
        tiny.shapes.put("model.per_layer_projection_norm.weight", new long[] {INPUT});
        for (int i = 0; i < LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            int headDim = i % 2 == 0 ? TinyCheckpoint.HEAD_DIM : 16;
            int width = TinyCheckpoint.WIDTH * (i < 2 ? 1 : 2);
            tiny.matrix(layer + "self_attn.q_proj", TinyCheckpoint.HEADS * headDim, hidden, false);
            tiny.matrix(layer + "self_attn.k_proj", TinyCheckpoint.KEY_HEADS * headDim, hidden, false);
            tiny.matrix(layer + "self_attn.v_proj", TinyCheckpoint.KEY_HEADS * headDim, hidden, false);
            tiny.matrix(layer + "self_attn.o_proj", hidden, TinyCheckpoint.HEADS * headDim, false);
            tiny.shapes.put(layer + "self_attn.q_norm.weight", new long[] {headDim});
            tiny.shapes.put(layer + "self_attn.k_norm.weight", new long[] {headDim});
            tiny.matrix(layer + "mlp.gate_proj", width, hidden, false);
            tiny.matrix(layer + "mlp.up_proj", width, hidden, false);
            tiny.matrix(layer + "mlp.down_proj", hidden, width, false);
            tiny.norm(layer + "input_layernorm");
            tiny.norm(layer + "post_attention_layernorm");
            tiny.norm(layer + "pre_feedforward_layernorm");
            tiny.norm(layer + "post_feedforward_layernorm");
            tiny.matrix(layer + "per_layer_input_gate", INPUT, hidden, false);
            tiny.matrix(layer + "per_layer_projection", hidden, INPUT, false);
            tiny.norm(layer + "post_per_layer_input_norm");
            tiny.shapes.put(layer + "layer_scalar", new long[] {1});
        }
        tiny.norm("model.norm");
    }

    /** The first layer has linear attention, the second full. */
    static void qwen35(TinyCheckpoint tiny) {
        tiny.sizes();
        tiny.config.put("head_dim", TinyCheckpoint.HEAD_DIM);
        tiny.config.put("hidden_act", "silu");
        tiny.config.put("tie_word_embeddings", false);
        tiny.config.put("full_attention_interval", 2);
        tiny.config.put("partial_rotary_factor", 0.5);
        tiny.config.put("linear_num_key_heads", KEY_HEADS);
        tiny.config.put("linear_num_value_heads", VALUE_HEADS);
        tiny.config.put("linear_key_head_dim", LINEAR_DIM);
        tiny.config.put("linear_value_head_dim", LINEAR_DIM);
        tiny.config.put("linear_conv_kernel_dim", KERNEL);
        int hidden = TinyCheckpoint.HIDDEN;
        int keys = KEY_HEADS * LINEAR_DIM;
        int values = VALUE_HEADS * LINEAR_DIM;
        tiny.shapes.put("model.embed_tokens.weight", new long[] {TinyCheckpoint.VOCABULARY, hidden});
        String linear = "model.layers.0.linear_attn.";
        tiny.matrix(linear + "in_proj_qkv", 2 * keys + values, hidden, false);
        tiny.matrix(linear + "in_proj_z", values, hidden, false);
        tiny.matrix(linear + "in_proj_b", VALUE_HEADS, hidden, false);
        tiny.matrix(linear + "in_proj_a", VALUE_HEADS, hidden, false);
        tiny.matrix(linear + "out_proj", hidden, values, false);
        tiny.shapes.put(linear + "conv1d.weight", new long[] {2 * keys + values, 1, KERNEL});
        tiny.shapes.put(linear + "A_log", new long[] {VALUE_HEADS});
        tiny.shapes.put(linear + "dt_bias", new long[] {VALUE_HEADS});
        tiny.shapes.put(linear + "norm.weight", new long[] {LINEAR_DIM});
        String full = "model.layers.1.self_attn.";
        int wide = TinyCheckpoint.HEADS * TinyCheckpoint.HEAD_DIM;
        tiny.matrix(full + "q_proj", 2 * wide, hidden, false);
        tiny.matrix(full + "k_proj", wide / 2, hidden, false);
        tiny.matrix(full + "v_proj", wide / 2, hidden, false);
        tiny.matrix(full + "o_proj", hidden, wide, false);
        tiny.shapes.put(full + "q_norm.weight", new long[] {TinyCheckpoint.HEAD_DIM});
        tiny.shapes.put(full + "k_norm.weight", new long[] {TinyCheckpoint.HEAD_DIM});
        for (int i = 0; i < TinyCheckpoint.LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            tiny.matrix(layer + "mlp.gate_proj", TinyCheckpoint.WIDTH, hidden, false);
            tiny.matrix(layer + "mlp.up_proj", TinyCheckpoint.WIDTH, hidden, false);
            tiny.matrix(layer + "mlp.down_proj", hidden, TinyCheckpoint.WIDTH, false);
            tiny.norm(layer + "input_layernorm");
            tiny.norm(layer + "post_attention_layernorm");
        }
        tiny.norm("model.norm");
        tiny.shapes.put("lm_head.weight", new long[] {TinyCheckpoint.VOCABULARY, hidden});
    }

    static void phi(TinyCheckpoint tiny) {
        withLayerNorms(tiny, List.of("self_attn.dense", "mlp.fc1", "mlp.fc2"), List.of("input_layernorm"));
        tiny.config.put("layer_norm_eps", 2e-5);
        tiny.config.put("hidden_act", "gelu_new");
        tiny.config.put("tie_word_embeddings", false);
        biased(tiny, "model.final_layernorm");
        tiny.matrix("lm_head", TinyCheckpoint.VOCABULARY, TinyCheckpoint.HIDDEN, true);
    }

    /** Tied. */
    static void starcoder2(TinyCheckpoint tiny) {
        withLayerNorms(
                tiny,
                List.of("self_attn.o_proj", "mlp.c_fc", "mlp.c_proj"),
                List.of("input_layernorm", "post_attention_layernorm"));
        tiny.config.put("norm_epsilon", 2e-5);
        biased(tiny, "model.norm");
    }

    private static void withLayerNorms(TinyCheckpoint tiny, List<String> behind, List<String> norms) {
        int hidden = TinyCheckpoint.HIDDEN;
        int headDim = hidden / TinyCheckpoint.HEADS;
        tiny.sizes();
        tiny.config.remove("rms_norm_eps");
        tiny.shapes.put("model.embed_tokens.weight", new long[] {TinyCheckpoint.VOCABULARY, hidden});
        for (int i = 0; i < TinyCheckpoint.LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            tiny.matrix(layer + "self_attn.q_proj", hidden, hidden, true);
            tiny.matrix(layer + "self_attn.k_proj", TinyCheckpoint.KEY_HEADS * headDim, hidden, true);
            tiny.matrix(layer + "self_attn.v_proj", TinyCheckpoint.KEY_HEADS * headDim, hidden, true);
            tiny.matrix(layer + behind.get(0), hidden, hidden, true);
            tiny.matrix(layer + behind.get(1), TinyCheckpoint.WIDTH, hidden, true);
            tiny.matrix(layer + behind.get(2), hidden, TinyCheckpoint.WIDTH, true);
            norms.forEach(norm -> biased(tiny, layer + norm));
        }
    }

    private static void biased(TinyCheckpoint tiny, String norm) {
        tiny.norm(norm);
        tiny.shapes.put(norm + ".bias", new long[] {TinyCheckpoint.HIDDEN});
    }

    /** The first layer has a convolution, the second attention. */
    static void lfm2(TinyCheckpoint tiny) {
        tiny.sizes();
        int hidden = TinyCheckpoint.HIDDEN;
        int headDim = hidden / TinyCheckpoint.HEADS;
        tiny.config.remove("rms_norm_eps");
        tiny.config.put("norm_eps", 1e-5);
        tiny.config.put("block_ff_dim", 150);
        tiny.config.put("block_multiple_of", 32);
        tiny.config.put("full_attn_idxs", List.of(1));
        tiny.config.put("conv_L_cache", KERNEL);
        tiny.shapes.put("model.embed_tokens.weight", new long[] {TinyCheckpoint.VOCABULARY, hidden});
        tiny.matrix("model.layers.0.conv.in_proj", 3 * hidden, hidden, false);
        tiny.shapes.put("model.layers.0.conv.conv.weight", new long[] {hidden, 1, KERNEL});
        tiny.matrix("model.layers.0.conv.out_proj", hidden, hidden, false);
        String full = "model.layers.1.self_attn.";
        tiny.matrix(full + "q_proj", hidden, hidden, false);
        tiny.matrix(full + "k_proj", TinyCheckpoint.KEY_HEADS * headDim, hidden, false);
        tiny.matrix(full + "v_proj", TinyCheckpoint.KEY_HEADS * headDim, hidden, false);
        tiny.matrix(full + "out_proj", hidden, hidden, false);
        tiny.shapes.put(full + "q_layernorm.weight", new long[] {headDim});
        tiny.shapes.put(full + "k_layernorm.weight", new long[] {headDim});
        for (int i = 0; i < TinyCheckpoint.LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            tiny.norm(layer + "operator_norm");
            tiny.norm(layer + "ffn_norm");
            tiny.matrix(layer + "feed_forward.w1", 128, hidden, false);
            tiny.matrix(layer + "feed_forward.w2", hidden, 128, false);
            tiny.matrix(layer + "feed_forward.w3", 128, hidden, false);
        }
        tiny.norm("model.embedding_norm");
    }

    /** The first layer has a state space, the second attention; without {@code layer_types} both have attention. */
    static void granite4(TinyCheckpoint tiny) {
        tiny.sizes();
        int hidden = TinyCheckpoint.HIDDEN;
        int inner = 2 * hidden;
        int channels = inner + 2 * STATES;
        tiny.config.put("num_local_experts", 0);
        tiny.config.put("shared_intermediate_size", TinyCheckpoint.WIDTH);
        tiny.config.put("intermediate_size", 7);
        tiny.config.put("tie_word_embeddings", true);
        tiny.config.put("hidden_act", "silu");
        tiny.config.put("layer_types", List.of("mamba", "attention"));
        tiny.config.put("embedding_multiplier", 3.0);
        tiny.config.put("mamba_n_heads", STATE_HEADS);
        tiny.config.put("mamba_d_state", STATES);
        tiny.config.put("mamba_d_conv", KERNEL);
        tiny.shapes.put("model.embed_tokens.weight", new long[] {TinyCheckpoint.VOCABULARY, hidden});
        String states = "model.layers.0.mamba.";
        tiny.matrix(states + "in_proj", inner + channels + STATE_HEADS, hidden, false);
        tiny.shapes.put(states + "conv1d.weight", new long[] {channels, 1, KERNEL});
        tiny.shapes.put(states + "conv1d.bias", new long[] {channels});
        tiny.shapes.put(states + "A_log", new long[] {STATE_HEADS});
        tiny.shapes.put(states + "D", new long[] {STATE_HEADS});
        tiny.shapes.put(states + "dt_bias", new long[] {STATE_HEADS});
        tiny.shapes.put(states + "norm.weight", new long[] {inner});
        tiny.matrix(states + "out_proj", hidden, inner, false);
        attention(tiny, 1);
        for (int i = 0; i < TinyCheckpoint.LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            tiny.norm(layer + "input_layernorm");
            tiny.norm(layer + "post_attention_layernorm");
            tiny.matrix(layer + "shared_mlp.input_linear", 2L * TinyCheckpoint.WIDTH, hidden, false);
            tiny.matrix(layer + "shared_mlp.output_linear", hidden, TinyCheckpoint.WIDTH, false);
        }
        tiny.norm("model.norm");
    }

    /** Granite 4 with attention alone. */
    static void withAttentionAlone(TinyCheckpoint tiny) {
        tiny.config.put("layer_types", List.of("attention", "full_attention"));
        tiny.config.put("position_embedding_type", "rope");
        tiny.shapes.keySet().removeIf(name -> name.contains(".mamba."));
        attention(tiny, 0);
    }

    private static void attention(TinyCheckpoint tiny, int block) {
        int hidden = TinyCheckpoint.HIDDEN;
        String module = "model.layers." + block + ".self_attn.";
        tiny.matrix(module + "q_proj", hidden, hidden, false);
        tiny.matrix(module + "k_proj", hidden / 2, hidden, false);
        tiny.matrix(module + "v_proj", hidden / 2, hidden, false);
        tiny.matrix(module + "o_proj", hidden, hidden, false);
    }

    /** GLM-4-0414, Cohere, Seed-OSS, ERNIE 4.5 and EXAONE 4.0, as llama.cpp has them. */
    static void dense(TinyCheckpoint to, String modelType) {
        to.sizes();
        boolean glm = modelType.equals("glm4");
        boolean cohere = modelType.startsWith("cohere");
        boolean exaone = modelType.equals("exaone4");
        boolean biased = glm || modelType.equals("seed_oss");
        boolean tied = cohere || modelType.equals("ernie4_5");
        int headDim = cohere ? TinyCheckpoint.HIDDEN / TinyCheckpoint.HEADS : TinyCheckpoint.HEAD_DIM;
        int keys = TinyCheckpoint.KEY_HEADS * headDim;
        to.config.put("head_dim", headDim);
        to.config.put("hidden_act", "silu");
        if (cohere) {
            to.config.put("logit_scale", 0.25);
            to.config.put("layer_norm_eps", 1e-5);
        }
        if (cohere || exaone) {
            to.config.put("sliding_window", modelType.equals("cohere2") ? 16 : null);
        }
        to.shapes.put("model.embed_tokens.weight", new long[] {TinyCheckpoint.VOCABULARY, TinyCheckpoint.HIDDEN});
        for (int i = 0; i < TinyCheckpoint.LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            to.matrix(layer + "self_attn.q_proj", TinyCheckpoint.HEADS * headDim, TinyCheckpoint.HIDDEN, biased);
            to.matrix(layer + "self_attn.k_proj", keys, TinyCheckpoint.HIDDEN, biased);
            to.matrix(layer + "self_attn.v_proj", keys, TinyCheckpoint.HIDDEN, biased);
            to.matrix(layer + "self_attn.o_proj", TinyCheckpoint.HIDDEN, TinyCheckpoint.HEADS * headDim, false);
            if (glm) {
                to.matrix(layer + "mlp.gate_up_proj", 2 * TinyCheckpoint.WIDTH, TinyCheckpoint.HIDDEN, false);
            } else {
                to.matrix(layer + "mlp.gate_proj", TinyCheckpoint.WIDTH, TinyCheckpoint.HIDDEN, false);
                to.matrix(layer + "mlp.up_proj", TinyCheckpoint.WIDTH, TinyCheckpoint.HIDDEN, false);
            }
            to.matrix(layer + "mlp.down_proj", TinyCheckpoint.HIDDEN, TinyCheckpoint.WIDTH, false);
            if (exaone) {
                to.shapes.put(layer + "self_attn.q_norm.weight", new long[] {headDim});
                to.shapes.put(layer + "self_attn.k_norm.weight", new long[] {headDim});
                to.norm(layer + "post_feedforward_layernorm");
            } else {
                to.norm(layer + "input_layernorm");
            }
            if (!cohere) {
                to.norm(layer + "post_attention_layernorm");
            }
            if (glm) {
                to.norm(layer + "post_self_attn_layernorm");
                to.norm(layer + "post_mlp_layernorm");
            }
        }
        to.norm("model.norm");
        if (!tied) {
            to.shapes.put("lm_head.weight", new long[] {TinyCheckpoint.VOCABULARY, TinyCheckpoint.HIDDEN});
        }
    }
}
