package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.loft4j.export.GgufModelTest.assertRefused;
import static org.loft4j.export.GgufModelTest.export;
import static org.loft4j.export.GgufModelTest.values;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.GgufReader;

/** What llama.cpp is told of rotary positions. */
class GgufRopeTest {
    @TempDir
    Path directory;

    private TinyCheckpoint tiny(String modelType) {
        return new TinyCheckpoint(directory.resolve(modelType), modelType);
    }

    @Test
    void llama3sScalingBecomesATensorOfDivisors() throws IOException {
        TinyCheckpoint checkpoint = tiny("llama");
        checkpoint.config.put("rope_theta", 500000.0);
        checkpoint.config.put(
                "rope_scaling",
                Map.of(
                        "rope_type",
                        "llama3",
                        "factor",
                        8.0,
                        "low_freq_factor",
                        1.0,
                        "high_freq_factor",
                        4.0,
                        "original_max_position_embeddings",
                        8192));
        float[] divisors = values(export(checkpoint.write(), null), "rope_freqs.weight");
        assertEquals(16, divisors.length);
        assertEquals(1f, divisors[0]);
        assertEquals(8f, divisors[15]);
        // dimension 8 has 2π·500000^(1/2) = 4443 positions a turn, between 8192/4 and 8192
        double smooth = (8192 / (2 * Math.PI * Math.sqrt(500000)) - 1) / 3;
        assertEquals(1 / ((1 - smooth) / 8 + smooth), divisors[8], 1e-5);
        TinyCheckpoint qwen = tiny("qwen2");
        qwen.config.put("rope_scaling", Map.of("type", "yarn", "factor", 4.0, "original_max_position_embeddings", 32));
        Map<String, Object> metadata = export(qwen.write(), null).metadata;
        assertEquals("yarn", metadata.get("qwen2.rope.scaling.type"));
        assertEquals(4f, metadata.get("qwen2.rope.scaling.factor"));
        assertEquals(32L, metadata.get("qwen2.rope.scaling.original_context_length"));
        TinyCheckpoint phi = tiny("phi3");
        phi.config.put("original_max_position_embeddings", 64);
        phi.config.put(
                "rope_scaling",
                Map.of(
                        "type",
                        "longrope",
                        "long_factor",
                        List.of(1, 2, 3, 4, 5, 6, 7, 8),
                        "short_factor",
                        List.of(1, 1, 1, 1, 1, 1, 1, 1.5)));
        GgufReader read = export(phi.write(), null);
        assertEquals(1.5f, values(read, "rope_factors_short.weight")[7]);
        assertEquals(8f, values(read, "rope_factors_long.weight")[7]);
        assertEquals(
                (float) Math.sqrt(1 + Math.log(2) / Math.log(64)), read.metadata.get("phi3.rope.scaling.attn_factor"));
    }

    @Test
    void theRotationIsReadAsTheModelReadsIt() throws IOException {
        Map<String, Object> newer = Map.of("rope_type", "linear", "factor", 2.0, "rope_theta", 7000.0);
        TinyCheckpoint qwen = tiny("qwen2");
        qwen.config.remove("rope_theta");
        qwen.config.put("rope_parameters", newer);
        assertEquals(7000f, export(qwen.write(), null).metadata.get("qwen2.rope.freq_base"));
        qwen.config.put("rope_scaling", Map.of("type", "linear", "factor", 2));
        assertEquals(7000f, export(qwen.write(), null).metadata.get("qwen2.rope.freq_base"));
        qwen.config.put("rope_scaling", Map.of("type", "linear", "factor", 4));
        assertRefused(qwen, "\"rope_scaling\" and rope_parameters say different things");
        qwen.config.remove("rope_scaling");
        qwen.config.put("rope_theta", 50000.0);
        assertRefused(qwen, "\"rope_parameters.rope_theta\" is 7000.0, but rope_theta beside it is 50000.0");
        TinyCheckpoint llama = tiny("llama");
        llama.config.put("rope_parameters", Map.of("full_attention", newer));
        assertRefused(llama, "must be one object for all layers");
        TinyCheckpoint gemma = tiny("gemma3_text");
        gemma.config.remove("rope_theta");
        gemma.config.put(
                "rope_parameters", Map.of("full_attention", newer, "sliding_attention", Map.of("rope_theta", 900)));
        Map<String, Object> metadata = export(gemma.write(), null).metadata;
        assertEquals(7000f, metadata.get("gemma3.rope.freq_base"));
        assertEquals(900f, metadata.get("gemma3.rope.freq_base_swa"));
        assertEquals(2f, metadata.get("gemma3.rope.scaling.factor"));
    }

