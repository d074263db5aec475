package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.llama4.Llama4Config;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.RopeScaling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What Llama 4 has beyond other families. */
class Llama4Test {
    private static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);

    @TempDir
    Path folder;

    private static JsonObject config(String text) throws CheckpointException {
        return Json.parse(Path.of("config.json"), text);
    }

    /** The settings of Scout as the hub's files have them, the first ones and those of later on. */
    @ParameterizedTest
    @ValueSource(strings = {"4", "true"})
    void scoutIsReadAsTheHubHasIt(String tuning) throws IOException {
        String layers = tuning.equals("4")
                ? "[]"
                : "[1, 1, 1, 0".concat(", 1, 1, 1, 0".repeat(11)).concat("]");
        JsonObject json = config("""
                {"architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4", "boi_token_index": 200080,
                 "eoi_token_index": 200081, "image_token_index": 200092, "torch_dtype": "bfloat16",
                 "vision_config": {"model_type": "llama4_vision_model"},
                 "text_config": {"_attn_implementation_autoset": true, "attention_bias": false, "attention_chunk_size": 8192,
                  "attention_dropout": 0.0, "attn_scale": 0.1, "attn_temperature_tuning": %s, "bos_token_id": 200000,
                  "cache_implementation": "hybrid", "eos_token_id": [200001, 200007, 200008], "floor_scale": 8192,
                  "for_llm_compressor": false, "head_dim": 128, "hidden_act": "silu", "hidden_size": 5120,
                  "initializer_range": 0.02, "interleave_moe_layer_step": 1, "intermediate_size": 8192,
                  "intermediate_size_mlp": 16384, "max_position_embeddings": 10485760, "model_type": "llama4_text",
                  "no_rope_layers": %s, "num_attention_heads": 40, "num_experts_per_tok": 1, "num_hidden_layers": 48,
                  "num_key_value_heads": 8, "num_local_experts": 16, "output_router_logits": false, "pad_token_id": 200018,
                  "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 16.0, "high_freq_factor": 1.0, "low_freq_factor": 1.0,
                  "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
                  "router_aux_loss_coef": 0.001, "router_jitter_noise": 0.0, "use_cache": true, "use_qk_norm": true,
                  "vocab_size": 202048}}
                """.formatted(tuning, layers));
        Llama4Config config = Llama4Config.from(json);
        assertEquals(10485760, Llama4Config.maxPositions(json));
        assertTrue(config.norms());
        for (int i = 0; i < 48; i++) {
            Placement placement = config.placement().get(i);
            boolean whole = i % 4 == 3;
            assertEquals(whole ? 0 : 8192, placement.window());
            assertEquals(!whole, placement.inChunks());
            assertEquals(
                    whole ? RopeScaling.GrowingQueries.unturned(0.1, 8192) : new RopeScaling.Llama3(16, 1, 1, 8192),
                    placement.rope().scaling());
            assertEquals(!whole, config.turned().get(i));
        }
    }

    /** Maverick has experts in every other block, 128 of them. */
    @Test
    void maverickIsReadAsTheHubHasIt() throws IOException {
        Llama4Config config = Llama4Config.from(config("""
                {"model_type": "llama4", "text_config": {"attn_temperature_tuning": 4, "interleave_moe_layer_step": 2,
                 "max_position_embeddings": 1048576, "moe_layers": [1, 3, 5, 7], "num_hidden_layers": 8, "no_rope_layers": [],
                 "num_local_experts": 128, "rope_scaling": null, "use_qk_norm": false, "head_dim": null}}
                """));
        assertEquals(5120, config.sizes().hiddenSize());
        assertEquals(128, config.sizes().headDim());
        assertEquals(8, config.sizes().keyValueHeads());
        assertEquals(16384, config.denseWidth());
        Llama4Config byStep = Llama4Config.from(config("""
                {"model_type": "llama4", "text_config": {"interleave_moe_layer_step": 2, "num_hidden_layers": 8}}
                """));
        assertEquals(8, byStep.placement().size());
    }

    /** As Llama Guard 4 is: no block has experts, and of none there is a number. */
    @Test
    void aDenseOneNeedsNoNumberOfExperts() throws IOException {
        JsonObject json = config("""
                {"model_type": "llama4", "text_config": {"interleave_moe_layer_step": 0, "moe_layers": [], "num_experts_per_tok": 0,
                 "num_hidden_layers": 8, "num_local_experts": 0}}
                """);
        Llama4Config config = Llama4Config.from(json);
        assertEquals(8, config.placement().size());
        assertEquals(16384, config.denseWidth());
    }

    /** To Transformers null is no flag that is set. */
    @Test
    void flagsThatAreNullAreFalse() throws IOException {
        Llama4Config config = Llama4Config.from(config("""
                {"model_type": "llama4", "text_config": {"attn_temperature_tuning": null, "num_hidden_layers": 4,
                 "use_qk_norm": null}}
                """));
        assertFalse(config.norms());
        assertNull(config.placement().get(3).rope());
    }

    @Test
    void temperaturesThatMakeNoSenseAreRefused() {
        for (String setting : List.of("\"floor_scale\": 0", "\"attn_scale\": -1")) {
            String said = assertThrows(
                            Exception.class,
                            () -> Llama4Config.from(
                                    config("{\"model_type\": \"llama4\", \"text_config\": {" + setting + "}}")))
                    .getMessage();
            assertTrue(said.contains(setting.substring(1, setting.indexOf('"', 1))), said);
        }
    }

    /** Texts of many chunks, read in parts, in a batch whose rows begin elsewhere. */
    @ParameterizedTest
    @ValueSource(strings = {"llama4", "llama4_text"})
    void whatIsReadInPartsIsReadAsAWhole(String name) throws IOException {
        long[] lengths = {61, 58, 33};
        int columns = 61;
        SplittableRandom random = new SplittableRandom(4);
        long[] ids = random.longs(3L * columns, 4, 44).toArray();
        long[] mask = new long[ids.length];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = i % columns >= columns - lengths[i / columns] ? 1 : 0;
        }
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                KeyValueCache cache = new KeyValueCache();
                Decoder model = (Decoder) Models.open(Fixture.directory(name), LANGUAGE_MODEL.withDtype(Dtype.F64))) {
            Tensor all = Tensors.of(ids, 3, columns);
            Tensor masks = Tensors.of(mask, 3, columns);
            int read = 0;
            for (int part : new int[] {31, 1, 1, 7, 3, 1, 12, 1, 1, 1, 1, 1}) {
                Tensor next = model.nextLogits(
                        all.narrow(1, read, part),
                        masks.narrow(1, 0, read + part).contiguous(),
                        cache);
                read += part;
                for (int row = 0; row < lengths.length; row++) {
                    long first = columns - lengths[row];
                    Tensor alone =
                            model.logits(new TokenInput(all.narrow(0, row, 1).narrow(1, first, read - first), null));
                    double off = alone.select(1, read - first - 1)
                            .sub(next.narrow(0, row, 1))
                            .abs()
                            .max()
                            .item_double();
                    assertTrue(off < 1e-9, "row " + row + " after " + read + " is off by " + off);
                }
            }
            assertEquals(columns, read);
        }
    }

    /** PEFT takes in and out of these matrices for one another: their module does not say that they are turned. */
    @Test
    void factorsOfExpertsAreWrittenAsPeftHasThem() throws IOException {
        Path adapted = Fixture.directory("llama4_text").resolve("adapter");
        try (Model model = Models.open(Fixture.directory("llama4_text"), LANGUAGE_MODEL)) {
            try (LoraAdapter adapter = PeftFiles.load(adapted, model)) {
                PeftFiles.save(folder, adapter, model, new PeftMetadata("llama4_text", null));
            }
            try (NativeScope scope = new NativeScope();
                    SafetensorsFile theirs = SafetensorsFile.open(adapted.resolve(PeftFiles.WEIGHTS));
                    SafetensorsFile ours = SafetensorsFile.open(folder.resolve(PeftFiles.WEIGHTS))) {
                assertEquals(Set.copyOf(theirs.names()), Set.copyOf(ours.names()));
                for (String name : theirs.names()) {
                    assertTrue(Tensors.bitEqual(theirs.read(name), ours.read(name)), name);
                }
            }
        }
    }

    /** What a module of the class for images would be called, as PEFT names it there. */
    @Test
    void anAdapterWithTheNamesOfTheClassForImagesIsRead() throws IOException {
        Path base = Fixture.directory("llama4");
        LoraConfig lora = LoraConfig.of(2, 4, TargetModules.allLinear());
        try (Model model = Models.open(base, LANGUAGE_MODEL);
                NativeScope scope = new NativeScope();
                LoraAdapter adapter = LoraAdapter.create(model, lora, 1)) {
            assertTrue(adapter.layers().keySet().stream().noneMatch(path -> path.contains("router")));
            assertEquals(4 * 7, adapter.layers().size());
            PeftFiles.save(folder, adapter, model, new PeftMetadata("llama4", null));
        }
        ObjectNode settings = Json.read(folder.resolve(PeftFiles.CONFIG)).toTree();
        assertEquals("CAUSAL_LM", settings.path("task_type").asText());
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(folder.resolve(PeftFiles.WEIGHTS))) {
            Map<String, Tensor> inner = new LinkedHashMap<>();
            for (String name : file.names()) {
                inner.put(name.replace("base_model.model.", "base_model.model.language_model."), file.read(name));
            }
            Path other = Files.createDirectories(folder.resolve("inner"));
            SafetensorsWriter.write(other.resolve(PeftFiles.WEIGHTS), inner, Map.of("format", "pt"));
            Json.write(other.resolve(PeftFiles.CONFIG), settings);
            try (Model model = Models.open(base, LANGUAGE_MODEL);
                    LoraAdapter adapter = PeftFiles.load(other, model)) {
                assertEquals(4 * 7, adapter.layers().size());
            }
        }
    }
}
