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
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The files of BART, mBART, M2M-100 and PEGASUS, and what of them is refused. */
class BartTest {
    private static final ModelOptions OPTIONS = ModelOptions.of(Task.SEQ2SEQ_LM);

    @TempDir
    Path directory;

    private interface Change {
        void to(Map<String, Tensor> tensors);
    }

    private Model open(String fixture, Change change) throws IOException {
        Path from = Fixture.directory(fixture);
        Json.write(
                directory.resolve("config.json"),
                Json.read(from.resolve("config.json")).toTree());
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(from.resolve("model.safetensors"))) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : file.names()) {
                tensors.put(name, file.read(name));
            }
            change.to(tensors);
            SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors, Map.of());
        }
        return Models.open(directory, OPTIONS);
    }

    private static double[] logits(Model model, String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Fixture fixture = Fixture.open(name)) {
            return Tensors.toDoubles(model.logits(fixture.modelInput()));
        }
    }

    private void assertSame(String fixture, Change change) throws IOException {
        double[] expected;
        try (Model model = Models.open(Fixture.directory(fixture), OPTIONS)) {
            expected = logits(model, fixture);
        }
        try (Model model = open(fixture, change)) {
            assertArrayEquals(expected, logits(model, fixture), 1e-6);
        }
    }

    /** That of the class without a head has names of its own; others have the vectors of tokens several times, or under another name. */
    @Test
    void filesThatSpellTheNamesOtherwiseAreTheSameModel() throws IOException {
        assertSame("m2m_100", tensors -> {
            for (String name : tensors.keySet().toArray(String[]::new)) {
                tensors.put(name.replaceFirst("^model\\.", ""), tensors.remove(name));
            }
        });
        assertSame("bart", tensors -> {
            Tensor shared = tensors.get("model.shared.weight");
            tensors.put("model.encoder.embed_tokens.weight", shared);
            tensors.put("lm_head.weight", shared);
        });
        assertSame(
                "bart",
                tensors -> tensors.put("model.encoder.embed_tokens.weight", tensors.remove("model.shared.weight")));
    }

    /** PEGASUS' sines and cosines are those of its file, or made anew where that has none. */
    @Test
    void positionsThatAreComputedNeedNotBeInTheFile() throws IOException {
        assertSame("pegasus", tensors -> tensors.keySet().removeIf(name -> name.endsWith(".embed_positions.weight")));
    }

    @Test
    void theBiasOfTheLogitsIsABufferThatMayBeMissing() throws IOException {
        double[] with;
        try (Model model = Models.open(Fixture.directory("bart"), OPTIONS)) {
            assertTrue(model.weights().isFixed("final_logits_bias"));
            assertTrue(!model.weights().trainable().containsKey("final_logits_bias"));
            with = logits(model, "bart");
        }
        double[] bias = new double[60];
        try (Model model = open("bart", tensors -> {
            double[] read = Tensors.toDoubles(tensors.remove("final_logits_bias"));
            System.arraycopy(read, 0, bias, 0, read.length);
        })) {
            double[] without = logits(model, "bart");
            for (int i = 0; i < with.length; i++) {
                assertEquals(with[i] - bias[i % 60], without[i], 1e-5);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.decoder.embed_tokens.weight", "lm_head.weight"})
    void anotherEmbeddingThanTheSharedOneIsRefused(String name) {
        String refusal = assertThrows(
                        IOException.class,
                        () -> open(
                                        "bart",
                                        tensors -> tensors.put(
                                                name,
                                                tensors.get("model.shared.weight")
                                                        .add(new Scalar(1.0))))
                                .close())
                .getMessage();
        assertTrue(refusal.contains(name + " is not model.shared.weight"), refusal);
    }

    /** What belongs to the whole, and buffers, are none of the modules to choose from. */
    @Test
    void modulesToSaveAreProposedByTheirNames() throws IOException {
        for (String name : new String[] {"bart", "pegasus"}) {
            try (Model model = Models.open(Fixture.directory(name), OPTIONS)) {
                LoraConfig lost =
                        LoraConfig.of(2, 4, TargetModules.names("q_proj")).withModulesToSave(List.of("embed_position"));
                String refusal = assertThrows(ConfigException.class, () -> LoraAdapter.create(model, lost, 1))
                        .getMessage();
                List<String> proposed = List.of(
                        refusal.substring(refusal.indexOf("there are ") + 10).split(", ", -1));
                assertFalse(proposed.contains(""), refusal);
                assertEquals(name.equals("bart"), proposed.contains("embed_positions"), refusal);
            }
        }
    }

    /** The last token of what is written is what mBART begins with in training, and nobody else. */
    @Test
    void mbartAloneBeginsWithTheLastToken() throws IOException {
        for (String name : new String[] {"bart", "mbart", "m2m_100", "pegasus"}) {
            try (EncoderDecoder model = (EncoderDecoder) Models.open(Fixture.directory(name), OPTIONS)) {
                assertEquals(name.equals("mbart"), model.beginsWithLast());
                assertEquals(64, model.description().maxPositions());
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "is_encoder_decoder | false | is_encoder_decoder must be true",
                "is_decoder | true | is_decoder must be false",
                "activation_function | swirl | activation_function must be one of",
                "normalize_before | true | normalize_before must be false",
                "normalize_embedding | false | normalize_embedding must be true",
                "add_final_layer_norm | true | add_final_layer_norm must be false",
                "static_position_embeddings | true | static_position_embeddings must be false",
                "add_bias_logits | true | add_bias_logits must be false",
                "encoder_attention_heads | 5 | d_model must be a multiple of encoder_attention_heads",
                "decoder_start_token_id | 60 | decoder_start_token_id must be",
                "architectures | [\"BartForSequenceClassification\"] | found BartForSequenceClassification, whose head is not read",
                "pad_token_id | 60 | pad_token_id must be",
                "attention_dropout | 1.5 | attention_dropout must",
                "decoder_layerdrop | 2 | decoder_layerdrop must",
                "decoder_layers | 0 | decoder_layers",
                "max_position_embeddings | 99 | must have shape"
            })
    void whatCannotBeHonouredIsRefused(String key, String value, String fault) throws IOException {
        String quoted = value.matches("true|false|[0-9.]+|\\[.*") ? value : '"' + value + '"';
        JsonNode setting =
                Json.parse(Path.of("value"), "{\"v\":" + quoted + "}").node("v");
        open("bart", tensors -> {}).close();
        ObjectNode config = Json.read(directory.resolve("config.json")).toTree();
        config.set(key, setting);
        Json.write(directory.resolve("config.json"), config);
        Exception refusal = assertThrows(
                Exception.class, () -> Models.open(directory, OPTIONS).close());
        assertTrue(refusal.getMessage().contains(fault), refusal.getMessage());
        assertTrue(refusal.getMessage().contains(directory.toString()), refusal.getMessage());
    }
}
