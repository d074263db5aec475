package org.loft4j.export;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Checkpoints of every exported family: two layers, random numbers, the names and shapes that Transformers saves. */
final class TinyCheckpoint {
    static final int VOCABULARY = 12;
    static final int HIDDEN = 64;
    static final int HEADS = 4;
    static final int KEY_HEADS = 2;
    static final int HEAD_DIM = 32;
    static final int WIDTH = 96;
    static final int LAYERS = 2;

    /** More than ten, so that their order by name is another one. */
    static final int EXPERTS = 11;

    static final int EXPERT_WIDTH = 32;

    final Path directory;
    final Map<String, Object> config = new LinkedHashMap<>();
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    final Map<String, float[]> values = new LinkedHashMap<>();

    /** What tensors hold throughout that are not random. */
    final Map<String, Float> constants = new LinkedHashMap<>();

    TinyCheckpoint(Path directory, String modelType) {
        this.directory = directory;
        config.put("model_type", modelType);
        switch (modelType) {
            case "gpt2" -> gpt2();
            case "phi3" -> phi3();
            case "phi" -> TinyFamilies.phi(this);
            case "starcoder2" -> TinyFamilies.starcoder2(this);
            case "qwen3_5_text" -> TinyFamilies.qwen35(this);
            case "gemma4_text" -> TinyFamilies.gemma4(this);
            case "lfm2" -> TinyFamilies.lfm2(this);
            case "granitemoehybrid" -> TinyFamilies.granite4(this);
            case "glm4", "cohere", "cohere2", "seed_oss", "ernie4_5", "exaone4" -> TinyFamilies.dense(this, modelType);
            default -> separate(modelType);
        }
    }

    void sizes() {
        config.put("vocab_size", VOCABULARY);
        config.put("hidden_size", HIDDEN);
        config.put("intermediate_size", WIDTH);
        config.put("num_hidden_layers", LAYERS);
        config.put("num_attention_heads", HEADS);
        config.put("num_key_value_heads", KEY_HEADS);
        config.put("max_position_embeddings", 128);
        config.put("rms_norm_eps", 1e-5);
        config.put("rope_theta", 50000.0);
    }

    private void separate(String modelType) {
        sizes();
        boolean gemma = modelType.startsWith("gemma");
        boolean around = gemma && !modelType.equals("gemma");
        boolean olmo = modelType.equals("olmo2") || modelType.equals("olmo3");
        boolean allHeads = olmo || modelType.equals("olmoe");
        int headDim = allHeads ? HIDDEN / HEADS : HEAD_DIM;
        int keyHeads = keyHeads(modelType);
        config.put("head_dim", headDim);
        config.put("num_key_value_heads", keyHeads);
        shapes.put("model.embed_tokens.weight", new long[] {VOCABULARY, HIDDEN});
        for (int i = 0; i < LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            matrix(layer + "self_attn.q_proj", HEADS * headDim, HIDDEN, modelType.equals("qwen2"));
            matrix(layer + "self_attn.k_proj", keyHeads * headDim, HIDDEN, modelType.equals("qwen2"));
            matrix(layer + "self_attn.v_proj", keyHeads * headDim, HIDDEN, modelType.equals("qwen2"));
            matrix(layer + "self_attn.o_proj", HIDDEN, HEADS * headDim, false);
            if (allHeads) {
                shapes.put(layer + "self_attn.q_norm.weight", new long[] {HEADS * headDim});
                shapes.put(layer + "self_attn.k_norm.weight", new long[] {keyHeads * headDim});
            }
            if (modelType.startsWith("qwen3") || modelType.startsWith("gemma3")) {
                shapes.put(layer + "self_attn.q_norm.weight", new long[] {HEAD_DIM});
                shapes.put(layer + "self_attn.k_norm.weight", new long[] {HEAD_DIM});
            }
            if (hasExperts(modelType)) {
                experts(layer, modelType);
            } else {
                matrix(layer + "mlp.gate_proj", WIDTH, HIDDEN, false);
                matrix(layer + "mlp.up_proj", WIDTH, HIDDEN, false);
                matrix(layer + "mlp.down_proj", HIDDEN, WIDTH, false);
            }
            if (!olmo) {
                norm(layer + "input_layernorm");
            }
            norm(layer + "post_attention_layernorm");
            if (around) {
                norm(layer + "pre_feedforward_layernorm");
            }
            if (around || olmo) {
                norm(layer + "post_feedforward_layernorm");
            }
        }
        norm("model.norm");
        if (gemma) {
            config.put("query_pre_attn_scalar", HEAD_DIM);
            config.put("hidden_activation", "gelu_pytorch_tanh");
            config.put("sliding_window", 16);
        } else {
            config.put("hidden_act", "silu");
            config.put("tie_word_embeddings", false);
            shapes.put("lm_head.weight", new long[] {VOCABULARY, HIDDEN});
        }
    }

    static int keyHeads(String modelType) {
        return modelType.equals("olmoe") ? HEADS : KEY_HEADS;
    }

    static boolean hasExperts(String modelType) {
        return List.of("mixtral", "olmoe", "qwen3_moe").contains(modelType);
    }

