package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.cohere.CohereConfig;
import org.loft4j.model.ernie.Ernie45Config;
import org.loft4j.model.exaone4.Exaone4Config;
import org.loft4j.model.glm.Glm4Config;
import org.loft4j.model.seedoss.SeedOssConfig;
import org.loft4j.model.shared.DecoderAssembly.Placement;

/** What GLM-4-0414, Cohere, Seed-OSS, ERNIE 4.5 and EXAONE 4.0 make of their files. */
class DenseConfigTest {
    private static JsonObject json(String more) throws CheckpointException {
        return Json.parse(
                Path.of("config.json"),
                "{\"vocab_size\": 50, \"hidden_size\": 32, \"num_hidden_layers\": 4, \"num_attention_heads\": 8,"
                        + " \"num_key_value_heads\": 2, \"intermediate_size\": 64, " + more + "}");
    }

    /** Of EXAONE 4.0 with windows the others are not turned; without any all are. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"sliding_window\": null | true, true, true, true | 0, 0, 0, 0",
                "\"sliding_window\": 8, \"sliding_window_pattern\": 2 | true, false, true, false | 8, 0, 8, 0",
                "\"sliding_window\": 8, \"sliding_window_pattern\": \"LLG\" | true, true, false, true | 8, 8, 0, 8",
                "\"max_position_embeddings\": 32 | true, true, true, false | 4096, 4096, 4096, 0"
            })
    void windowsAndRotationOfExaone4GoTogether(String keys, String turned, String windows) throws Exception {
        Exaone4Config config = Exaone4Config.from(json(keys + ", \"model_type\": \"exaone4\""));
        assertEquals(
                "[" + turned + "]",
                config.placement().stream()
                        .map(one -> one.rope() != null)
                        .toList()
                        .toString());
        assertEquals(
                "[" + windows + "]",
                config.placement().stream().map(Placement::window).toList().toString());
    }

    @Test
    void windowsOfNoLengthAreRefused() throws Exception {
        String types =
                "\"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]";
        for (String family : List.of("exaone4", "cohere2")) {
            JsonObject json = json(types + ", \"sliding_window\": null, \"model_type\": \"" + family + "\"");
            String fault = assertThrows(CheckpointException.class, () -> {
                        if (family.equals("cohere2")) {
                            CohereConfig.from(json);
                        } else {
                            Exaone4Config.from(json);
                        }
                    })
                    .getMessage();
            assertTrue(fault.contains("layers of sliding_attention need a window"), fault);
        }
    }

    /** Command R states 8192 beside the length of its training; a Cohere 2 that is built otherwise is refused. */
    @Test
    void aCohereIsAsLongAsItsTrainingAndBuiltAsItsFamily() throws Exception {
        String longer = "\"max_position_embeddings\": 64, \"model_max_length\": 512, \"model_type\": \"cohere\"";
        assertEquals(512, CohereConfig.maxPositions(json(longer)));
        assertEquals(512, CohereConfig.from(json(longer)).sizes().maxPositions());
        assertEquals(
                128,
                CohereConfig.maxPositions(
                        json(longer + ", \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0}")));
        for (String other : List.of(
                "\"use_parallel_block\": false",
                "\"use_gated_activation\": false",
                "\"use_qk_norm\": true",
                "\"rotary_pct\": 0.5",
                "\"position_embedding_type\": \"alibi\"")) {
            assertThrows(
                    ConfigException.class,
                    () -> CohereConfig.from(json(other + ", \"model_type\": \"cohere2\"")),
                    other);
        }
        assertThrows(
                CheckpointException.class,
                () -> CohereConfig.from(json("\"sliding_window_pattern\": 2, \"model_type\": \"cohere2\"")));
        assertThrows(
                ConfigException.class, () -> CohereConfig.from(json("\"logit_scale\": 0, \"model_type\": \"cohere\"")));
    }

    /** A tenth is dropped where the file of a Seed-OSS says nothing, as in Transformers. */
    @Test
    void aSeedOssDropsATenth() throws Exception {
        SeedOssConfig silent = SeedOssConfig.from(json("\"model_type\": \"seed_oss\""));
        assertEquals(0.1, silent.residualDropout());
        assertEquals(0.1, silent.sizes().attentionDropout());
        assertTrue(silent.attentionBias() && !silent.outputBias());
        SeedOssConfig none = SeedOssConfig.from(
                json("\"attention_dropout\": 0.0, \"residual_dropout\": 0.0, \"model_type\": \"seed_oss\""));
        assertEquals(0, none.residualDropout() + none.sizes().attentionDropout());
        assertThrows(
                ConfigException.class,
                () -> Ernie45Config.from(json("\"attention_dropout\": 0.1, \"model_type\": \"ernie4_5\"")));
    }

    /** Half of a head is turned, of neighbours, where the file does not say. */
    @Test
    void aGlm4TurnsHalfOfEachHead() throws Exception {
        Glm4Config config = Glm4Config.from(json("\"model_type\": \"glm4\""));
        assertEquals(64, config.rope().dim());
        assertTrue(config.rope().neighbours() && config.attentionBias());
    }
}
