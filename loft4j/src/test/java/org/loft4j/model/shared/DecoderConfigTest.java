package org.loft4j.model.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.gemma3.Gemma3Config;
import org.loft4j.model.granite.GraniteConfig;
import org.loft4j.model.olmo2.Olmo2Config;
import org.loft4j.model.shared.DecoderAssembly.Placement;
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

    /** As DeepSeek-R1-0528-Qwen3-8B has it, whose numbers in Transformers are those without; and Yarn-Mistral. */
    @Test
    void settingsOfScalingThatNobodyKnowsAreToldAndWhatVllmTakesSaysHowToHaveIt() throws Exception {
        String yarn =
                ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 32";
        try (Logged log = new Logged(Rope.class)) {
            Rope plain = rope(yarn + ", \"finetuned\": true, \"hidden\": false}");
            assertEquals(List.of(), log.texts());
            assertEquals(plain, rope(yarn + ", \"attn_factor\": 0.8782488562869419}"));
            assertEquals(
                    List.of(
                            "rope_scaling.attn_factor = 0.8782488562869419 in config.json is not honoured, as Transformers"
                                    + " has it; vLLM multiplies by it: for its numbers, put \"attention_factor\": 1.0 into"
                                    + " rope_scaling of a copy of the model"),
                    log.texts());
            RopeScaling.Yarn asVllm = (RopeScaling.Yarn)
                    rope(yarn + ", \"attention_factor\": 1.0}").scaling();
            assertEquals(1, asVllm.attentionFactor());
        }
        try (Logged log = new Logged(Rope.class)) {
            rope(", \"rope_scaling\": " + LINEAR + ", \"attn_factor\": 0.5, \"high\": [1]}");
            assertEquals(
                    List.of("rope_scaling in config.json has settings that are not known and are not honoured:"
                            + " attn_factor = 0.5, high = [1]"),
                    log.texts());
        }
    }

    private static final String LINEAR = "{\"type\": \"linear\", \"factor\": 2";

    private static Rope rope(String more) throws CheckpointException {
        JsonObject json = json(more);
        return Rope.from(json, DecoderConfig.from(json, ABSENT), 10000);
    }

    @Test
    void theBaseIsReadFromEitherPlaceAndMustBeOne() throws Exception {
        String inside = ", \"rope_scaling\": " + LINEAR + ", \"rope_theta\": 5000}";
        assertEquals(5000, rope(inside).theta());
        assertEquals(5000, rope(inside + ", \"rope_theta\": 5000.0").theta());
        assertEquals(10000, rope(", \"rope_scaling\": " + LINEAR + "}").theta());
        for (String key : List.of("rope_scaling", "rope_parameters")) {
            String fault = assertThrows(
                            CheckpointException.class,
                            () -> rope(", \"rope_theta\": 1e6" + inside.replace("rope_scaling", key)))
                    .getMessage();
            assertTrue(
                    fault.contains("\"" + key + ".rope_theta\" is 5000.0, but rope_theta beside it is 1000000.0:"),
                    fault);
        }
    }

    @Test
    void ofTwoObjectsNoneIsDroppedInSilence() throws Exception {
        String older = ", \"rope_scaling\": " + LINEAR + "}";
        String same = ", \"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 2.0, \"rope_theta\": 5000.0}";
        assertEquals(new Rope(4, 5000, new RopeScaling.Linear(2)), rope(older + same));
        assertEquals(128, DecoderConfig.maxPositions(json(older + same), 128));
        String none = ", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 5000.0}";
        for (String newer : List.of(none, same.replace("2.0", "4.0"), same.replace("2.0", "null"))) {
            JsonObject json = json(older + newer);
            DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
            String fault = assertThrows(CheckpointException.class, () -> Rope.from(json, sizes, 10000))
                    .getMessage();
            assertTrue(fault.contains("\"rope_scaling\" and rope_parameters say different things"), fault);
            assertThrows(CheckpointException.class, () -> DecoderConfig.maxPositions(json, 128));
        }
        assertThrows(CheckpointException.class, () -> rope(", \"rope_parameters\": {\"full_attention\": {}}"));
    }

    @Test
    void gemmasLayersHaveTheSameRuleForEachKind() throws Exception {
        String older = ", \"rope_scaling\": " + LINEAR + "}, \"rope_local_base_freq\": 700";
        String full = "\"full_attention\": {\"rope_type\": \"linear\", \"factor\": 2, \"rope_theta\": 5000}";
        String sliding = "\"sliding_attention\": {\"rope_type\": \"default\"}";
        JsonObject both = json(older + ", \"rope_parameters\": {" + full + ", " + sliding + "}");
        Gemma3Config read = Gemma3Config.from(both);
        assertEquals(
                new Rope(256, 700, new RopeScaling.None()),
                read.placement().get(0).rope());
        JsonObject all = json(older + ", \"layer_types\": [\"full_attention\", \"sliding_attention\"],"
                + " \"rope_parameters\": {" + full + ", " + sliding + "}");
        Rope global = Gemma3Config.from(all).placement().get(0).rope();
        assertEquals(new Rope(256, 5000, new RopeScaling.Linear(2)), global);
        JsonObject longer = json(", \"max_position_embeddings\": 32, \"rope_parameters\": {"
                + full.replace("linear", "dynamic") + ", " + sliding + "}");
        assertEquals(64, Gemma3Config.maxPositions(longer));
        JsonObject torn = json(older + ", \"rope_parameters\": {" + full.replace("linear", "dynamic") + "}");
        assertThrows(CheckpointException.class, () -> Gemma3Config.from(torn));
        assertThrows(CheckpointException.class, () -> Gemma3Config.maxPositions(torn));
        JsonObject bases = json(older + ", \"rope_parameters\": {\"sliding_attention\": {\"rope_theta\": 900}}");
        assertThrows(CheckpointException.class, () -> Gemma3Config.from(bases));
    }

    /** As Transformers 4.57 and, in {@code rope_parameters}, its version 5 write them; some between know one object for all. */
    @Test
    void theLayersWithAWindowOfOlmo3RotateWithoutScaling() throws Exception {
        String older = ", \"rope_scaling\": " + LINEAR + "}, \"rope_theta\": 5000";
        String newer = ", \"rope_parameters\": {\"full_attention\": " + LINEAR + ", \"rope_theta\": 5000},"
                + " \"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 5000}}";
        Placement full = new Placement(new Rope(4, 5000, new RopeScaling.Linear(2), true, false), 0);
        Placement windowed = new Placement(new Rope(4, 5000, new RopeScaling.None(), true, false), 6);
        for (String rope : List.of(older, newer, older + newer)) {
            assertEquals(
                    List.of(windowed, windowed, windowed, full, windowed),
                    olmo3(rope).placement());
        }
        String types = ", \"layer_types\": [\"full_attention\", \"full_attention\", \"full_attention\","
                + " \"sliding_attention\", \"full_attention\"]";
        assertEquals(
                List.of(full, full, full, windowed, full), olmo3(older + types).placement());
        String longer = older.replace("linear", "dynamic");
        assertEquals(4096, Olmo2Config.maxPositions(json(longer + ", \"model_type\": \"olmo3\"")));

        String flat = ", \"rope_parameters\": " + LINEAR + ", \"rope_theta\": 5000}";
        CheckpointException fault = assertThrows(CheckpointException.class, () -> olmo3(flat));
        assertTrue(
                fault.getMessage().contains("\"rope_parameters\" must have an object for each kind of layers"),
                fault.getMessage());
        assertTrue(
                fault.getMessage().contains(": put into each what its layers were trained with"), fault.getMessage());
        fault = assertThrows(CheckpointException.class, () -> olmo3(""));
        assertTrue(fault.getMessage().contains("\"rope_theta\" must be stated"), fault.getMessage());
    }

    private static Olmo2Config olmo3(String rope) throws Exception {
        return Olmo2Config.from(Json.parse(
                Path.of("config.json"),
                "{\"model_type\": \"olmo3\", \"vocab_size\": 50, \"hidden_size\": 32, \"num_hidden_layers\": 5,"
                        + " \"num_attention_heads\": 8, \"intermediate_size\": 64, \"sliding_window\": 6" + rope
                        + "}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling"})
    void granitesMultipliersArePositive(String key) throws Exception {
        GraniteConfig.from(json(", \"" + key + "\": 0.5"));
        for (String bad : List.of("0", "-2.0")) {
            String fault = assertThrows(
                            ConfigException.class, () -> GraniteConfig.from(json(", \"" + key + "\": " + bad)))
                    .getMessage();
            assertTrue(fault.startsWith(key + " must be"), fault);
        }
    }

    /** In products and sums they are numbers of the model's type, and the engine takes none beyond. */
    @ParameterizedTest
    @ValueSource(strings = {"attention_multiplier", "residual_multiplier"})
    void granitesMultipliersAreNumbersOfAHalfType(String key) throws Exception {
        GraniteConfig.from(json(", \"" + key + "\": 65504"));
        String fault = assertThrows(ConfigException.class, () -> GraniteConfig.from(json(", \"" + key + "\": 1e308")))
                .getMessage();
        assertEquals(key + " must be at most 65504, the largest number of float16, got 1.0E308", fault);
    }

    @Test
    void rotaryParametersThatNameNoKindOfLayersAreRefusedWhereThereAreTwo() throws Exception {
        JsonObject flat = json(", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 5000.0}");
        CheckpointException fault = assertThrows(CheckpointException.class, () -> Gemma3Config.from(flat));
        assertTrue(fault.getMessage().contains("rope_parameters"), fault.getMessage());
    }
}