    private void experts(String layer, String modelType) {
        boolean mixtral = modelType.equals("mixtral");
        boolean qwen = modelType.equals("qwen3_moe");
        // what Transformers 5 writes
        config.put(modelType.equals("olmoe") ? "num_experts" : "num_local_experts", EXPERTS);
        config.put("num_experts_per_tok", 2);
        config.put("norm_topk_prob", qwen);
        config.put("moe_intermediate_size", EXPERT_WIDTH);
        String module = layer + (mixtral ? "block_sparse_moe." : "mlp.");
        matrix(module + "gate", EXPERTS, HIDDEN, false);
        int width = qwen ? EXPERT_WIDTH : WIDTH;
        for (int e = 0; e < EXPERTS; e++) {
            String expert = module + "experts." + e + ".";
            matrix(expert + (mixtral ? "w1" : "gate_proj"), width, HIDDEN, false);
            matrix(expert + (mixtral ? "w3" : "up_proj"), width, HIDDEN, false);
            matrix(expert + (mixtral ? "w2" : "down_proj"), HIDDEN, width, false);
        }
    }

    private void phi3() {
        sizes();
        config.put("hidden_act", "silu");
        config.put("tie_word_embeddings", false);
        shapes.put("model.embed_tokens.weight", new long[] {VOCABULARY, HIDDEN});
        int head = HIDDEN / HEADS;
        for (int i = 0; i < LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            matrix(layer + "self_attn.qkv_proj", (HEADS + 2 * KEY_HEADS) * head, HIDDEN, false);
            matrix(layer + "self_attn.o_proj", HIDDEN, HIDDEN, false);
            matrix(layer + "mlp.gate_up_proj", 2 * WIDTH, HIDDEN, false);
            matrix(layer + "mlp.down_proj", HIDDEN, WIDTH, false);
            norm(layer + "input_layernorm");
            norm(layer + "post_attention_layernorm");
        }
        norm("model.norm");
        shapes.put("lm_head.weight", new long[] {VOCABULARY, HIDDEN});
    }

    private void gpt2() {
        config.put("n_embd", HIDDEN);
        config.put("n_layer", LAYERS);
        config.put("n_head", HEADS);
        config.put("n_positions", 128);
        config.put("vocab_size", VOCABULARY);
        config.put("activation_function", "gelu_new");
        shapes.put("transformer.wte.weight", new long[] {VOCABULARY, HIDDEN});
        shapes.put("transformer.wpe.weight", new long[] {128, HIDDEN});
        for (int i = 0; i < LAYERS; i++) {
            String layer = "transformer.h." + i + ".";
            matrix(layer + "attn.c_attn", HIDDEN, 3 * HIDDEN, false);
            matrix(layer + "attn.c_proj", HIDDEN, HIDDEN, false);
            matrix(layer + "mlp.c_fc", HIDDEN, 4 * HIDDEN, false);
            matrix(layer + "mlp.c_proj", 4 * HIDDEN, HIDDEN, false);
            shapes.put(layer + "attn.c_attn.bias", new long[] {3 * HIDDEN});
            norm(layer + "ln_1");
            norm(layer + "ln_2");
            shapes.put(layer + "attn.bias", new long[] {1, 1, 8, 8}); // a mask that old versions saved
        }
        norm("transformer.ln_f");
    }

    void matrix(String path, long first, long second, boolean bias) {
        shapes.put(path + ".weight", new long[] {first, second});
        if (bias) {
            shapes.put(path + ".bias", new long[] {first});
        }
    }

    void norm(String path) {
        shapes.put(path + ".weight", new long[] {HIDDEN});
    }

    /** Writes weights, configuration and a tokenizer of few tokens. */
    TinyCheckpoint write() throws IOException {
        Random random = new Random(7);
        Files.createDirectories(directory);
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            shapes.forEach((name, shape) -> {
                int count = 1;
                for (long size : shape) {
                    count *= (int) size;
                }
                float[] numbers = new float[count];
                for (int i = 0; i < count; i++) {
                    numbers[i] = constants.getOrDefault(name, (float) random.nextGaussian());
                }
                values.put(name, numbers);
                tensors.put(name, Tensors.of(numbers, shape));
            });
            SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors, Map.of());
        }
        Json.write(directory.resolve("config.json"), config);
        Map<String, Integer> vocabulary = new LinkedHashMap<>();
        for (String token : List.of("a", "b", "c", "Ġ", "ab", "abc", "Ġa")) {
            vocabulary.put(token, vocabulary.size());
        }
        Map<String, Object> tokenizer = new LinkedHashMap<>();
        tokenizer.put(
                "added_tokens",
                List.of(
                        Map.of("id", 8, "content", "<|end|>", "special", true),
                        Map.of("id", 9, "content", "▁word", "special", false)));
        tokenizer.put("pre_tokenizer", Map.of("type", "ByteLevel", "add_prefix_space", false, "use_regex", true));
        tokenizer.put(
                "model",
                Map.of(
                        "type",
                        "BPE",
                        "vocab",
                        vocabulary,
                        "merges",
                        List.of(List.of("a", "b"), List.of("ab", "c"), List.of("Ġ", "a"))));
        Json.write(directory.resolve("tokenizer.json"), tokenizer);
        Json.write(
                directory.resolve("tokenizer_config.json"),
                Map.of(
                        "eos_token",
                        "<|end|>",
                        "bos_token",
                        Map.of("content", "<|end|>"),
                        "add_bos_token",
                        true,
                        "chat_template",
                        "{{ messages }}"));
        return this;
    }
}
