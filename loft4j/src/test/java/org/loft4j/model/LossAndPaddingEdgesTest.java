package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.gemma.GemmaModel;
import org.loft4j.model.gemma3.Gemma3Model;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.LanguageModelLoss.Rows;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Slopes, parts and padding at their bounds. */
class LossAndPaddingEdgesTest {
    @TempDir
    Path folder;

    private static final PreferenceLoss HINGE = PreferenceLoss.of(PreferenceLoss.Kind.HINGE);

    /** The hinge loss of a pair goes on until its margin is one, and with the slope that it has where it is wrong. */
    @Test
    void aPairIsLearntUntilItsMarginIsOne() throws Exception {
        try (NativeScope scope = new NativeScope();
                Decoder model = (Decoder) Models.open(
                        Fixture.directory("llama_gqa"),
                        ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.F64))) {
            TokenInput input = new TokenInput(Tensors.of(new long[] {5, 9, 17, 20, 5, 9, 3, 41}, 2, 4), null);
            Tensor labels = Tensors.of(new long[] {-100, -100, 17, 20, -100, -100, 3, 41}, 2, 4);
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            double[] now = new LanguageModelLoss(model).judgeRows(input, labels).logProbabilities();
            double[] wrong = gradient(model, input, labels, now, -0.5);
            assertTrue(Arrays.stream(wrong).anyMatch(number -> number != 0));
            assertArrayEquals(wrong, gradient(model, input, labels, now, 0.001), 1e-12);
            assertArrayEquals(wrong, gradient(model, input, labels, now, 0.999), 1e-12);
            assertArrayEquals(new double[wrong.length], gradient(model, input, labels, now, 1.001), 0.0);
        }
    }

    /** Of the head's weight, where the chosen answer has this margin above the other one. */
    private static double[] gradient(Decoder model, TokenInput input, Tensor labels, double[] now, double margin) {
        double[] reference = {now[0] - margin / HINGE.beta(), now[1]};
        double loss = HINGE.backward(model, input, labels, reference, 1, 0);
        assertEquals(Math.max(0, 1 - margin), loss, 1e-9);
        double[] gradient = Tensors.toDoubles(model.head().weight().grad());
        model.weights().asMap().values().forEach(weight -> weight.mutable_grad().reset());
        return gradient;
    }

    /** What each row's tokens have, when the logits of all targets are too many for one product. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 5, 100})
    void rowsAreJudgedAlikeInPartsOfAnySize(long positions) throws Exception {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(Fixture.directory("llama_gqa"), ModelOptions.of(Task.CAUSAL_LM))) {
            Tensor ids = Tensors.of(new long[] {5, 9, 17, 20, 3, 7, 8, 12, 33, 41}, 2, 5);
            Tensor labels = Tensors.of(new long[] {-100, 9, 17, 20, 3, -100, -100, 12, 33, 41}, 2, 5);
            TokenInput input = new TokenInput(ids, null);
            Rows expected = LanguageModelLoss.ofRows((Decoder) model, 1000).judgeRows(input, labels);
            List<Rows> told = new ArrayList<>();
            double sum = LanguageModelLoss.ofRows((Decoder) model, positions)
                    .judge(input, labels, told::add)
                    .sum();
            assertEquals(1, told.size());
            assertArrayEquals(expected.logProbabilities(), told.get(0).logProbabilities(), 1e-5);
            assertArrayEquals(expected.targets(), told.get(0).targets());
            assertEquals(-expected.logProbabilities()[0] - expected.logProbabilities()[1], sum, 1e-5);
        }
    }

    /** A tokenizer may pad with another token than the {@code pad_token_id} of config.json. */
    @ParameterizedTest
    @ValueSource(strings = {"qwen2_cls", "phi_cls"})
    void theLastTokenIsThatOfTheMask(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(Fixture.directory(name), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            double[] alone =
                    Tensors.toDoubles(model.logits(new TokenInput(Tensors.of(new long[] {5, 9, 17, 20}, 1, 4), null)));
            double[] padded = Tensors.toDoubles(model.logits(new TokenInput(
                    Tensors.of(new long[] {5, 9, 17, 20, 7, 7, 7}, 1, 7),
                    Tensors.of(new long[] {1, 1, 1, 1, 0, 0, 0}, 1, 7))));
            assertArrayEquals(alone, padded, 1e-5);
        }
    }

    /** Files that say nothing have the mean, a tanh with a bias, and two classes, as in the libraries that wrote them. */
    @Test
    void whatSilentFilesOfVectorsAndClassesMean() throws Exception {
        Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"bert\"}");
        assertEquals(Pooling.MEAN, PoolingModule.read(folder).pooling());
        assertEquals(2, ModelConfigFile.read(folder).labels().size());
        Files.writeString(folder.resolve("config.json"), "{\"in_features\": 2, \"out_features\": 1}");
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(
                    folder.resolve("model.safetensors"),
                    Map.of(
                            "linear.weight", Tensors.of(new float[] {1, 2}, 1, 2),
                            "linear.bias", Tensors.of(new float[] {3}, 1)),
                    Map.of());
        }
        DenseModule dense = DenseModule.read(folder);
        assertEquals(Activation.TANH, dense.activation());
        assertTrue(dense.bias());
    }

    /** The root of 56 is 7.4833, and 7.46875 in bfloat16, by which Transformers multiplies there. */
    @ParameterizedTest
    @CsvSource({
        "gemma, F32, 7.483315",
        "gemma, BF16, 7.46875",
        "gemma3_text, F32, 7.483315",
        "gemma3_text, BF16, 7.46875"
    })
    void embeddingsOfGemmaAreMultipliedByARootOfTheirType(String family, Dtype dtype, double expected)
            throws Exception {
        // with such an epsilon norms divide by 1000, and blocks add next to nothing
        JsonObject json = Json.parse(
                folder.resolve("config.json"),
                "{\"model_type\": \"" + family + "\", \"vocab_size\": 64, \"hidden_size\": 56, \"head_dim\": 8,"
                        + " \"num_hidden_layers\": 1, \"num_attention_heads\": 4, \"num_key_value_heads\": 4,"
                        + " \"intermediate_size\": 16, \"rms_norm_eps\": 1e6}");
        ModelOptions options = ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype);
        try (NativeScope scope = new NativeScope();
                Decoder model =
                        family.equals("gemma") ? GemmaModel.random(json, options) : Gemma3Model.random(json, options)) {
            Tensor ids = Tensors.of(LongStream.range(1, 64).toArray(), 1, 63);
            double[] states = Tensors.toDoubles(
                    model.hiddenStates(new TokenInput(ids, null)).to(Dtype.F64.scalarType()));
            Tensor table = Objects.requireNonNull(model.weights().asMap().get("model.embed_tokens.weight"));
            double[] embeddings =
                    Tensors.toDoubles(table.narrow(0, 1, 63).contiguous().to(Dtype.F64.scalarType()));
            double product = 0;
            double squares = 0;
            for (int i = 0; i < states.length; i++) {
                product += 1000 * states[i] * embeddings[i];
                squares += embeddings[i] * embeddings[i];
            }
            assertEquals(expected, product / squares, 0.004);
        }
    }
}