    /** llama.cpp has a factor of its own for the scores, and reads no other. */
    @Test
    void yarnWithAnotherFactorOfTheScoresIsRefused() throws IOException {
        double usual = 0.1 * Math.log(4) + 1;
        for (Map<String, Object> more : List.of(
                Map.<String, Object>of("attention_factor", usual),
                Map.<String, Object>of("attention_factor", 1.0),
                Map.<String, Object>of("mscale", 1.0),
                Map.<String, Object>of("mscale_all_dim", 1.0),
                Map.<String, Object>of("truncate", false))) {
            Map<String, Object> yarn = new TreeMap<>(more);
            yarn.putAll(Map.of("rope_type", "yarn", "factor", 4.0, "original_max_position_embeddings", 32));
            TinyCheckpoint qwen = tiny("qwen2");
            qwen.config.put("rope_scaling", yarn);
            if (more.containsValue(usual)) {
                assertEquals("yarn", export(qwen.write(), null).metadata.get("qwen2.rope.scaling.type"));
            } else {
                assertRefused(qwen, "is of type yarn: llama.cpp computes yarn with an attention factor");
            }
        }
    }

    /** llama.cpp rotates OLMo 3's layers with a window plainly, by the base of the others. */
    @Test
    void onlyTheFullLayersOfOlmo3AreScaled() throws IOException {
        Map<String, Object> yarn = Map.of("rope_type", "yarn", "factor", 4.0, "original_max_position_embeddings", 32);
        TinyCheckpoint olmo = tiny("olmo3");
        olmo.config.put("rope_scaling", yarn);
        olmo.config.put("sliding_window", 16);
        Map<String, Object> metadata = export(olmo.write(), null).metadata;
        assertEquals("yarn", metadata.get("olmo2.rope.scaling.type"));
        assertEquals(4f, metadata.get("olmo2.rope.scaling.factor"));
        assertEquals(16L, metadata.get("olmo2.attention.sliding_window"));
        olmo.config.put("sliding_window", null);
        assertRefused(olmo, "\"sliding_window\" is null");
        olmo.config.remove("sliding_window");
        for (Map<String, Object> sliding : List.of(yarn, Map.<String, Object>of("rope_theta", 900))) {
            olmo.config.remove("rope_theta");
            olmo.config.put(
                    "rope_parameters",
                    Map.of(
                            "full_attention",
                            Map.of(
                                    "rope_type",
                                    "yarn",
                                    "factor",
                                    4.0,
                                    "original_max_position_embeddings",
                                    32,
                                    "rope_theta",
                                    50000.0),
                            "sliding_attention",
                            sliding));
            assertRefused(olmo, "\"rope_parameters\" has another rotation for sliding_attention");
        }
        olmo.config.remove("rope_parameters");
        assertRefused(olmo, "\"rope_theta\" must be stated");
        TinyCheckpoint all = tiny("olmo3");
        all.config.put("layer_types", List.of("sliding_attention", "full_attention"));
        assertRefused(all, "\"layer_types\" has full_attention for layer 1");
        TinyCheckpoint wide = tiny("olmo2");
        wide.config.put("head_dim", 32);
        wide.shapes.replaceAll((name, shape) -> name.contains("self_attn") ? twice(name, shape) : shape);
        assertRefused(wide, "\"head_dim\" is 32, where llama.cpp computes with 16");
    }

    /** The shape of an attention with heads twice as large. */
    private static long[] twice(String name, long[] shape) {
        return name.contains("o_proj")
                ? new long[] {shape[0], 2 * shape[1]}
                : shape.length == 1 ? new long[] {2 * shape[0]} : new long[] {2 * shape[0], shape[1]};
    }
}
