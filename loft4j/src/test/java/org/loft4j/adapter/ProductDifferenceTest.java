package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/** An adapter on a base that has lost the start's product, against the file that says the same of the whole base. */
class ProductDifferenceTest {
    private static final PeftMetadata BASE = new PeftMetadata("org/base");

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theFileOnTheUnchangedBaseComputesWhatTrainingDid(boolean rslora) throws IOException {
        long seed = Long.getLong("tests.seed", 20261125L);
        System.out.println("tests.seed " + seed);
        LoraConfig config = new LoraConfig(
                2,
                5,
                0,
                TargetModules.allLinear(),
                null,
                rslora,
                false,
                List.of("embed"),
                Map.of("layers\\.0\\.mlp\\.up_proj", 3),
                Map.of("down_proj", 7.0));
        Map<String, double[]> startA = new LinkedHashMap<>();
        double[] trained;
        try (Model model = model();
                LoraAdapter adapter = LoraAdapter.create(model, config, 1);
                NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Random random = new Random(seed);
            Map<String, ProductDifference> differences = new LinkedHashMap<>();
            adapter.layers().forEach((path, layer) -> {
                Linear base = layer.base();
                Tensor a0 = uniform(random, layer.rank(), base.inFeatures());
                Tensor b0 = uniform(random, base.outFeatures(), layer.rank());
                base.weight().sub_(b0.mm(a0), new Scalar(layer.scale()));
                layer.loraA().copy_(a0.add(uniform(random, Shapes.of(a0)), new Scalar(0.1)));
                layer.loraB().copy_(b0.add(uniform(random, Shapes.of(b0)), new Scalar(0.1)));
                differences.put(path, new ProductDifference(layer.loraA(), layer.loraB(), a0, b0));
                startA.put(path, Tensors.toDoubles(a0));
            });
            trained = logits(model);
            PeftFiles.saveDifferences(directory, adapter, differences, model, BASE);
            differences.remove("model.layers.0.mlp.up_proj");
            assertThrows(
                    IllegalArgumentException.class,
                    () -> PeftFiles.saveDifferences(directory, adapter, differences, model, BASE));
        }
        try (Model model = model();
                LoraAdapter adapter = PeftFiles.load(directory, model);
                NativeScope scope = new NativeScope()) {
            assertEquals(4, adapter.config().rank());
            assertEquals(6, adapter.config().rankOf("model.layers.0.mlp.up_proj"));
            assertEquals(rslora, adapter.config().useRslora());
            adapter.layers().forEach((path, layer) -> {
                assertEquals(config.scaleOf(path), layer.scale(), 1e-15 * layer.scale());
                ProductDifference parts = ProductDifference.split(layer.loraA(), layer.loraB());
                assertArrayEquals(startA.get(path), Tensors.toDoubles(parts.startA()));
                assertTrue(Tensors.bitEqual(layer.loraB(), parts.stackedB()));
                assertTrue(Tensors.bitEqual(layer.loraA(), parts.stackedA()));
            });
            assertArrayEquals(trained, logits(model), 1e-13);
        }
    }

    @Test
    void whatIsNoDifferenceIsRefused() {
        try (NativeScope scope = new NativeScope()) {
            Random random = new Random(1);
            Tensor a = uniform(random, 3, 5);
            Tensor b = uniform(random, 4, 3);
            assertThrows(ShapeException.class, () -> ProductDifference.split(a, b));
            assertThrows(ShapeException.class, () -> new ProductDifference(a, b, uniform(random, 2, 5), b));
            LoraConfig dora = LoraConfig.of(2, 4, TargetModules.allLinear()).withDora(true);
            assertThrows(ConfigException.class, () -> ProductDifference.stacked(dora));
        }
    }

    private static Model model() {
        return new TinyModel(Task.CAUSAL_LM, Dtype.F64, false, 5);
    }

    private static Tensor uniform(Random random, long... shape) {
        double[] values = random.doubles(shape[0] * shape[1], -0.6, 0.6).toArray();
        return Tensors.of(values, shape);
    }

    private static double[] logits(Model model) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return Tensors.toDoubles(model.logits(new TokenInput(Tensors.of(new long[] {1, 2, 3, 4}, 2, 2), null)));
        }
    }
}
