package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Steps in which experts get no token: to every method as if their gradient were zero. */
class MixtureTrainingTest {
    @TempDir
    Path directory;

    private static final Dataset DATA = Dataset.causalLmIds(List.of(
            new int[] {57, 161, 67},
            new int[] {9, 152, 246, 75, 46, 42, 14, 137, 131, 85, 14, 86, 204, 247},
            new int[] {71, 194, 179},
            new int[] {69, 9, 152, 246, 75, 46, 42, 14, 137, 131}));

    private static Model open(Dtype dtype) throws IOException {
        return open("qwen3_moe", dtype);
    }

    private static Model open(String fixture, Dtype dtype) throws IOException {
        return Models.open(
                Path.of("src/test/resources/fixtures", fixture),
                ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype));
    }

    private static MiniBatch batch(int... rows) throws IOException {
        return DATA.batch(rows, 0);
    }

    private static TrainConfig config(Method method, double decay) {
        return TrainConfig.builder(method)
                .learningRate(1e-3)
                .weightDecay(decay)
                .maxGradNorm(0.5)
                .seed(5)
                .build();
    }

    private static LoraConfig lora() {
        return LoraConfig.of(3, 6, TargetModules.allLinear());
    }

    /** Experts in a tensor, where a family has them so, beside layers. */
    private static LoraConfig lora(String fixture) {
        return fixture.equals("qwen3_moe")
                ? lora()
                : lora().withTargetParameters(List.of("mlp.experts.gate_up_proj", "mlp.experts.down_proj"));
    }

    /** What is trained, by name. */
    private static Map<String, Tensor> leaves(Model model, Trainable trainable) {
        if (trainable.adapter() == null) {
            return model.weights().asMap();
        }
        Map<String, Tensor> leaves = new LinkedHashMap<>();
        for (LoraLinear layer : trainable.adapter().layers().values()) {
            leaves.put(layer.path() + ".A", layer.loraA());
            leaves.put(layer.path() + ".B", layer.loraB());
            if (layer.magnitude() != null) {
                leaves.put(layer.path() + ".m", layer.magnitude());
            }
            if (layer.probeSink() != null) {
                leaves.put(layer.path() + ".probe", layer.probeSink());
            }
        }
        leaves.values().removeIf(leaf -> !leaf.requires_grad());
        return leaves;
    }

    private static Map<String, double[]> values(Map<String, Tensor> leaves) {
        return leaves.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, leaf -> Tensors.toDoubles(leaf.getValue())));
    }

    /** Names of what a batch does not reach. */
    private static Set<String> idle(Model model, Trainable trainable, MiniBatch batch) {
        BatchLoss objective = BatchLoss.over(
                model.task(), List.of(batch), trainable.optimizer().lossScale(), 0, PreferenceLoss.DPO, null);
        trainable.gradients().backward(objective, BatchTensors.of(batch, model), 1);
        Set<String> idle = leaves(model, trainable).entrySet().stream()
                .filter(leaf -> !leaf.getValue().grad().defined())
                .map(Map.Entry::getKey)
                .collect(Collectors.toSet());
        trainable.optimizer().zeroGrad();
        return idle;
    }

    /** A long batch, two short ones and a long one again; by the trainer, or with zeros that are put in by hand. */
    private static Map<String, double[]> trained(Method method, boolean byHand) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = open(null);
                Trainable trainable = Trainable.create(model, lora(), config(method, 0.01))) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config(method, 0.01), 10);
            int[] rows = {1, 0, 2, 3};
            int missing = 0;
            for (int step = 0; step < rows.length; step++) {
                MiniBatch batch = batch(rows[step]);
                if (!byHand) {
                    trainer.step(List.of(batch), step);
                    continue;
                }
                trainable.beginStep(5, step);
                BatchLoss objective = BatchLoss.over(
                        model.task(), List.of(batch), trainable.optimizer().lossScale(), 0, PreferenceLoss.DPO, null);
                double loss = trainable.gradients().backward(objective, BatchTensors.of(batch, model), 1);
                for (Tensor leaf : leaves(model, trainable).values()) {
                    if (!leaf.grad().defined()) {
                        leaf.mutable_grad().put(torch.zeros_like(leaf));
                        missing++;
                    }
                }
                trainer.update(loss, step);
            }
            assertEquals(byHand, missing > 0, missing + " leaves were not reached");
            return values(leaves(model, trainable));
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aStepWithoutTokensIsOneWithAGradientOfZero(Method method) throws IOException {
        Map<String, double[]> expected = trained(method, true);
        Map<String, double[]> actual = trained(method, false);
        assertEquals(expected.keySet(), actual.keySet());
        actual.forEach((name, values) -> {
            assertTrue(Arrays.stream(values).allMatch(Double::isFinite), name);
            assertArrayEquals(expected.get(name), values, name);
        });
    }

    /** Without weight decay what has never had a gradient stays where it began. */
    @ParameterizedTest
    @EnumSource(Method.class)
    void anExpertThatHasHadNoTokenDoesNotMove(Method method) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = open(null);
                Trainable trainable = Trainable.create(model, lora(), config(method, 0))) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config(method, 0), 10);
            Map<String, double[]> before = values(leaves(model, trainable));
            Set<String> idle = idle(model, trainable, batch(0));
            assertFalse(idle.isEmpty());
            trainer.step(List.of(batch(0)), 0);
            leaves(model, trainable).forEach((name, leaf) -> {
                if (idle.contains(name)) {
                    assertArrayEquals(before.get(name), Tensors.toDoubles(leaf), name);
                }
            });
        }
    }

    /** Rows of the two lanes go through different experts. */
    @ParameterizedTest
    @CsvSource({"qwen3_moe, false", "qwen3_moe, true", "gpt_oss, true", "qwen3_5_moe_text, false"})
    void lanesAndAccumulationFindTheGradientOfOneBatch(String fixture, boolean checkpointing) throws IOException {
        List<Map<String, double[]>> found = new ArrayList<>();
        List<List<MiniBatch>> batches =
                List.of(List.of(batch(0, 2)), List.of(batch(0), batch(2)), List.of(batch(0, 2)));
        int[] threads = {1, 1, 2};
        for (int i = 0; i < threads.length; i++) {
            TrainConfig config = TrainConfig.builder(Method.LORA)
                    .gradientCheckpointing(checkpointing && i > 0)
                    .build();
            try (NativeScope scope = new NativeScope();
                    Threads some = Threads.of(threads[i]);
                    Model model = open(fixture, Dtype.F64);
                    Trainable trainable = Trainable.create(model, lora(fixture), config)) {
                trainable.setTraining(true);
                new Trainer(model, trainable, config, 10).findGradients(batches.get(i), 0);
                Map<String, double[]> gradients = new LinkedHashMap<>();
                leaves(model, trainable).forEach((name, leaf) -> gradients.put(name, Tensors.toDoubles(leaf.grad())));
                found.add(gradients);
                trainable.optimizer().zeroGrad();
            }
        }
        assertTrue(found.get(0).values().stream()
                .anyMatch(values -> Arrays.stream(values).allMatch(x -> x == 0)));
        found.get(0).forEach((name, values) -> {
            assertArrayEquals(values, found.get(1).get(name), 1e-12, name);
            assertArrayEquals(values, found.get(2).get(name), 1e-12, name);
        });
    }

    @ParameterizedTest
    @CsvSource({"qwen3_moe, false", "qwen3_moe, true", "gpt_oss, true"})
    void stepsLeaveNoNativeObjects(String fixture, boolean checkpointing) throws IOException {
        TrainConfig config = TrainConfig.builder(Method.LOFT)
                .gradientCheckpointing(checkpointing)
                .build();
        try (Model model = open(fixture, null);
                Trainable trainable = Trainable.create(model, lora(fixture), config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 20);
            long objects = -1;
            for (int step = 0; step < 12; step++) {
                trainer.step(List.of(batch(step % 4)), step);
                if (step == 5) {
                    objects = LiveObjects.settled();
                }
            }
            assertEquals(objects, LiveObjects.settled());
        }
    }

    /** Each expert of a tensor is a pair as any other, in MXFP4 too. */
    @ParameterizedTest
    @CsvSource({"gpt_oss, LOFT", "gpt_oss_mxfp4, LOFT", "qwen3_5_moe, LORA_PLUS", "gemma4_moe, ALTLORA_PLUS"})
    void expertsOfOneTensorGoOnBitForBit(String fixture, Method method) throws IOException {
        LoraConfig lora = LoraConfig.of(3, 6, TargetModules.none())
                .withTargetParameters(List.of("experts.down_proj", "0.mlp.experts.gate_up_proj"));
        if (fixture.equals("gemma4_moe")) {
            lora = lora.withTargetParameters(List.of("experts.down_proj", "experts.gate_up_proj"));
        }
        TrainConfig config = config(method, 0.01);
        Map<String, double[]> whole;
        Map<String, double[]> half;
        try (NativeScope scope = new NativeScope();
                Model model = open(fixture, null);
                Trainable trainable = Trainable.create(model, lora, config)) {
            steps(model, trainable, config, 0, 3);
            trainable.save(directory);
            trainable.saveOptimizer(directory);
            half = values(leaves(model, trainable));
            steps(model, trainable, config, 3, 5);
            whole = values(leaves(model, trainable));
        }
        assertTrue(
                half.entrySet().stream().anyMatch(leaf -> !Arrays.equals(leaf.getValue(), whole.get(leaf.getKey()))));
        try (NativeScope scope = new NativeScope();
                Model model = open(fixture, null);
                Trainable trainable = Trainable.create(model, lora, config)) {
            trainable.restore(directory);
            trainable.restoreOptimizer(directory);
            steps(model, trainable, config, 3, 5);
            Map<String, double[]> again = values(leaves(model, trainable));
            assertEquals(whole.keySet(), again.keySet());
            whole.forEach((name, values) -> assertArrayEquals(values, again.get(name), name));
        }
    }

    private static void steps(Model model, Trainable trainable, TrainConfig config, int from, int to)
            throws IOException {
        trainable.setTraining(true);
        Trainer trainer = new Trainer(model, trainable, config, 10);
        for (int step = from; step < to; step++) {
            trainer.step(List.of(batch(step % 4)), step);
        }
    }

    /** PEFT adapts them where they are linear layers, as in Transformers 4; so does a list that names them. */
    @Test
    void allLinearLeavesRoutersAloneAndNamesReachThem() throws IOException {
        try (Model model = open(null)) {
            Set<String> all = lora().layers(model).keySet();
            assertTrue(all.contains("model.layers.2.mlp.experts.5.down_proj"), all.toString());
            assertTrue(all.contains("model.layers.1.mlp.down_proj"), all.toString());
            assertFalse(all.stream().anyMatch(path -> path.endsWith(".gate")), all.toString());
            LoraConfig named = LoraConfig.of(3, 6, TargetModules.names("gate", "q_proj"));
            assertEquals(
                    Set.of("model.layers.0.mlp.gate", "model.layers.2.mlp.gate"),
                    named.layers(model).keySet().stream()
                            .filter(path -> path.endsWith(".gate"))
                            .collect(Collectors.toSet()));
        }
    }
}
