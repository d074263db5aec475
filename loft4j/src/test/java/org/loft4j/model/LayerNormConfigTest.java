package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.Logged;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.gemma.GemmaConfig;
import org.loft4j.model.gptneo.GptNeoConfig;
import org.loft4j.model.gptneox.GptNeoxConfig;
import org.loft4j.model.opt.OptConfig;
import org.loft4j.model.phi.PhiConfig;
import org.loft4j.model.starcoder2.Starcoder2Config;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** What the config.json of GPT-NeoX, Phi, Gemma 1, StarCoder 2, OPT and GPT-Neo may say. */
class LayerNormConfigTest {
    @TempDir
    Path directory;

    /** Heads of 8: Transformers 4 writes the first, 5 the second, versions between them the third. */
    @ParameterizedTest
    @CsvSource({
        "'\"rotary_pct\": 0.5, \"rotary_emb_base\": 500', 4, 500",
        "'\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 500, \"partial_rotary_factor\": 0.5}', 4, 500",
        "'\"rotary_pct\": 0.5, \"partial_rotary_factor\": 0.5, \"rotary_emb_base\": 500, \"rope_theta\": 500', 4, 500",
        "'\"rotary_pct\": 1.0', 8, 10000",
        "'\"use_cache\": true', 2, 10000"
    })
    void gptNeoxHasItsRotationUnderTwoNames(String settings, int dim, double theta) throws IOException {
        GptNeoxConfig config = GptNeoxConfig.from(of("gpt_neox", settings));
        assertEquals(dim, config.rope().dim());
        assertEquals(theta, config.rope().theta());
        assertTrue(config.parallel());
    }

    @ParameterizedTest
    @CsvSource({
        "gpt_neox, '\"rotary_pct\": 0.5, \"partial_rotary_factor\": 0.25', '\"rotary_pct\" is 0.5, but partial_rotary_factor is 0.25'",
        "gpt_neox, '\"rotary_emb_base\": 5, \"rope_theta\": 6', '\"rotary_emb_base\" is 5.0, but rope_theta is 6'",
        "gpt_neox, '\"rotary_pct\": 0.5, \"rope_parameters\": {\"partial_rotary_factor\": 0.25}', 'is 0.25, but partial_rotary_factor beside it is 0.5'",
        "gpt_neox, '\"num_key_value_heads\": 2', 'num_key_value_heads must be num_attention_heads, 4, got 2'",
        "gpt_neox, '\"head_dim\": 16', 'head_dim must be hidden_size / num_attention_heads in gpt_neox, got 16, 32 and 4'",
        "gpt_neox, '\"layer_norm_eps\": 0', layer_norm_eps must be",
        "gpt_neox, '\"hidden_act\": \"selu\"', hidden_act must be one of",
        "phi, '\"resid_pdrop\": 2', resid_pdrop must",
        "phi, '\"partial_rotary_factor\": 0.1', head_dim times partial_rotary_factor must be even",
        "phi, '\"partial_rotary_factor\": 3', 'partial_rotary_factor must be at most 1, got 3.0'",
        "starcoder2, '\"mlp_type\": \"gated\"', mlp_type must be default",
        "starcoder2, '\"norm_type\": \"rms_norm\"', norm_type must be layer_norm",
        "starcoder2, '\"scale_attn_weights\": false', scale_attn_weights must be true",
        "starcoder2, '\"norm_epsilon\": -1', norm_epsilon must be",
        "gpt_neo, '\"attention_types\": [[[\"global\", \"local\"], 2]]', '\"attention_types\" must name as many layers as num_layers, 2, found 4'",
        "gpt_neo, '\"attention_types\": [[[\"global\", \"sparse\"], 1]]', 'may hold global and local only, found sparse'",
        "gpt_neo, '\"attention_types\": [[\"global\", 2]]', 'must hold lists of types with a number of times'",
        "gpt_neo, '\"attention_types\": [[[], 2]]', 'must hold lists of types with a number of times'",
        "gpt_neo, '\"attention_types\": [[[\"global\"], 2]], \"attention_layers\": [\"global\", \"local\"]', '\"attention_layers\" must be what attention_types makes, [global, global], found [global, local]'",
        "gpt_neo, '\"attention_types\": [[[\"global\"], 2]], \"window_size\": 0', window_size must be",
        "gpt_neo, '\"attention_types\": [[[\"global\"], 2]], \"resid_dropout\": 2', resid_dropout must",
        "gpt_neo, '\"num_layers\": 3', 'must be num_layers where both are given, found 2 and 3'",
        "opt, '\"layerdrop\": 0.1', 'layerdrop must be 0.0 or 0, got 0.1'",
        "opt, '\"learned_embeddings\": false', learned_embeddings must be true",
        "opt, '\"scale_embeddings\": true', scale_embeddings must be false",
        "opt, '\"ffn_dim\": 0', ffn_dim must be",
        "opt, '\"word_embed_proj_dim\": 0', word_embed_proj_dim must be",
        "opt, '\"dropout\": 1.5', dropout must",
        "opt, '\"activation_function\": \"selu\"', activation_function must be one of",
        "gemma, '\"use_bidirectional_attention\": true', use_bidirectional_attention must be false"
    })
    void whatIsNotHonouredIsRefused(String family, String settings, String fault) throws IOException {
        JsonObject json = of(family, settings);
        String said = assertThrows(Exception.class, () -> read(family, json)).getMessage();
        assertTrue(said.contains(fault), said);
    }

