package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.GgufReader;
import org.loft4j.io.Json;

class GgufGemma4Test {
    @TempDir
    Path directory;

    private TinyCheckpoint tiny() {
        return new TinyCheckpoint(directory.resolve("gemma4"), "gemma4_text");
    }

    @Test
    void everyTensorHasItsPlaceAndNothingIsChanged() throws IOException {
        TinyCheckpoint checkpoint = tiny().write();
        ExportReport report = GgufModelTest.report(checkpoint, null);
        GgufReader read = new GgufReader(report.file());
        Map<String, String> blocks = new LinkedHashMap<>();
        blocks.put("input_layernorm.weight", "attn_norm.weight");
        blocks.put("self_attn.q_proj.weight", "attn_q.weight");
        blocks.put("self_attn.k_proj.weight", "attn_k.weight");
        blocks.put("self_attn.v_proj.weight", "attn_v.weight");
        blocks.put("self_attn.o_proj.weight", "attn_output.weight");
        blocks.put("self_attn.q_norm.weight", "attn_q_norm.weight");
        blocks.put("self_attn.k_norm.weight", "attn_k_norm.weight");
        blocks.put("post_attention_layernorm.weight", "post_attention_norm.weight");
        blocks.put("pre_feedforward_layernorm.weight", "ffn_norm.weight");
        blocks.put("mlp.gate_proj.weight", "ffn_gate.weight");
        blocks.put("mlp.up_proj.weight", "ffn_up.weight");
        blocks.put("mlp.down_proj.weight", "ffn_down.weight");
        blocks.put("post_feedforward_layernorm.weight", "post_ffw_norm.weight");
        blocks.put("per_layer_input_gate.weight", "inp_gate.weight");
        blocks.put("per_layer_projection.weight", "proj.weight");
        blocks.put("post_per_layer_input_norm.weight", "post_norm.weight");
        blocks.put("layer_scalar", "layer_output_scale.weight");
        Map<String, String> names = new LinkedHashMap<>();
        names.put("model.embed_tokens.weight", "token_embd.weight");
        names.put("model.embed_tokens_per_layer.weight", "per_layer_token_embd.weight");
        names.put("model.per_layer_model_projection.weight", "per_layer_model_proj.weight");
        names.put("model.per_layer_projection_norm.weight", "per_layer_proj_norm.weight");
        names.put("model.norm.weight", "output_norm.weight");
        for (int i = 0; i < TinyFamilies.LAYERS; i++) {
            for (Map.Entry<String, String> part : blocks.entrySet()) {
                if (i < 2 || !part.getKey().matches("self_attn\\.[kv].*")) {
                    names.put("model.layers." + i + "." + part.getKey(), "blk." + i + "." + part.getValue());
                }
            }
        }
        Set<String> written = new java.util.HashSet<>(read.tensors.keySet());
        assertTrue(written.remove("rope_freqs.weight"));
        assertEquals(Set.copyOf(names.values()), written);
        names.forEach(
                (from, to) -> assertArrayEquals(checkpoint.values.get(from), GgufModelTest.values(read, to), from));
        assertTrue(report.notes().get(0).startsWith("6 tensors"), report.notes().toString());
    }

    @Test
    void whatDiffersBetweenLayersIsNamed() throws IOException {
        GgufReader read = GgufModelTest.export(tiny().write(), null);
        Map<String, Object> metadata = read.metadata;
        assertEquals("gemma4", metadata.get("general.architecture"));
        assertEquals(List.of(96L, 96L, 192L, 192L), metadata.get("gemma4.feed_forward_length"));
        assertEquals(List.of(2L, 2L, 2L, 2L), metadata.get("gemma4.attention.head_count_kv"));
        assertEquals(List.of(true, false, true, false), metadata.get("gemma4.attention.sliding_window_pattern"));
        assertEquals(16L, metadata.get("gemma4.attention.sliding_window"));
        assertEquals(2L, metadata.get("gemma4.attention.shared_kv_layers"));
        for (String part : List.of("key", "value")) {
            assertEquals(16L, metadata.get("gemma4.attention." + part + "_length"));
            assertEquals(32L, metadata.get("gemma4.attention." + part + "_length_swa"));
        }
        assertEquals(8L, metadata.get("gemma4.embedding_length_per_layer_input"));
        assertEquals(16L, metadata.get("gemma4.rope.dimension_count"));
        assertEquals(32L, metadata.get("gemma4.rope.dimension_count_swa"));
        assertEquals(50000f, metadata.get("gemma4.rope.freq_base"));
        assertEquals(1000f, metadata.get("gemma4.rope.freq_base_swa"));
        assertEquals(0f, metadata.get("gemma4.final_logit_softcapping"), "llama.cpp takes 30 where nothing is said");
        float none = 1e30f;
        assertArrayEquals(
                new float[] {1, 1, none, none, none, none, none, none},
                GgufModelTest.values(read, "rope_freqs.weight"));
    }

