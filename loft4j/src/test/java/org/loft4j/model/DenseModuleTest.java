package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ShapeException;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Layers behind the pooling, against the same in plain Java. */
class DenseModuleTest {
    private static final String MODULES = """
            [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
             {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
             {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
             {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"},
             {"idx": 4, "name": "4", "path": "4_Normalize", "type": "sentence_transformers.models.Normalize"}]
            """;
    private static final int WIDE = 48;
    private static final int SIZE = 5;

    @TempDir
    Path folder;

    private int hidden;
    private final Random random = new Random(11);
    private double[][] first;
    private double[] firstBias;
    private double[][] second;

    @BeforeEach
    void aModelWithTwoLayersBehindItsPooling() throws IOException {
        aModelWithTwoLayersBehindItsPooling("bert_cls");
    }

    private void aModelWithTwoLayersBehindItsPooling(String fixture) throws IOException {
        use(fixture);
        write("modules.json", MODULES);
        write("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}");
        write("sentence_bert_config.json", "{\"max_seq_length\": 32}");
        first = numbers(WIDE, hidden);
        firstBias = numbers(1, WIDE)[0];
        second = numbers(SIZE, WIDE);
        write(
                "2_Dense/config.json",
                "{\"in_features\": " + hidden + ", \"out_features\": " + WIDE
                        + ", \"bias\": true, \"activation_function\": \"torch.nn.modules.activation.Tanh\"}");
        write(
                "3_Dense/config.json",
                "{\"in_features\": " + WIDE + ", \"out_features\": " + SIZE
                        + ", \"bias\": false, \"activation_function\": \"torch.nn.modules.linear.Identity\","
                        + " \"module_input_name\": \"sentence_embedding\", \"use_residual\": false}");
        weights("2_Dense", first, firstBias);
        weights("3_Dense", second, null);
    }

    private void use(String fixture) throws IOException {
        for (String name : new String[] {"config.json", "model.safetensors"}) {
            Files.deleteIfExists(folder.resolve(name));
            Files.copy(Fixture.directory(fixture).resolve(name), folder.resolve(name));
        }
        try (Model model = Models.outline(Fixture.directory(fixture), embeddings())) {
            hidden = (int) model.description().hiddenSize();
            assertEquals(hidden, model.vectorSize());
        }
    }

    private double[][] numbers(int rows, int columns) {
        double[][] numbers = new double[rows][columns];
        for (double[] row : numbers) {
            for (int i = 0; i < columns; i++) {
                row[i] = (float) (random.nextGaussian() / 4);
            }
        }
        return numbers;
    }

    private void write(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private void weights(String name, double[][] weight, double[] bias) throws IOException {
        weights(name, weight, bias, Map.of());
    }

    private void weights(String name, double[][] weight, double[] bias, Map<String, String> metadata)
            throws IOException {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            double[] flat = java.util.Arrays.stream(weight)
                    .flatMapToDouble(java.util.Arrays::stream)
                    .toArray();
            tensors.put(
                    "linear.weight",
                    Tensors.of(flat, weight.length, weight[0].length).to(Dtype.F32.scalarType()));
            if (bias != null) {
                tensors.put("linear.bias", Tensors.of(bias, bias.length).to(Dtype.F32.scalarType()));
            }
            SafetensorsWriter.write(folder.resolve(name).resolve("model.safetensors"), tensors, metadata);
        }
    }

    private static ModelOptions embeddings() {
        return ModelOptions.of(Task.SENTENCE_EMBEDDING);
    }

    private static double[] product(double[][] weight, double[] x) {
        double[] y = new double[weight.length];
        for (int i = 0; i < y.length; i++) {
            for (int j = 0; j < x.length; j++) {
                y[i] += weight[i][j] * x[j];
            }
        }
        return y;
    }

    @ParameterizedTest
    @ValueSource(strings = {"bert_cls", "gemma3_both"})
    void vectorsGoThroughThemAndSoDoGradients(String fixture) throws IOException {
        aModelWithTwoLayersBehindItsPooling(fixture);
        try (NativeScope scope = new NativeScope();
                Fixture batch = Fixture.open(fixture);
                Model plain = Models.open(batch.directory(), embeddings().withPooling(Pooling.MEAN));
                Model model = Models.open(folder, embeddings());
                Model outline = Models.outline(folder, embeddings())) {
            assertEquals(SIZE, model.vectorSize());
            assertEquals(SIZE, outline.vectorSize());
            double[] pooled = Tensors.toDoubles(plain.logits(batch.input()));
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor vectors = model.logits(batch.input());
            assertEquals(SIZE, vectors.size(1));
            double[] found = Tensors.toDoubles(vectors);
            for (int row = 0; row < pooled.length / hidden; row++) {
                double[] x = product(first, java.util.Arrays.copyOfRange(pooled, row * hidden, (row + 1) * hidden));
                for (int i = 0; i < WIDE; i++) {
                    x[i] = Math.tanh(x[i] + firstBias[i]);
                }
                double[] y = product(second, x);
                for (int i = 0; i < SIZE; i++) {
                    assertEquals(y[i], found[row * SIZE + i], 2e-5);
                }
            }
            vectors.square().sum().backward();
            assertTrue(model.linears().values().stream()
                    .allMatch(linear -> linear.weight().grad().defined()));
            assertFalse(model.weights().asMap().keySet().stream().anyMatch(name -> name.contains("Dense")));
        }
    }

