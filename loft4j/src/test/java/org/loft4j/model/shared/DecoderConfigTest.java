package org.loft4j.model.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.gemma3.Gemma3Config;
import org.loft4j.nn.RopeScaling;

class DecoderConfigTest {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(2, 0, 128, 1e-6, false, "hidden_act", "silu");

    private static JsonObject json(String more) throws CheckpointException {
        return Json.parse(
                Path.of("config.json"),
                "{\"vocab_size\": 50, \"hidden_size\": 32, \"num_hidden_layers\": 2, \"num_attention_heads\": 8,"
                        + " \"intermediate_size\": 64" + more + "}");
    }

    @Test
    void noNumberOfKeyValueHeadsIsTheFamilysAndNullThatOfTheHeads() throws Exception {
        assertEquals(2, DecoderConfig.from(json(""), ABSENT).keyValueHeads());
        assertEquals(
                8,
                DecoderConfig.from(json(", \"num_key_value_heads\": null"), ABSENT)
                        .keyValueHeads());
        assertEquals(
                4,
                DecoderConfig.from(json(", \"num_key_value_heads\": 4"), ABSENT).keyValueHeads());
    }

    /** The first files of Phi-3 with long factors say yarn. */
    @Test
    void yarnWithFactorsForEachFrequencyIsLongrope() throws Exception {
        JsonObject json = json(", \"original_max_position_embeddings\": 16, \"rope_scaling\":"
                + " {\"type\": \"yarn\", \"short_factor\": [1, 1], \"long_factor\": [2, 3]}");
        Rope rope = Rope.from(json, DecoderConfig.from(json, ABSENT), 10000);
        RopeScaling.LongRope scaling = assertInstanceOf(RopeScaling.LongRope.class, rope.scaling());
        assertEquals(16, scaling.original());
        assertEquals(Math.sqrt(1 + Math.log(8) / Math.log(16)), scaling.attentionFactor(), 1e-12);
    }

    /** Qwen 2.5 says to add this to a file, and to leave the rest as it is. */
    @Test
    void yarnMakesTheLongestSequenceLonger() throws Exception {
        String yarn = ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0,"
                + " \"original_max_position_embeddings\": 32}";
        assertEquals(128, DecoderConfig.maxPositions(json(", \"max_position_embeddings\": 32" + yarn), 1));
        assertEquals(160, DecoderConfig.maxPositions(json(", \"max_position_embeddings\": 160" + yarn), 1));
        assertEquals(64, DecoderConfig.maxPositions(json(", \"max_position_embeddings\": 64"), 1));
    }

    @Test
    void longropeNeedsTheLengthOfPretraining() throws Exception {
        JsonObject json =
                json(", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, 1], \"long_factor\": [2, 3]}");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        CheckpointException fault = assertThrows(CheckpointException.class, () -> Rope.from(json, sizes, 10000));
        assertTrue(fault.getMessage().contains("original_max_position_embeddings"), fault.getMessage());
    }

    @Test
    void rotaryParametersThatNameNoKindOfLayersAreRefusedWhereThereAreTwo() throws Exception {
        JsonObject flat = json(", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 5000.0}");
        CheckpointException fault = assertThrows(CheckpointException.class, () -> Gemma3Config.from(flat));
        assertTrue(fault.getMessage().contains("rope_parameters"), fault.getMessage());
    }
}
