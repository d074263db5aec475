package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The files that versions of Transformers write of T5, and what of them is refused. */
class T5Test {
    private static final ModelOptions OPTIONS = ModelOptions.of(Task.SEQ2SEQ_LM);

    @TempDir
    Path directory;

    private interface Change {
        void to(Map<String, Tensor> tensors);
    }

    private Model open(String fixture, Consumer<ObjectNode> settings, Change change) throws IOException {
        write(fixture, settings, change);
        return Models.open(directory, OPTIONS);
    }

    private void write(String fixture, Consumer<ObjectNode> settings, Change change) throws IOException {
        Path from = Fixture.directory(fixture);
        ObjectNode config = Json.read(from.resolve("config.json")).toTree();
        settings.accept(config);
        Json.write(directory.resolve("config.json"), config);
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(from.resolve("model.safetensors"))) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : file.names()) {
                tensors.put(name, file.read(name));
            }
            change.to(tensors);
            SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors, Map.of());
        }
    }

    private static double[] logits(Model model, String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Fixture fixture = Fixture.open(name)) {
            return Tensors.toDoubles(model.logits(fixture.modelInput()));
        }
    }

    private void assertSame(String fixture, Consumer<ObjectNode> settings, Change change) throws IOException {
        double[] expected;
        Set<String> names;
        try (Model model = Models.open(Fixture.directory(fixture), OPTIONS)) {
            expected = logits(model, fixture);
            names = Set.copyOf(model.weights().asMap().keySet());
        }
        try (Model model = open(fixture, settings, change)) {
            assertEquals(names, model.weights().asMap().keySet());
            assertArrayEquals(expected, logits(model, fixture));
        }
    }

    /** Every file says that the two embeddings are one, and the states' scale beside it. */
    @Test
    void filesOfTransformers5AreReadAsItReadsThem() throws IOException {
        assertSame(
                "t5_gated",
                config -> config.put("tie_word_embeddings", true)
                        .put("scale_decoder_outputs", false)
                        .put("dense_act_fn", "gelu_new")
                        .put("is_gated_act", true),
                tensors -> {});
        assertSame("mt5", config -> config.put("tie_word_embeddings", true), tensors -> {});
        assertSame(
                "t5",
                config -> config.put("tie_word_embeddings", true)
                        .put("scale_decoder_outputs", true)
                        .put("dense_act_fn", "relu")
                        .put("is_gated_act", false),
                tensors -> {});
    }

    /** A T5 that does not scale its states may have the output embedding of its input. */
    @Test
    void whereTheFileHasNoHeadItIsTheEmbedding() throws IOException {
        try (Model model = open(
                "t5_gated",
                config -> config.put("tie_word_embeddings", true).put("scale_decoder_outputs", false),
                tensors -> tensors.remove("lm_head.weight"))) {
            assertFalse(model.weights().asMap().containsKey("lm_head.weight"));
            assertEquals(LogitScale.NONE, ((EncoderDecoder) model).logitScale());
            assertTrue(Tensors.bitEqual(model.head().weight(), model.weights().get("shared.weight")));
        }
        try (Model model = Models.open(Fixture.directory("t5"), OPTIONS)) {
            assertEquals(new LogitScale(Math.sqrt(24), 0), ((EncoderDecoder) model).logitScale());
            assertEquals(ModelDescription.ENDLESS, model.description().maxPositions());
        }
    }

    /** The first files have the vectors of tokens several times, and a bias that nothing reads; safetensors' save_model has them once. */
    @Test
    void copiesOfTheEmbeddingAreNoOtherModel() throws IOException {
        assertSame("t5", config -> config.put("n_positions", 512).put("output_past", true), tensors -> {
            Tensor shared = tensors.get("shared.weight");
            tensors.put("encoder.embed_tokens.weight", shared);
            tensors.put("decoder.embed_tokens.weight", shared);
            tensors.put("lm_head.weight", shared);
            tensors.put(
                    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
                    tensors.get("decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"));
        });
        assertSame(
                "t5",
                config -> {},
                tensors -> tensors.put("decoder.embed_tokens.weight", tensors.remove("shared.weight")));
        for (String name : new String[] {"encoder.embed_tokens.weight", "lm_head.weight"}) {
            String refusal = assertThrows(
                            IOException.class,
                            () -> open(
                                            "t5",
                                            config -> {},
                                            tensors -> tensors.put(
                                                    name,
                                                    tensors.get("shared.weight").add(new Scalar(1.0))))
                                    .close())
                    .getMessage();
            assertTrue(refusal.contains(name + " is not shared.weight"), refusal);
        }
    }

    @Test
    void aHeadOfItsOwnThatIsMissingIsRefused() throws IOException {
        for (String name : new String[] {"t5_gated", "mt5"}) {
            String refusal = assertThrows(
                            IOException.class,
                            () -> open(name, config -> {}, tensors -> tensors.remove("lm_head.weight"))
                                    .close())
                    .getMessage();
            assertTrue(refusal.contains("missing: lm_head.weight"), refusal);
        }
        // scaled by version 4 and not by 5
        assertThrows(
                IOException.class,
                () -> open(
                                "mt5",
                                config -> config.put("tie_word_embeddings", true),
                                tensors -> tensors.remove("lm_head.weight"))
                        .close());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "is_encoder_decoder | false | is_encoder_decoder must be true",
                "is_decoder | true | is_decoder must be false",
                "feed_forward_proj | gated-swirl | feed_forward_proj must be one of",
                "dense_act_fn | silu | dense_act_fn must be gelu_new, got \"silu\"",
                "is_gated_act | false | is_gated_act must be true",
                "relative_attention_num_buckets | 7 | relative_attention_num_buckets must be even, got 7",
                "relative_attention_max_distance | 8 | relative_attention_max_distance must be at least 9, got 8",
                "decoder_start_token_id | 90 | decoder_start_token_id must be",
                "dropout_rate | 1.5 | dropout_rate must",
                "num_decoder_layers | 0 | num_decoder_layers"
            })
    void whatCannotBeHonouredIsRefused(String key, String value, String fault) throws IOException {
        JsonNode setting =
                Json.parse(Path.of("value"), "{\"v\":" + quoted(value) + "}").node("v");
        write("t5_gated", config -> config.set(key, setting), tensors -> {});
        Exception refusal = assertThrows(
                Exception.class, () -> Models.open(directory, OPTIONS).close());
        assertTrue(refusal.getMessage().contains(fault), refusal.getMessage());
        assertTrue(refusal.getMessage().contains(directory.toString()), refusal.getMessage());
    }

    private static String quoted(String value) {
        return value.matches("true|false|[0-9.]+") ? value : '"' + value + '"';
    }

    /** An outline has the shapes of the file, for arithmetic. */
    @Test
    void anOutlineHasTheElementsOfTheModel() throws IOException {
        for (String name : new String[] {"t5", "t5_gated", "mt5", "bart", "mbart", "m2m_100"}) {
            try (Model outline = Models.outline(Fixture.directory(name), OPTIONS);
                    Model model = Models.open(Fixture.directory(name), OPTIONS)) {
                assertEquals(model.weights().elements(), outline.weights().elements(), name);
            }
        }
    }

    /** The bias of distances is float32 beside a model of a half type, and where it is learnt each block that is computed again leads to it. */
    @ParameterizedTest
    @CsvSource({"t5, BF16", "t5, F16", "t5_gated, BF16", "mt5, BF16"})
    void distancesAreLearntWhereBlocksOfAHalfTypeAreComputedAgain(String fixture, Dtype dtype) throws IOException {
        Map<Boolean, double[]> gradients = new LinkedHashMap<>();
        for (boolean twice : new boolean[] {false, true}) {
            try (NativeScope scope = new NativeScope();
                    Fixture read = Fixture.open(fixture);
                    Model model = Models.open(Fixture.directory(fixture), OPTIONS.withDtype(dtype))) {
                model.weights().trainable().values().forEach(weight -> weight.set_requires_grad(true));
                model.setGradientCheckpointing(twice);
                model.logits(read.modelInput())
                        .to(Dtype.F32.scalarType())
                        .mean()
                        .backward();
                String table = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
                gradients.put(
                        twice, Tensors.toDoubles(model.weights().get(table).grad()));
            }
        }
        double[] plain = gradients.get(false);
        double[] again = gradients.get(true);
        double off = 0;
        double norm = 0;
        for (int i = 0; i < plain.length; i++) {
            off += (again[i] - plain[i]) * (again[i] - plain[i]);
            norm += plain[i] * plain[i];
        }
        // what blocks that write find of the text is added up in another order, rounded to eight binary digits
        assertTrue(norm > 0 && off < norm * Math.pow(2, -10), "off by " + Math.sqrt(off / norm));
    }
}
