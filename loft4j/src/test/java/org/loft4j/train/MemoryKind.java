package org.loft4j.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.loft4j.data.Batch;
import org.loft4j.data.ImageBatch;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.SourceTargetBatch;
import org.loft4j.io.Json;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * A model whose memory is measured, and what it is given in a step.
 *
 * @param config of config.json, before the sizes that are alike for all
 * @param rows of a batch
 * @param columns of texts that are read, or states of an image
 * @param written tokens of a row that are written; 0 for models that write none
 * @param labels of a classifier; 0 for none
 */
record MemoryKind(String config, Task task, int rows, int columns, int written, int labels) {
    /** The bench model, and others of the same sizes, by what their layers have. */
    private static final Map<String, MemoryKind> ALL = Map.ofEntries(
            // four blocks read and four write
            Map.entry("writes", texts("""
            {"model_type": "t5", "is_encoder_decoder": true, "d_ff": 1408, "d_model": 512, "d_kv": 64, "num_layers": 4,
             "num_heads": 8, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false, "dropout_rate": 0.1}
            """).writing(256, 96)),
            // likewise, with norms behind and without distances
            Map.entry("summaries", texts("""
            {"model_type": "bart", "is_encoder_decoder": true, "d_model": 512, "encoder_layers": 4, "decoder_layers": 4,
             "encoder_attention_heads": 8, "decoder_attention_heads": 8, "encoder_ffn_dim": 1408, "decoder_ffn_dim": 1408,
             "dropout": 0.1}
            """).writing(256, 96)),
            Map.entry("plain", texts("""
            {"model_type": "llama", "intermediate_size": 1408}
            """)),
            // four together are as wide as that model's feed-forward part
            Map.entry("experts", texts("""
            {"model_type": "qwen3_moe", "intermediate_size": 1408, "num_experts": 16, "num_experts_per_tok": 4,
             "moe_intermediate_size": 352, "norm_topk_prob": true}
            """)),
            // in three of four blocks
            Map.entry("linear", texts("""
            {"model_type": "qwen3_5_text", "intermediate_size": 1408, "linear_num_key_heads": 4,
             "linear_num_value_heads": 8, "linear_key_head_dim": 64, "linear_value_head_dim": 64}
            """)),
            // in six of eight blocks
            Map.entry("convolution", texts("""
            {"model_type": "lfm2", "intermediate_size": 1408, "block_auto_adjust_ff_dim": false, "full_attn_idxs": [2, 5]}
            """)),
            // in six of eight blocks
            Map.entry("states", texts("""
            {"model_type": "granitemoehybrid", "num_local_experts": 0, "shared_intermediate_size": 1408,
             "layer_types": ["mamba", "mamba", "attention", "mamba", "mamba", "attention", "mamba", "mamba"],
             "mamba_n_heads": 16, "mamba_d_head": 64, "mamba_d_state": 128, "attention_multiplier": 0.125}
            """)),
            // two parts that read the same states
            Map.entry("parallel", texts("""
            {"model_type": "gpt_neox", "intermediate_size": 2048}
            """)),
            // and a window of 64 tokens in every other layer
            Map.entry("bounded", texts("""
            {"model_type": "gemma2", "intermediate_size": 1408, "query_pre_attn_scalar": 64, "sliding_window": 64}
            """)),
            // experts in one tensor beside a shared one, and linear attention
            Map.entry("shared", texts("""
            {"model_type": "qwen3_5_moe_text", "linear_num_key_heads": 4, "linear_num_value_heads": 8,
             "linear_key_head_dim": 64, "linear_value_head_dim": 64, "num_experts": 16, "num_experts_per_tok": 3,
             "moe_intermediate_size": 352, "shared_expert_intermediate_size": 352}
            """)),
            // latent attention, and experts that are scored one by one beside a shared one
            Map.entry("latent", texts("""
            {"model_type": "deepseek_v3", "intermediate_size": 1408, "first_k_dense_replace": 2, "n_routed_experts": 16,
             "num_experts_per_tok": 3, "moe_intermediate_size": 352, "n_group": 4, "topk_group": 2, "q_lora_rank": 192,
             "kv_lora_rank": 128, "qk_rope_head_dim": 64, "qk_nope_head_dim": 64, "v_head_dim": 64}
            """)),
            // two parts that read one norm, over norms of each head; and with windows in three of four blocks
            Map.entry("cohere", texts("""
            {"model_type": "cohere", "intermediate_size": 1408, "use_qk_norm": true, "logit_scale": 0.0625}
            """)),
            Map.entry("cohere2", texts("""
            {"model_type": "cohere2", "intermediate_size": 1408, "sliding_window": 64, "sliding_window_pattern": 4}
            """)),
            // norms behind each part, and windows in three of four blocks
            Map.entry("exaone4", texts("""
            {"model_type": "exaone4", "intermediate_size": 1408, "sliding_window": 64, "sliding_window_pattern": "LLLG"}
            """)),
            Map.entry("phi", texts("""
            {"model_type": "phi", "intermediate_size": 2048, "qk_layernorm": true, "partial_rotary_factor": 0.5}
            """)),
            // all experts in one tensor, four to a token
            Map.entry("granitemoe", texts("""
            {"model_type": "granitemoe", "intermediate_size": 352, "num_local_experts": 16, "num_experts_per_tok": 4}
            """)),
            // scored one by one beside a shared one, over plain attention
            Map.entry("glm4_moe", texts("""
            {"model_type": "glm4_moe", "intermediate_size": 1408, "first_k_dense_replace": 2, "n_routed_experts": 16,
             "num_experts_per_tok": 3, "moe_intermediate_size": 352, "n_group": 4, "topk_group": 2, "use_qk_norm": true}
            """)),
            // as many as OLMoE gives a token, of 64
            Map.entry("olmoe", texts("""
            {"model_type": "olmoe", "intermediate_size": 176, "num_experts": 64, "num_experts_per_tok": 8}
            """)),
            Map.entry("pegasus", texts("""
            {"model_type": "pegasus", "is_encoder_decoder": true, "d_model": 512, "encoder_layers": 4, "decoder_layers": 4,
             "encoder_attention_heads": 8, "decoder_attention_heads": 8, "encoder_ffn_dim": 2048, "decoder_ffn_dim": 2048,
             "dropout": 0.1}
            """).writing(256, 96)),
            // a long text is read
            Map.entry("reads", texts("""
            {"model_type": "t5", "is_encoder_decoder": true, "d_ff": 1408, "d_model": 512, "d_kv": 64, "num_layers": 4,
             "num_heads": 8, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false, "dropout_rate": 0.1,
             "relative_attention_num_buckets": 32}
            """).writing(1024, 96)),
            // images of 224 and of 518 pixels
            Map.entry("images", texts("""
            {"model_type": "dinov2", "image_size": 224, "patch_size": 14, "num_channels": 3, "mlp_ratio": 4}
            """).images(257)),
            Map.entry("large", texts("""
            {"model_type": "dinov2", "image_size": 518, "patch_size": 14, "num_channels": 3, "mlp_ratio": 4}
            """).images(1370)),
            // a class for every product
            Map.entry("classes", texts("""
            {"model_type": "bert", "intermediate_size": 1408}
            """).classifying(20_000)),
            // one layer's weights for all eight
            Map.entry("again", texts("""
            {"model_type": "albert", "intermediate_size": 1408}
            """).classifying(3)),
            // long texts
            Map.entry("long", texts("""
            {"model_type": "cohere", "intermediate_size": 1408, "use_qk_norm": true, "num_hidden_layers": 4}
            """).reading(1024)),
            // likewise with one matrix of them for both ends
            Map.entry("tied", texts("""
            {"model_type": "cohere", "intermediate_size": 1408, "num_hidden_layers": 2, "vocab_size": 131072}
            """)),
            // more words than the rest has numbers
            Map.entry("words", texts("""
            {"model_type": "llama", "intermediate_size": 1408, "num_hidden_layers": 2, "vocab_size": 131072}
            """)));

