package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.adapter.AdapterCombination.How;
import org.loft4j.adapter.AdapterCombination.Part;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class AdapterCombinationTest {
    private static final String QUERY = "model.layers.0.self_attn.q_proj";
    private static final String DOWN = "model.layers.0.mlp.down_proj";

    @TempDir
    Path directory;

    private final Random random = new Random(11);

    /** An adapter on queries (20 → 24) and, where asked, on a down projection (30 → 20). */
    private Path adapter(String name, int rank, Map<String, Object> settings, String... paths) throws IOException {
        Path adapter = Files.createDirectories(directory.resolve(name));
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("peft_type", "LORA");
        config.put("task_type", "CAUSAL_LM");
        config.put("base_model_name_or_path", "some/base");
        config.put("r", rank);
        config.put("lora_alpha", 3 * rank);
        config.put("target_modules", List.of("q_proj", "down_proj"));
        config.putAll(settings);
        Json.write(adapter.resolve("adapter_config.json"), config);
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String path : paths) {
                boolean query = path.equals(QUERY);
                tensors.put("base_model.model." + path + ".lora_A.weight", matrix(rank, query ? 20 : 30));
                tensors.put("base_model.model." + path + ".lora_B.weight", matrix(query ? 24 : 20, rank));
                // PEFT stores it along where it is that of an embedding
                tensors.put("base_model.model." + path + ".base_layer.weight", matrix(2, 2));
            }
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        return adapter;
    }

    private Tensor matrix(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensors.of(values, rows, columns);
    }

    /** {@code scale·B·A} by the files alone; zero where the adapter does not have the layer. */
    private static Tensor delta(Path adapter, String path) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(adapter.resolve("adapter_model.safetensors"))) {
            String prefix = "base_model.model." + path + ".lora_";
            Tensor a = file.read(prefix + "A.weight").to(Dtype.F64.scalarType());
            Tensor b = file.read(prefix + "B.weight").to(Dtype.F64.scalarType());
            double scale = PeftFiles.readConfig(adapter).lora().scaleOf(path);
            return b.mm(a).mul(new Scalar(scale));
        }
    }

    private static void assertClose(Tensor expected, Tensor actual, double relative) {
        double error =
                expected.sub(actual).norm().item_double() / expected.norm().item_double();
        assertTrue(error <= relative, "relative error " + error + ", more than " + relative);
    }

    @Test
    void sideBySideFactorsAreTheExactWeightedSum() throws IOException {
        Path first = adapter("first", 3, Map.of(), QUERY, DOWN);
        Path second = adapter("second", 5, Map.of("use_rslora", true), QUERY);
        Path both = directory.resolve("both");
        List<Part> parts = List.of(new Part(first, 0.7), new Part(second, -0.3));
        assertEquals(8, AdapterCombination.write(parts, How.CAT, null, both));
        try (NativeScope scope = new NativeScope()) {
            Tensor sum = delta(first, QUERY)
                    .mul(new Scalar(0.7))
                    .sub(delta(second, QUERY).mul(new Scalar(0.3)));
            assertClose(sum, delta(both, QUERY), 1e-7);
            assertClose(delta(first, DOWN).mul(new Scalar(0.7)), delta(both, DOWN), 1e-7);
            LoraConfig config = PeftFiles.readConfig(both).lora();
            assertEquals(1, config.scaleOf(QUERY));
            assertEquals(8, config.rankOf(DOWN));
            assertEquals(TargetModules.names("down_proj", "q_proj"), config.targetModules());
            assertEquals("some/base", PeftFiles.readConfig(both).metadata().baseModelNameOrPath());
        }
    }

    @Test
    void theDecompositionIsExactAtFullRankAndTheBestBelow() throws IOException {
        Path first = adapter("first", 3, Map.of(), QUERY);
        Path second = adapter("second", 4, Map.of(), QUERY);
        List<Part> parts = List.of(new Part(first, 0.5), new Part(second, 2));
        Path full = directory.resolve("full");
        Path cut = directory.resolve("cut");
        assertEquals(7, AdapterCombination.write(parts, How.SVD, 7, full));
        assertEquals(4, AdapterCombination.write(parts, How.SVD, null, cut));
        try (NativeScope scope = new NativeScope()) {
            Tensor sum = delta(first, QUERY)
                    .mul(new Scalar(0.5))
                    .add(delta(second, QUERY).mul(new Scalar(2)));
            assertClose(sum, delta(full, QUERY), 1e-6);
            T_TensorTensorTensor_T svd = torch.linalg_svd(sum, false, new StringViewOptional());
            Tensor best = svd.get0()
                    .narrow(1, 0, 4)
                    .mul(svd.get1().narrow(0, 0, 4))
                    .mm(svd.get2().narrow(0, 0, 4));
            assertClose(best, delta(cut, QUERY), 1e-6);
            assertTrue(sum.sub(best).norm().item_double() > 0.1 * sum.norm().item_double());
        }
    }

    @Test
    void aRankBeyondTheSumIsFilledWithZeros() throws IOException {
        Path one = adapter("one", 3, Map.of("rank_pattern", Map.of("none", 9)), QUERY);
        Path wide = directory.resolve("wide");
        assertEquals(16, AdapterCombination.write(List.of(new Part(one, 1)), How.SVD, 16, wide));
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(wide.resolve("adapter_model.safetensors"))) {
            assertClose(delta(one, QUERY), delta(wide, QUERY), 1e-6);
            assertArrayEquals(
                    new long[] {16, 20},
                    file.info("base_model.model." + QUERY + ".lora_A.weight").shape());
        }
    }

    /** PEFT's rule: the roots of |w·s| on both sides, the sign on A. */
    @Test
    void linearAddsFactors() throws IOException {
        Path first = adapter("first", 2, Map.of(), QUERY);
        Path second = adapter("second", 2, Map.of(), QUERY);
        Path sum = directory.resolve("sum");
        AdapterCombination.write(List.of(new Part(first, 0.75), new Part(second, -3)), How.LINEAR, null, sum);
        try (NativeScope scope = new NativeScope()) {
            Tensor a = factor(first, "A")
                    .mul(new Scalar(1.5))
                    .sub(factor(second, "A").mul(new Scalar(3)));
            Tensor b = factor(first, "B")
                    .mul(new Scalar(1.5))
                    .add(factor(second, "B").mul(new Scalar(3)));
            assertClose(a, factor(sum, "A"), 1e-7);
            assertClose(b, factor(sum, "B"), 1e-7);
        }
    }

    private static Tensor factor(Path adapter, String side) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(adapter.resolve("adapter_model.safetensors"))) {
            return file.read("base_model.model." + QUERY + ".lora_" + side + ".weight")
                    .to(Dtype.F64.scalarType());
        }
    }

    @Test
    void theBaseIsThatOfThePartThatNamesIt() throws IOException {
        Path unnamed = adapter("unnamed", 2, Map.of("base_model_name_or_path", ""), QUERY);
        Path named = adapter("named", 2, Map.of("revision", "abc123"), QUERY);
        Path both = directory.resolve("both");
        AdapterCombination.write(List.of(new Part(unnamed, 1), new Part(named, 1)), How.CAT, null, both);
        assertEquals(
                new PeftMetadata("some/base", "abc123"),
                PeftFiles.readConfig(both).metadata());
        Path newest = adapter("newest", 2, Map.of("revision", "main"), QUERY);
        Path silent = adapter("silent", 2, Map.of(), QUERY);
        AdapterCombination.write(List.of(new Part(newest, 1), new Part(silent, 1)), How.CAT, null, both);
    }

    /** Its own rank, scale and places are those of the result; what the first part says of them was of that one. */
    @Test
    void whatTheFirstPartSaysOfScalesAndLayersIsNotTheResults() throws IOException {
        Map<String, Object> settings = Map.of(
                "r", 9,
                "use_rslora", true,
                "rank_pattern", Map.of("q_proj", 3),
                "alpha_pattern", Map.of("q_proj", 5),
                "exclude_modules", List.of("k_proj"),
                "layers_to_transform", List.of(0));
        Path first = adapter("first", 3, settings, QUERY);
        Path second = adapter("second", 5, Map.of("alpha_pattern", Map.of("q_proj", 2.5)), QUERY);
        Path both = directory.resolve("both");
        assertEquals(
                8,
                AdapterCombination.write(List.of(new Part(first, 0.7), new Part(second, -0.3)), How.CAT, null, both));
        LoraConfig result = PeftFiles.readConfig(both).lora();
        assertEquals(1, result.scaleOf(QUERY));
        assertEquals(8, result.rankOf(QUERY));
        assertNull(result.excludeModules());
        assertEquals(TargetModules.names(QUERY), result.targetModules());
        try (NativeScope scope = new NativeScope()) {
            // scales of 5/√3 and 2.5/5
            Tensor sum = delta(first, QUERY)
                    .mul(new Scalar(0.7))
                    .sub(delta(second, QUERY).mul(new Scalar(0.3)));
            assertClose(sum, delta(both, QUERY), 1e-7);
        }
    }

    @Test
    void whatCannotBeCombinedIsRefused() throws IOException {
        Path first = adapter("first", 2, Map.of(), QUERY);
        Path wider = adapter("wider", 3, Map.of(), QUERY);
        Path dora = adapter("dora", 2, Map.of("use_dora", true), QUERY);
        Path other = adapter("other", 2, Map.of("base_model_name_or_path", "another/base"), QUERY);
        assertRefused("one rank", How.LINEAR, first, wider);
        assertRefused("DoRA", How.CAT, first, dora);
        assertRefused("one base model", How.CAT, first, other);
        Path older = adapter("older", 2, Map.of("revision", "abc123"), QUERY);
        assertRefused("some/base and some/base@abc123", How.CAT, first, older);
        assertThrows(
                ConfigException.class,
                () -> AdapterCombination.write(List.of(new Part(first, 1)), How.CAT, 4, directory.resolve("x")));
        assertThrows(ConfigException.class, () -> new Part(first, Double.NaN));
        assertTrue(Files.notExists(directory.resolve("x")));
    }

    private void assertRefused(String word, How how, Path one, Path two) {
        List<Part> parts = List.of(new Part(one, 1), new Part(two, 1));
        ConfigException refused = assertThrows(
                ConfigException.class, () -> AdapterCombination.write(parts, how, null, directory.resolve("x")));
        assertTrue(refused.getMessage().contains(word), refused.getMessage());
    }
}
