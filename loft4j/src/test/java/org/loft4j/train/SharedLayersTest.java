package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.io.Json;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** ALBERT's layers share their weights: what is found in each adds up, in lanes too, and where layers are computed again. */
class SharedLayersTest {
    @TempDir
    Path directory;

    /** Wide and long enough for the blocks of an adapter in each lane; in float64 there are none. */
    @ParameterizedTest
    @CsvSource({
        "LORA, false",
        "LORA, true",
        "LOFT, true",
        "LOFT_TANGENT, false",
        "LOFT_TANGENT, true",
        "DORA, false",
        "DORA, true",
        "LORA_FA, true",
        "FULL, false",
        "FULL, true"
    })
    void gradientsOfAllLayersAddUp(Method method, boolean again) throws IOException {
        ObjectNode config = Json.read(Fixture.directory("albert_cls").resolve("config.json"))
                .toTree();
        config.put("hidden_size", 256).put("intermediate_size", 512).put("max_position_embeddings", 64);
        Json.write(directory.resolve("config.json"), config);
        Map<String, double[]> whole = gradients(1, Dtype.F64, method, false);
        Map<String, double[]> shared = gradients(2, Dtype.F32, method, again);
        assertEquals(whole.keySet(), shared.keySet());
        int compared = 0;
        for (String name : whole.keySet()) {
            double squares = 0;
            double off = 0;
            double[] expected = whole.get(name);
            double[] found = shared.get(name);
            for (int i = 0; i < expected.length; i++) {
                squares += Math.pow(expected[i], 2);
                off += Math.pow(expected[i] - found[i], 2);
            }
            if (Math.sqrt(squares) >= Fixture.NEGLIGIBLE_GRADIENT) {
                compared++;
                assertTrue(Math.sqrt(off / squares) <= 5e-5, name + " is off by " + Math.sqrt(off / squares));
            }
        }
        // all but the bias of keys
        assertTrue(compared >= whole.size() - 1, compared + " of " + whole.size());
    }

    private Map<String, double[]> gradients(int threads, Dtype dtype, Method method, boolean again) throws IOException {
        TrainConfig config =
                TrainConfig.builder(method).seed(5).gradientCheckpointing(again).build();
        LoraConfig lora = LoraConfig.of(4, 8, TargetModules.allLinear());
        Dataset data = data();
        List<MiniBatch> batches =
                List.of(data.batch(new int[] {0, 1, 2, 3, 4, 5}, 0), data.batch(new int[] {6, 7, 8, 9, 10, 11}, 0));
        ModelOptions options =
                ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withDtype(dtype).withSeed(3);
        try (Threads some = Threads.of(threads);
                Model model = Models.initialise(directory, options);
                Trainable trainable = Trainable.create(model, lora, config);
                NativeScope scope = new NativeScope()) {
            Map<String, Tensor> leaves = new LinkedHashMap<>(model.weights().trainable());
            if (trainable.adapter() != null) {
                leaves.clear();
                trainable.adapter().layers().forEach((path, layer) -> {
                    draw(layer.loraB());
                    leaves.putAll(leaves(path, layer));
                });
            }
            trainable.setTraining(true);
            new Trainer(model, trainable, config, 10).findGradients(batches, 3);
            Map<String, double[]> found = new LinkedHashMap<>();
            leaves.forEach((name, leaf) -> found.put(name, Tensors.toDoubles(leaf.grad())));
            trainable.optimizer().zeroGrad();
            return found;
        }
    }

    private static Map<String, Tensor> leaves(String path, LoraLinear layer) {
        Map<String, Tensor> leaves = new LinkedHashMap<>();
        leaves.put(path + ".B", layer.loraB());
        if (layer.loraA().requires_grad()) {
            leaves.put(path + ".A", layer.loraA());
        }
        if (layer.magnitude() != null) {
            leaves.put(path + ".m", layer.magnitude());
        }
        if (layer.probeSink() != null) {
            leaves.put(path + ".sink", layer.probeSink());
        }
        return leaves;
    }

    /** The same numbers in every type. */
    private static void draw(Tensor leaf) {
        torch.manual_seed(leaf.numel());
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor some = torch.randn(new long[] {leaf.size(0), leaf.size(1)}).mul(new Scalar(0.1));
            leaf.copy_(some);
        }
    }

    private static Dataset data() {
        SplittableRandom random = new SplittableRandom(4);
        List<int[]> rows = new ArrayList<>();
        int[] classes = new int[12];
        for (int i = 0; i < classes.length; i++) {
            rows.add(random.ints(64 - i % 3, 4, 96).toArray());
            classes[i] = i % 3;
        }
        return Dataset.classificationIds(rows, classes);
    }
}
