package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.granite.Granite4Config;
import org.loft4j.model.lfm2.Lfm2Config;

/** What the config.json of LFM2 and of Granite 4 may say. */
class Lfm2GraniteConfigTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    /** The rule of Lfm2MLP: 12288 is 8192 in the model of 1.2B, and 10752 is 7168. */
    @ParameterizedTest
    @CsvSource({
        "'\"block_ff_dim\": 12288', 8192",
        "'\"block_ff_dim\": 10752, \"intermediate_size\": 5', 7168",
        "'\"intermediate_size\": 1000', 768",
        "'\"block_ff_dim\": 1000, \"block_multiple_of\": 10', 670",
        "'\"block_ff_dim\": 1000, \"block_multiple_of\": 10, \"block_ffn_dim_multiplier\": 0.5', 340",
        "'\"block_ff_dim\": 1000, \"block_ffn_dim_multiplier\": null', 666",
        "'\"block_ff_dim\": 1000, \"block_auto_adjust_ff_dim\": false', 1000"
    })
    void theWidthOfLfm2FollowsItsRule(String settings, long width) throws IOException {
        assertEquals(width, Lfm2Config.from(lfm2(settings)).sizes().intermediateSize());
    }

    @ParameterizedTest
    @CsvSource({
        "'', true",
        "'\"tie_word_embeddings\": false', false",
        "'\"tie_embedding\": false', false",
        "'\"tie_embedding\": true, \"tie_word_embeddings\": false', true"
    })
    void theOwnWordForTiedEmbeddingsGoesFirst(String settings, boolean tied) throws IOException {
        String rest = settings.isEmpty() ? "" : ", " + settings;
        assertEquals(
                tied,
                Lfm2Config.from(lfm2("\"block_ff_dim\": 96" + rest)).sizes().tieWordEmbeddings());
    }

    @Test
    void layersOfLfm2AreNamedInOneOfTwoWays() throws IOException {
        assertEquals(
                List.of(true, false, true),
                Lfm2Config.from(lfm2("\"block_ff_dim\": 96, \"full_attn_idxs\": [1]"))
                        .convolves());
        assertEquals(
                List.of(false, false, true),
                Lfm2Config.from(lfm2("\"block_ff_dim\": 96, \"full_attn_idxs\": [2],"
                                + " \"layer_types\": [\"full_attention\", \"full_attention\", \"conv\"]"))
                        .convolves());
        assertEquals(
                List.of(false, false, false),
                Lfm2Config.from(lfm2("\"block_ff_dim\": 96")).convolves());
    }

    @ParameterizedTest
    @CsvSource({
        "'\"hidden_act\": \"gelu\"', hidden_act must be silu",
        "'\"block_use_swiglu\": false', block_use_swiglu must be true",
        "'\"use_pos_enc\": false', use_pos_enc must be true",
        "'\"norm_eps\": 0', norm_eps must be",
        "'\"conv_L_cache\": 0', conv_L_cache",
        "'\"full_attn_idxs\": [3]', '\"full_attn_idxs\" must be numbers of layers, from 0 to 2, found 3'",
        "'\"layer_types\": [\"conv\"]', '\"layer_types\" must have one entry for each of 3 layers'",
        "'\"layer_types\": [\"mamba\", \"conv\", \"conv\"]', '\"layer_types\" may hold conv and full_attention only'"
    })
    void whatLfm2DoesNotHonourIsRefused(String settings, String fault) throws IOException {
        JsonObject json = lfm2("\"block_ff_dim\": 96, " + settings);
        String said = assertThrows(Exception.class, () -> Lfm2Config.from(json)).getMessage();
        assertTrue(said.contains(fault), said);
    }

    private JsonObject lfm2(String settings) throws IOException {
        return read("{\"model_type\": \"lfm2\", \"vocab_size\": 9, \"hidden_size\": 32, \"num_hidden_layers\": 3,"
                + " \"num_attention_heads\": 8, " + settings + "}");
    }

    private JsonObject read(String text) throws IOException {
        Path file = directory.resolve("config.json");
        Files.writeString(file, text);
        return Json.read(file);
    }

    private JsonObject granite(String settings) throws IOException {
        ObjectNode tree = (ObjectNode) JSON.readTree(
                Files.readString(Fixture.directory("granitemoehybrid_h").resolve("config.json")));
        tree.setAll((ObjectNode) JSON.readTree("{" + settings + "}"));
        return read(tree.toString());
    }

    @Test
    void bothWordsForALayerOfGranite4AreRead() throws IOException {
        assertEquals(
                List.of(true, false, true, false),
                Granite4Config.from(
                                granite(
                                        "\"layer_types\": [\"mamba\", \"attention\", \"linear_attention\", \"full_attention\"]"))
                        .remembers());
    }

    @Test
    void theOtherNameOfTheLayersKindsIsRead() throws IOException {
        JsonObject json = granite("\"layer_types\": null,"
                + " \"layers_block_type\": [\"attention\", \"mamba\", \"attention\", \"attention\"]");
        assertEquals(
                List.of(false, true, false, false), Granite4Config.from(json).remembers());
    }

    @Test
    void granite4RotatesWhereItSaysSoAlone() throws IOException {
        assertNotNull(Granite4Config.from(granite("\"position_embedding_type\": \"rope\""))
                .rope());
        assertNull(Granite4Config.from(granite("\"position_embedding_type\": \"nope\""))
                .rope());
        assertNull(Granite4Config.from(granite("\"position_embedding_type\": null"))
                .rope());
    }

    /** As Python writes infinity, and as Transformers 5 does. */
    @ParameterizedTest
    @CsvSource({"'[0.0, Infinity]'", "'[0.0, {\"__float__\": \"Infinity\"}]'", "null"})
    void stepsWithoutLimitsAreNoLimits(String limits) throws IOException {
        String text = granite("").toTree().toString();
        JsonObject json = read(text.substring(0, text.length() - 1) + ", \"time_step_limit\": " + limits + "}");
        Granite4Config.from(json);
        Path written = directory.resolve("written.json");
        Json.write(written, json.toTree());
        Granite4Config.from(Json.read(written));
    }

    @ParameterizedTest
    @CsvSource({
        "'\"num_local_experts\": 4, \"num_experts_per_tok\": 5', 'num_experts_per_tok must be'",
        "'\"num_local_experts\": null, \"num_experts_per_tok\": 9', 'num_experts_per_tok must be'",
        "'\"num_local_experts\": 4, \"num_experts_per_tok\": 2, \"output_router_logits\": true', 'output_router_logits must be false'",
        "'\"position_embedding_type\": \"alibi\"', position_embedding_type must be rope or nope",
        "'\"normalization_function\": \"layernorm\"', normalization_function must be rmsnorm",
        "'\"time_step_limit\": [0.001, 0.1]', time_step_limit must be 0 and infinity",
        "'\"mamba_n_heads\": 3', mamba_n_heads times mamba_d_head must be mamba_expand times hidden_size",
        "'\"mamba_n_groups\": 3', mamba_n_heads must be a multiple of mamba_n_groups",
        "'\"residual_multiplier\": 0', residual_multiplier",
        "'\"layer_types\": [\"conv\", \"mamba\", \"mamba\", \"mamba\"]', '\"layer_types\" may hold mamba, linear_attention, attention and full_attention only, found conv'"
    })
    void whatGranite4DoesNotHonourIsRefused(String settings, String fault) throws IOException {
        JsonObject json = granite(settings);
        String said =
                assertThrows(Exception.class, () -> Granite4Config.from(json)).getMessage();
        assertTrue(said.contains(fault), said);
    }
}
