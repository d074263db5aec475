package org.loft4j.export;

/** The families of {@link TinyCheckpoint} whose layers differ from each other. */
final class TinyFamilies {
    static final int KEY_HEADS = 2;
    static final int VALUE_HEADS = 6;
    static final int LINEAR_DIM = 8;
    static final int KERNEL = 3;

    private TinyFamilies() {}

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
}