    /** Of a head of 8 half is rotated where Phi's file does not say, and StarCoder's heads share two of keys. */
    @Test
    void whereFilesAreSilentTheFamilysValueIsMeant() throws IOException {
        PhiConfig phi = PhiConfig.from(of("phi", "\"use_cache\": true"));
        assertEquals(4, phi.rope().dim());
        assertFalse(phi.headNorms());
        assertEquals(Activation.GELU_TANH, phi.sizes().activation());
        Starcoder2Config starcoder = Starcoder2Config.from(of("starcoder2", "\"use_cache\": true"));
        assertEquals(2, starcoder.sizes().keyValueHeads());
        assertTrue(starcoder.sizes().tieWordEmbeddings() && starcoder.bias());
        assertEquals(0, starcoder.slidingWindow());
        GemmaConfig gemma = GemmaConfig.from(of("gemma", "\"num_key_value_heads\": 1"));
        assertEquals(256, gemma.sizes().headDim());
        assertEquals(0, gemma.sizes().padTokenId());
    }

    /** The first files of Gemma name another activation than it was trained with. */
    @ParameterizedTest
    @CsvSource({
        "'\"hidden_act\": \"gelu\"', GELU_TANH, 1",
        "'\"hidden_act\": \"gelu\", \"hidden_activation\": null', GELU_TANH, 1",
        "'\"hidden_act\": \"gelu_pytorch_tanh\"', GELU_TANH, 0",
        "'\"hidden_act\": \"gelu\", \"hidden_activation\": \"gelu\"', GELU, 0",
        "'\"hidden_act\": \"silu\"', SILU, 0"
    })
    void gemmaIsComputedWithTheActivationOfItsTraining(String settings, Activation activation, int warnings)
            throws IOException {
        try (Logged log = new Logged(GemmaConfig.class)) {
            GemmaConfig config = GemmaConfig.from(of("gemma", "\"num_key_value_heads\": 1, " + settings));
            assertEquals(activation, config.sizes().activation());
            assertEquals(warnings, log.texts().size(), log.texts().toString());
        }
    }

    /** The file has masks and frequencies in bool and float16, as Pythia's have them. */
    @Test
    void buffersOfOldFilesArePassedOver() throws IOException {
        Path pythia = Fixture.directory("gpt_neox");
        try (Logged log = new Logged(org.loft4j.io.ParameterReader.class);
                Model model = Models.open(pythia, ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(List.of(), log.texts());
            assertTrue(model.weights().asMap().keySet().stream().noneMatch(name -> name.endsWith(".attention.bias")));
            assertEquals("embed_out", model.head().path());
        }
    }

    /** Files fine-tuned before the norm behind the last block was found missing say so; norms of the sums leave none to be there. */
    @ParameterizedTest
    @CsvSource({
        "'\"_remove_final_layer_norm\": true', true, false, 1",
        "'\"do_layer_norm_before\": false, \"word_embed_proj_dim\": 16', false, false, 1",
        "'\"pad_token_id\": null', true, true, -1"
    })
    void optHasNormsWhereItsFileSays(String settings, boolean first, boolean last, long pad) throws IOException {
        OptConfig config = OptConfig.from(of("opt", settings));
        assertEquals(first, config.normFirst());
        assertEquals(last, config.finalNorm());
        assertEquals(pad, config.sizes().padTokenId());
    }

    private static Object read(String family, JsonObject json) throws IOException {
        return switch (family) {
            case "gpt_neox" -> GptNeoxConfig.from(json);
            case "phi" -> PhiConfig.from(json);
            case "gemma" -> GemmaConfig.from(json);
            case "gpt_neo" -> GptNeoConfig.from(json);
            case "opt" -> OptConfig.from(json);
            default -> Starcoder2Config.from(json);
        };
    }

    private JsonObject of(String family, String settings) throws IOException {
        Path file = directory.resolve("config.json");
        Files.writeString(
                file,
                "{\"model_type\": \"" + family + "\", \"vocab_size\": 9, \"hidden_size\": 32, \"num_hidden_layers\": 2,"
                        + " \"num_attention_heads\": 4, \"intermediate_size\": 48, " + settings + "}");
        return Json.read(file);
    }
}