    @Test
    void halfTypesGoThroughThemInFloat32() throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture batch = Fixture.open("bert_cls");
                Model model = Models.open(folder, embeddings().withDtype(Dtype.BF16));
                Model wide = Models.open(folder, embeddings().withDtype(Dtype.F64))) {
            assertEquals(Dtype.F32, Dtype.of(model.logits(batch.input())));
            assertEquals(Dtype.F64, Dtype.of(wide.logits(batch.input())));
        }
    }

    /** They lie beside what is trained and merged too. */
    @Test
    void whatIsWrittenHasThem() throws IOException {
        SentenceFiles read = SentenceFiles.read(folder);
        assertEquals(2, read.dense().size());
        assertTrue(read.normalised());
        Path out = folder.resolve("out");
        try (Model model = Models.open(folder, embeddings())) {
            SentenceFiles.trained(model, read, 16).write(out, hidden);
        }
        SentenceFiles again = SentenceFiles.read(out);
        assertEquals(read.dense(), again.dense());
        assertEquals(16, again.maxLength());
        assertEquals(again, SentenceFiles.ofAdapter(out, folder));
        assertTrue(SentenceFiles.filesIn(out).contains(Path.of("3_Dense", "model.safetensors")));
        assertTrue(Files.readString(out.resolve("modules.json")).contains("4_Normalize"));

        // saved anew they are the same
        weights("out/2_Dense", first, firstBias, Map.of("format", "pt"));
        assertEquals(again, SentenceFiles.ofAdapter(out, folder));
        // those of an adapter that sentence-transformers has trained are others
        Path other = out.resolve("2_Dense").resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(other);
        bytes[bytes.length - 1] ^= 1;
        Files.write(other, bytes);
        CheckpointException refused =
                assertThrows(CheckpointException.class, () -> SentenceFiles.ofAdapter(out, folder));
        assertTrue(String.valueOf(refused.getMessage()).contains("other Dense modules than those of"));
        Path bare = folder.resolve("bare");
        new SentenceFiles(Pooling.MEAN, true, 0, false, Map.of(), null, null).write(bare, hidden);
        assertThrows(CheckpointException.class, () -> SentenceFiles.ofAdapter(bare, folder));
        assertEquals(SentenceFiles.read(bare), SentenceFiles.ofAdapter(bare, bare), "neither has any");

        SentenceFiles.delete(out);
        try (var left = Files.list(out)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"in_features\": 48, \"out_features\": 5, \"bias\": true | linear.bias",
                "\"in_features\": 48, \"out_features\": 6, \"bias\": false | as config.json beside it says",
                "\"in_features\": 48, \"out_features\": 5, \"bias\": false, \"use_residual\": true | use_residual",
                "\"in_features\": 48, \"out_features\": 5, \"bias\": false, \"activation_function\": \"a.B\" | activation_function",
                "\"in_features\": 48, \"out_features\": 5, \"bias\": false, \"module_input_name\": \"b\" | module_input_name",
                "\"out_features\": 5 | in_features",
            })
    void whatCannotBeComputedIsRefusedByName(String config, String named) throws IOException {
        write("3_Dense/config.json", "{" + config + "}");
        CheckpointException refused = assertThrows(CheckpointException.class, () -> SentenceFiles.read(folder));
        assertTrue(String.valueOf(refused.getMessage()).contains(named), refused.getMessage());
        assertThrows(CheckpointException.class, () -> Models.open(folder, embeddings()));
    }

    @Test
    void layersThatDoNotFitAreRefused() throws IOException {
        weights("2_Dense", numbers(WIDE, hidden + 1), firstBias);
        write("2_Dense/config.json", "{\"in_features\": " + (hidden + 1) + ", \"out_features\": " + WIDE + "}");
        ShapeException refused = assertThrows(ShapeException.class, () -> Models.open(folder, embeddings()));
        assertTrue(String.valueOf(refused.getMessage()).contains("but is given " + hidden), refused.getMessage());
        Files.delete(folder.resolve("2_Dense").resolve("model.safetensors"));
        write("2_Dense/pytorch_model.bin", "");
        CheckpointException pickled = assertThrows(CheckpointException.class, () -> SentenceFiles.read(folder));
        assertTrue(String.valueOf(pickled.getMessage()).contains("safe_serialization"), pickled.getMessage());
    }
}