    private static final String SIZES = """
            {"vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8,
             "num_key_value_heads": 8, "head_dim": 64, "max_position_embeddings": 1024}
            """;

    private static MemoryKind texts(String config) {
        return new MemoryKind(config, Task.CAUSAL_LM, 4, 256, 0, 0);
    }

    private MemoryKind writing(int read, int newWritten) {
        return new MemoryKind(config, Task.SEQ2SEQ_LM, rows, read, newWritten, 0);
    }

    private MemoryKind reading(int tokens) {
        return new MemoryKind(config, task, rows, tokens, written, labels);
    }

    private MemoryKind images(int states) {
        return new MemoryKind(config, Task.IMAGE_CLASSIFICATION, rows, states, 0, 10);
    }

    private MemoryKind classifying(int classes) {
        return new MemoryKind(config, Task.SEQUENCE_CLASSIFICATION, rows, columns, 0, classes);
    }

    static MemoryKind of(String name) {
        return Objects.requireNonNull(ALL.get(name), name);
    }

    /** Writes its config.json. */
    void write(Path directory) throws IOException {
        ObjectNode whole = sized(config);
        Json.write(directory.resolve("config.json"), whole);
    }

    /** What config.json says, and the sizes where it says none. */
    static ObjectNode sized(String config) throws IOException {
        ObjectNode whole = Json.parse(Path.of("sizes"), SIZES).toTree();
        whole.setAll(Json.parse(Path.of("kind"), config).toTree());
        return whole;
    }

    ModelOptions options() {
        ModelOptions options = ModelOptions.of(task);
        return labels == 0
                ? options
                : options.withLabels(
                        IntStream.range(0, labels).mapToObj(i -> "class " + i).toList());
    }

    /** What a step is given: each others, which the experts of a mixture share out otherwise. */
    MiniBatch batch(int step) {
        if (task == Task.IMAGE_CLASSIFICATION) {
            int pixels = 14 * (int) Math.sqrt(columns - 1);
            return new ImageBatch(rows, 3, pixels, pixels, new float[rows * 3 * pixels * pixels], new long[rows]);
        }
        Batch read = tokens(columns, step);
        if (task == Task.SEQUENCE_CLASSIFICATION) {
            return new Batch(
                    rows, columns, read.inputIds(), read.attentionMask(), new long[rows], rows * columns, rows);
        }
        return written == 0 ? read : new SourceTargetBatch(read, tokens(written, step));
    }

    private Batch tokens(int length, int seed) {
        long[] ids =
                new SplittableRandom(seed).longs((long) rows * length, 0, 8192).toArray();
        long[] mask = new long[ids.length];
        Arrays.fill(mask, 1);
        int targets = written == 0 ? ids.length - rows : ids.length;
        return new Batch(rows, length, ids, mask, ids.clone(), ids.length, targets);
    }

    MemoryPlan.Load load() {
        MemoryPlan.Load load = new MemoryPlan.Load(rows, columns, 0, 0);
        return written == 0 ? load : load.writing(written + 1, 0);
    }
}
