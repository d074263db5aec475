package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufReader;
import org.loft4j.io.Json;

/** GLM-4-0414, Cohere, Seed-OSS, ERNIE 4.5 and EXAONE 4.0 under the names and keys of llama.cpp, which turns neighbours as they do. */
class GgufDenseTest {
    @TempDir
    Path directory;

    private TinyCheckpoint tiny(String modelType) {
        return new TinyCheckpoint(directory.resolve(modelType), modelType);
    }

    private static GgufReader export(TinyCheckpoint checkpoint) throws IOException {
        return new GgufReader(GgufModelTest.report(checkpoint, null).file());
    }

    @ParameterizedTest
    @CsvSource({
        "glm4, glm4, 29, attn_q.weight, self_attn.q_proj.weight",
        "glm4, glm4, 29, ffn_up.weight, mlp.gate_up_proj.weight",
        "glm4, glm4, 29, post_attention_norm.weight, post_self_attn_layernorm.weight",
        "glm4, glm4, 29, ffn_norm.weight, post_attention_layernorm.weight",
        "glm4, glm4, 29, post_ffw_norm.weight, post_mlp_layernorm.weight",
        "cohere, command-r, 18, attn_k.weight, self_attn.k_proj.weight",
        "cohere2, cohere2, 18, attn_norm.weight, input_layernorm.weight",
        "seed_oss, seed_oss, 27, attn_v.bias, self_attn.v_proj.bias",
        "seed_oss, seed_oss, 27, post_attention_norm.weight, post_attention_layernorm.weight",
        "ernie4_5, ernie4_5, 20, attn_q.weight, self_attn.q_proj.weight",
        "exaone4, exaone4, 25, attn_q_norm.weight, self_attn.q_norm.weight",
        "exaone4, exaone4, 25, post_ffw_norm.weight, post_feedforward_layernorm.weight"
    })
    void tensorsHaveTheirPlacesAndTheirValues(
            String modelType, String architecture, int count, String name, String original) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType).write();
        GgufReader read = export(checkpoint);
        assertEquals(architecture, read.metadata.get("general.architecture"));
        assertEquals(count, read.tensors.size(), read.tensors.keySet().toString());
        assertEquals(read.tensors.size(), checkpoint.values.size());
        for (int i = 0; i < TinyCheckpoint.LAYERS; i++) {
            assertArrayEquals(
                    checkpoint.values.get("model.layers." + i + "." + original),
                    read.tensors.get("blk." + i + "." + name).values());
        }
    }

    /** llama.cpp has no place for these: one of zeros adds nothing. */
    @ParameterizedTest
    @CsvSource({
        "cohere2, model.layers.0.input_layernorm, 0, true",
        "cohere2, model.norm, 0, true",
        "cohere2, model.norm, 1, false",
        "glm4, model.layers.1.self_attn.o_proj, 1, false",
        "ernie4_5, model.layers.0.mlp.down_proj, 1, false",
        "ernie4_5, model.layers.0.self_attn.o_proj, 1, false",
        "mixtral, model.layers.0.block_sparse_moe.experts.3.w2, 1, false",
        "llama, model.layers.0.mlp.down_proj, 1, true",
        "llama, model.layers.0.input_layernorm, 1, false",
        "phi, lm_head, , false",
        "phi, model.layers.1.mlp.fc1, , false"
    })
    void biasesAreThoseThatLlamaCppComputesWith(String modelType, String path, @Nullable Float value, boolean exported)
            throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        String name = path + ".bias";
        if (value == null) {
            checkpoint.shapes.remove(name);
        } else {
            checkpoint.shapes.put(name, new long[] {TinyCheckpoint.HIDDEN});
            checkpoint.constants.put(name, value);
        }
        checkpoint.write();
        if (exported) {
            assertEquals(
                    checkpoint.shapes.size() - (value == 0 ? 1 : 0),
                    export(checkpoint).tensors.size());
        } else {
            String fault = assertThrows(CheckpointException.class, () -> export(checkpoint))
                    .getMessage();
            assertTrue(fault.contains(value == null ? "lacks the tensors" : "tensor " + name + " has no place"), fault);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "glm4, , rope.dimension_count, 16",
        "glm4, rms_norm_eps, attention.layer_norm_rms_epsilon, 1.5625E-7",
        "glm4, num_key_value_heads, attention.head_count_kv, 2",
        "glm4, max_position_embeddings, context_length, 131072",
        "cohere, , logit_scale, 0.25",
        "cohere, logit_scale, logit_scale, 0.0625",
        "cohere, layer_norm_eps, attention.layer_norm_epsilon, 1.0E-5",
        "cohere, , attention.layer_norm_rms_epsilon, null",
        "cohere, rope_theta, rope.freq_base, 500000.0",
        "cohere, max_position_embeddings, context_length, 8192",
        "cohere2, rope_theta, rope.freq_base, 10000.0",
        "cohere2, , attention.sliding_window, 16",
        "cohere2, sliding_window, attention.sliding_window, 4096",
        "seed_oss, num_key_value_heads, attention.head_count_kv, 8",
        "seed_oss, head_dim, attention.key_length, 128",
        "seed_oss, max_position_embeddings, context_length, 524288",
        "ernie4_5, rope_theta, rope.freq_base, 500000.0",
        "ernie4_5, rms_norm_eps, attention.layer_norm_rms_epsilon, 1.0E-5",
        "exaone4, num_key_value_heads, attention.head_count_kv, 32",
        "exaone4, , attention.sliding_window, null"
    })
    void keysAreThoseThatLlamaCppReads(String modelType, String removed, String written, String value)
            throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.remove(removed);
        Map<String, Object> metadata = export(checkpoint.write()).metadata;
        assertEquals(value, String.valueOf(metadata.get(metadata.get("general.architecture") + "." + written)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "cohere | use_qk_norm | true | is true, where llama.cpp computes with false for 2 layers",
                "cohere | attention_bias | true | must be false for llama.cpp",
                "cohere2 | tie_word_embeddings | false | must be true for llama.cpp",
                "cohere2 | layer_types | [\"sliding_attention\", \"full_attention\"] | llama.cpp computes sliding_attention",
                "cohere2 | sliding_window_pattern | 2 | where llama.cpp computes with 4",
                "cohere2 | sliding_window | null | is null, and llama.cpp always has a window",
                "cohere2 | head_dim | 32 | where llama.cpp computes with 16",
                "seed_oss | attention_out_bias | true | must be false for llama.cpp",
                "ernie4_5 | use_bias | true | must be false for llama.cpp",
                "exaone4 | sliding_window | 16 | llama.cpp has windows in a model of 64 layers and in no other",
                "glm4 | hidden_act | \"relu\" | must be"
            })
    void whatLlamaCppComputesOtherwiseIsRefused(String modelType, String key, String value, String fault)
            throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        if (key.equals("tie_word_embeddings")) {
            checkpoint.shapes.put("lm_head.weight", new long[] {TinyCheckpoint.VOCABULARY, TinyCheckpoint.HIDDEN});
        }
        if (key.equals("use_qk_norm")) {
            for (int i = 0; i < TinyCheckpoint.LAYERS; i++) {
                String attention = "model.layers." + i + ".self_attn.";
                checkpoint.shapes.put(attention + "q_norm.weight", new long[] {TinyCheckpoint.HEADS, 16});
                checkpoint.shapes.put(attention + "k_norm.weight", new long[] {TinyCheckpoint.KEY_HEADS, 16});
            }
        }
        checkpoint.config.put(
                key, Json.parse(directory, "{\"v\": " + value + "}").node("v"));
        checkpoint.write();
        String message = assertThrows(CheckpointException.class, () -> export(checkpoint))
                .getMessage();
        assertTrue(message.contains("\"" + key + "\"") && message.contains(fault), message);
    }
}
