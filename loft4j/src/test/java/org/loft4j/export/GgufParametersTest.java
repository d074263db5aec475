package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufReader;

class GgufParametersTest {
    @TempDir
    Path directory;

    private TinyCheckpoint tiny(String modelType) {
        return new TinyCheckpoint(directory.resolve(modelType), modelType);
    }

    private static Map<String, Object> metadata(TinyCheckpoint checkpoint) throws IOException {
        return new GgufReader(GgufModelTest.report(checkpoint, null).file()).metadata;
    }

    @ParameterizedTest
    @CsvSource({
        "phi3, rms_norm_eps, attention.layer_norm_rms_epsilon, 1.0E-5",
        "llama, rms_norm_eps, attention.layer_norm_rms_epsilon, 1.0E-6",
        "mistral, sliding_window, attention.sliding_window, 4096",
        "ministral, sliding_window, attention.sliding_window, 4096",
        "llama, sliding_window, attention.sliding_window, null",
        "qwen2, num_key_value_heads, attention.head_count_kv, 32",
        "qwen3, num_key_value_heads, attention.head_count_kv, 32",
        "qwen3, head_dim, attention.key_length, 128",
        "qwen2, head_dim, attention.key_length, 16",
        "olmo2, rms_norm_eps, attention.layer_norm_rms_epsilon, 1.0E-5",
        "olmo3, sliding_window, attention.sliding_window, 4096",
        "olmo2, sliding_window, attention.sliding_window, null",
        "granite, rms_norm_eps, attention.layer_norm_rms_epsilon, 1.0E-6",
        "granite, attention_multiplier, attention.scale, 1.0",
        "granite, logits_scaling, logit_scale, 1.0",
        "granitemoehybrid, shared_intermediate_size, feed_forward_length, 1024",
        "granitemoehybrid, max_position_embeddings, context_length, 2048",
        "granitemoehybrid, mamba_d_conv, ssm.conv_kernel, 4",
        "granitemoehybrid, mamba_d_state, ssm.state_size, 256",
        "granitemoehybrid, mamba_n_heads, ssm.time_step_rank, 128",
        "lfm2, norm_eps, attention.layer_norm_rms_epsilon, 1.0E-5",
        "lfm2, max_position_embeddings, context_length, 128000",
        "lfm2, conv_L_cache, shortconv.l_cache, 3",
        "lfm2, rope_theta, rope.freq_base, 1000000.0",
        "smollm3, num_key_value_heads, attention.head_count_kv, 4",
        "gemma, head_dim, attention.key_length, 256",
        "gemma, num_key_value_heads, attention.head_count_kv, 16",
        "gemma, hidden_activation, attention.layer_norm_rms_epsilon, 1.0E-5",
        "phi, layer_norm_eps, attention.layer_norm_epsilon, 1.0E-5",
        "phi, max_position_embeddings, context_length, 2048",
        "phi, num_key_value_heads, attention.head_count_kv, 4",
        "starcoder2, norm_epsilon, attention.layer_norm_epsilon, 1.0E-5",
        "starcoder2, num_key_value_heads, attention.head_count_kv, 2",
        "smollm3, max_position_embeddings, context_length, 32768",
        "smollm3, rope_theta, rope.freq_base, 2000000.0",
        "gemma2, num_attention_heads, attention.head_count, 8",
        "gemma3_text, num_attention_heads, attention.head_count, 8",
        "qwen3_5_text, num_key_value_heads, attention.head_count_kv, 4",
        "qwen3_5_text, head_dim, attention.key_length, 256",
        "qwen3_5_text, max_position_embeddings, context_length, 32768",
        "qwen3_5_text, linear_conv_kernel_dim, ssm.conv_kernel, 4",
        "qwen3_5_text, partial_rotary_factor, rope.dimension_count, 8",
        "qwen3_5_text, rms_norm_eps, attention.layer_norm_rms_epsilon, 1.0E-6",
    })
    void whereConfigJsonIsSilentTheFamilysValueIsMeant(String modelType, String key, String written, String value)
            throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.remove(key);
        Map<String, Object> metadata = metadata(checkpoint.write());
        assertEquals(value, String.valueOf(metadata.get(metadata.get("general.architecture") + "." + written)));
    }

    @ParameterizedTest
    @CsvSource({
        "mistral, 127, true",
        "mistral, 128, false",
        "phi3, 127, true",
        "phi3, 128, false",
        "starcoder2, 127, true"
    })
    void aWindowThatLlamaCppDoesNotComputeIsNoted(String modelType, int window, boolean noted) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.put("sliding_window", window);
        List<String> notes = GgufModelTest.report(checkpoint.write(), null).notes();
        assertEquals(noted, notes.stream().anyMatch(note -> note.contains("from 127 tokens on")), notes.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "qwen3, false",
        "qwen3_5_text, false",
        "gemma2, false",
        "gemma3_text, false",
        "phi3, false",
        "smollm3, false",
        "olmo2, false",
        "olmo3, false",
        "granite, true",
        "llama, true",
        "mistral, true",
        "qwen2, true"
    })
    void biasesOfAttentionAreRefusedWhereLlamaCppHasNone(String modelType, boolean has) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.put("attention_bias", true);
        checkpoint.write();
        if (has) {
            metadata(checkpoint);
        } else {
            String message = assertThrows(CheckpointException.class, () -> metadata(checkpoint))
                    .getMessage();
            assertTrue(message.contains("\"attention_bias\" must be false for llama.cpp"), message);
        }
    }

    /** llama.cpp has no key for them, and leaves out every fourth. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "no_rope_layers | [1, 1, 1, 0, 1] | ",
                "no_rope_layers | [1, 1, 1, 1, 1] | \"no_rope_layers\" has 1 for layer 3",
                "no_rope_layers | [1, 0, 1, 0, 1] | \"no_rope_layers\" has 0 for layer 1",
                "no_rope_layer_interval | 4 | ",
                "no_rope_layer_interval | 2 | \"no_rope_layer_interval\" is 2",
                "attention_bias | true | \"attention_bias\" must be false for llama.cpp",
                "mlp_bias | true | \"mlp_bias\" must be false for llama.cpp",
                "use_sliding_window | true | \"use_sliding_window\" must be false for llama.cpp",
            })
    void layersOfSmolLm3WithoutRotationAreThoseThatLlamaCppKnows(String key, String value, @Nullable String fault)
            throws IOException {
        TinyCheckpoint checkpoint = tiny("smollm3");
        checkpoint.config.put(key, new ObjectMapper().readTree(value));
        checkpoint.write();
        if (fault == null) {
            assertEquals("smollm3", metadata(checkpoint).get("general.architecture"));
        } else {
            String message = assertThrows(CheckpointException.class, () -> metadata(checkpoint))
                    .getMessage();
            assertTrue(message.contains(fault), message);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "embedding_multiplier, embedding_scale",
        "residual_multiplier, residual_scale",
        "attention_multiplier, attention.scale",
        "logits_scaling, logit_scale",
    })
    void granitesMultipliersAreWritten(String key, String written) throws IOException {
        TinyCheckpoint checkpoint = tiny("granite");
        checkpoint.config.put(key, 0.25);
        assertEquals(0.25f, metadata(checkpoint.write()).get("granite." + written));
        checkpoint.config.put(key, 0);
        checkpoint.write();
        String message = assertThrows(CheckpointException.class, () -> metadata(checkpoint))
                .getMessage();
        assertTrue(message.contains("\"" + key + "\" must be above 0"), message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qwen3_moe | norm_topk_prob | false | \"norm_topk_prob\" must be true for llama.cpp",
                "qwen3_moe | decoder_sparse_step | 2 | \"decoder_sparse_step\" is 2",
                "qwen3_moe | mlp_only_layers | [1] | \"mlp_only_layers\" is [1]",
                "qwen3_moe | use_sliding_window | true | \"use_sliding_window\" must be false",
                "qwen3_moe | attention_bias | true | \"attention_bias\" must be false",
                "olmoe | norm_topk_prob | true | \"norm_topk_prob\" must be false for llama.cpp",
                "olmoe | num_key_value_heads | 2 | \"num_key_value_heads\" is 2",
                "olmoe | clip_qkv | 8 | \"clip_qkv\" is set",
                "olmoe | head_dim | 32 | \"head_dim\" is 32",
                "mixtral | hidden_act | \"gelu\" | \"hidden_act\" must be",
            })
    void expertsThatLlamaCppComputesOtherwiseAreRefused(String modelType, String key, String value, String fault)
            throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.put(key, new ObjectMapper().readTree(value));
        checkpoint.write();
        String message = assertThrows(CheckpointException.class, () -> metadata(checkpoint))
                .getMessage();
        assertTrue(message.contains(fault), message);
    }

    @Test
    void theGeneralNamesOfGpt2sSizesAreRead() throws IOException {
        TinyCheckpoint own = tiny("gpt2");
        Map<String, Object> metadata = metadata(own.write());
        Map.of(
                        "n_embd", "hidden_size",
                        "n_layer", "num_hidden_layers",
                        "n_head", "num_attention_heads",
                        "n_positions", "max_position_embeddings")
                .forEach((mine, theirs) -> own.config.put(theirs, own.config.remove(mine)));
        assertEquals(metadata, metadata(own.write()));
    }

    /** A Mistral with a list is computed by it; a Llama's is not looked at. */
    @ParameterizedTest
    @CsvSource({"mistral, sliding, true", "mistral, full, false", "ministral, full, false", "llama, full, true"})
    void aWindowThatNoLayerHasIsNotWritten(String modelType, String last, boolean written) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.put("sliding_window", 16);
        checkpoint.config.put("layer_types", new String[] {"full_attention", last + "_attention"});
        checkpoint.write();
        assertEquals(written, metadata(checkpoint).containsKey("llama.attention.sliding_window"));
        boolean noted = GgufModelTest.report(checkpoint, null).notes().stream()
                .anyMatch(note -> note.contains("from 16 tokens on"));
        assertEquals(written, noted);
    }
}