    /** As 31B has it: no inputs of the layers, and keys that are values. */
    @Test
    void keysThatAreValuesAreWrittenOnce() throws IOException {
        TinyCheckpoint checkpoint = tiny();
        checkpoint.config.put("attention_k_eq_v", true);
        checkpoint.config.put("num_kv_shared_layers", 0);
        checkpoint.config.put("use_double_wide_mlp", false);
        checkpoint.config.put("num_global_key_value_heads", 1);
        checkpoint.config.put("hidden_size_per_layer_input", 0);
        checkpoint.config.put("final_logit_softcapping", 30.0);
        checkpoint.config.put("use_bidirectional_attention", "vision");
        // the last layer has no window, whatever the list says
        checkpoint.config.put(
                "layer_types",
                List.of("sliding_attention", "full_attention", "sliding_attention", "sliding_attention"));
        checkpoint.shapes.keySet().removeIf(name -> name.contains("per_layer") || name.matches(".*[13].self_attn.v.*"));
        checkpoint.shapes.replaceAll((name, shape) -> name.matches(".*[13].self_attn.k_proj.*")
                ? new long[] {16, 64}
                : name.matches(".*[23].mlp.down.*")
                        ? new long[] {64, 96}
                        : name.matches(".*[23].mlp.*") ? new long[] {96, 64} : shape);
        GgufReader read = GgufModelTest.export(checkpoint.write(), null);
        assertFalse(read.tensors.containsKey("blk.1.attn_v.weight"));
        assertTrue(read.tensors.containsKey("blk.2.attn_v.weight"));
        assertEquals(List.of(2L, 1L, 2L, 1L), read.metadata.get("gemma4.attention.head_count_kv"));
        assertEquals(List.of(true, false, true, false), read.metadata.get("gemma4.attention.sliding_window_pattern"));
        assertEquals(0L, read.metadata.get("gemma4.embedding_length_per_layer_input"));
        assertEquals(30f, read.metadata.get("gemma4.final_logit_softcapping"));
        checkpoint.config.remove("global_head_dim");
        checkpoint.config.remove("num_global_key_value_heads");
        Map<String, Object> whole = Map.of("head_dim", 16, "num_key_value_heads", 1);
        checkpoint.config.put("per_layer_config", Map.of("1", whole, "3", whole));
        GgufReader newer = GgufModelTest.export(checkpoint.write(), null);
        assertEquals(read.metadata.toString(), newer.metadata.toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "attention_bias | true | attention_bias",
                "use_bidirectional_attention | true | use_bidirectional_attention",
                "sliding_window | null | sliding_window",
                "hidden_activation | \"silu\" | hidden_activation",
                "vocab_size_per_layer_input | 13 | vocab_size_per_layer_input",
                "num_kv_shared_layers | 1 | num_kv_shared_layers",
                "per_layer_config | {\"1\": {\"head_dim\": 8}} | per_layer_config",
                "rope_parameters | {\"full_attention\": {\"rope_type\": \"yarn\", \"rope_theta\": 1}} | rope_parameters",
                "rope_parameters | {\"sliding_attention\": {\"rope_type\": \"linear\", \"rope_theta\": 1}} | rope_parameters",
            })
    void whatLlamaCppWouldComputeOtherwiseIsRefused(String key, String value, String why) throws IOException {
        TinyCheckpoint checkpoint = tiny();
        checkpoint.config.put(key, new ObjectMapper().readTree(value));
        GgufModelTest.assertRefused(checkpoint, why);
    }

    @Test
    void theTokenizerMergesByRanksAndItsMarksAreShown() throws IOException {
        TinyCheckpoint checkpoint = tiny().write();
        Path file = checkpoint.directory.resolve("tokenizer.json");
        ObjectNode tokenizer = Json.read(file).toTree();
        ((ObjectNode) tokenizer.get("model")).put("byte_fallback", true);
        ((ObjectNode) tokenizer.get("added_tokens").get(1))
                .put("content", "<|tool_call>")
                .put("special", true);
        Json.write(file, tokenizer);
        Map<String, Object> metadata = GgufModelTest.export(checkpoint, null).metadata;
        assertEquals("gemma4", metadata.get("tokenizer.ggml.model"));
        assertEquals("gemma4", metadata.get("tokenizer.ggml.pre"));
        assertEquals(List.of("a b", "ab c", "Ġ a"), metadata.get("tokenizer.ggml.merges"));
        assertFalse(metadata.containsKey("tokenizer.ggml.scores"));
        assertEquals(false, metadata.get("tokenizer.ggml.add_space_prefix"));
        List<?> types = (List<?>) metadata.get("tokenizer.ggml.token_type");
        assertEquals(List.of(3L, 4L), types.subList(8, 10));
    }
}
