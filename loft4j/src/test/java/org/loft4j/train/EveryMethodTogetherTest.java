package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.data.PackedDataset;
import org.loft4j.model.Models;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.optim.LoftBlock;
import org.loft4j.optim.LossScale;
import org.loft4j.optim.OptimizerGroups;
import org.loft4j.optim.StepReport;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Every method that trains an adapter, with all that can be asked of an adapter and of a step at once. */
class EveryMethodTogetherTest {
    private static final Dataset DATA = TinyRun.counting(64, 3);
    private static final PackedDataset PACKED = new PackedDataset(TinyRun.counting(64, 4), 24);
    private static final int STEPS = 4;

    @TempDir
    Path directory;

    /** A method, and what is changed about LoFT. */
    private record Way(Method method, LoftSettings loft) {
        Way(Method method) {
            this(method, LoftSettings.defaults());
        }

        /** At a rate at which no method runs away. */
        TrainConfig config(boolean checkpointing) {
            return TrainConfig.builder(method)
                    .learningRate(TinyRun.config(method).build().learningRate() / 20)
                    .weightDecay(0.01)
                    .maxGradNorm(0.5)
                    .gradientCheckpointing(checkpointing)
                    .loft(settings -> loft)
                    .seed(5)
                    .build();
        }
    }

    static Stream<Way> methods() {
        return Arrays.stream(Method.values()).filter(Method::usesAdapter).map(Way::new);
    }

    /** All methods, and LoFT with its settings. */
    static Stream<Way> ways() {
        LoftSettings loft = LoftSettings.defaults();
        Stream<Way> blocks = Arrays.stream(LoftBlock.values())
                .map(block -> new Way(Method.LOFT, loft.withMatchRate(true).withoutBlocks(Set.of(block))));
        Stream<Way> rates = Stream.of(Method.LOFT_SIMPLE, Method.LOFT_SGD, Method.LOFT_LION, Method.LOFT_MUON)
                .map(method -> new Way(method, loft.withMatchRate(true)));
        Stream<Way> others = Stream.of(
                new Way(Method.LOFT, loft.withReference(true)),
                new Way(Method.LOFT, loft.withMaxStep(0.1).withCrossTerms(Dtype.BF16)),
                new Way(Method.LOFT_TANGENT, loft.withCrossTerms(Dtype.BF16)),
                new Way(Method.LOFT_TANGENT, loft.withMatchRate(false).withMaxStep(0.1)),
                new Way(Method.LOFT_TANGENT, loft.withoutBlocks(Set.of(LoftBlock.GRADIENT_SCALING))));
        return Stream.of(methods(), blocks, rates, others).flatMap(some -> some);
    }

    private enum Base {
        FLOAT32,
        FLOAT16,
        NF4,
        INT8_OF_BFLOAT16;

        Model open() throws IOException {
            return switch (this) {
                case FLOAT32 -> TinyRun.model();
                case FLOAT16 -> TinyRun.model(Dtype.F16);
                case NF4 -> quantized(Dtype.F32, LoadIn.NF4);
                case INT8_OF_BFLOAT16 -> quantized(Dtype.BF16, LoadIn.INT8);
            };
        }

        private static Model quantized(Dtype dtype, LoadIn loadIn) throws IOException {
            return Models.open(
                    Path.of("src/test/resources/fixtures/llama_gqa"),
                    ModelOptions.of(Task.CAUSAL_LM)
                            .withDtype(dtype)
                            .withLoadIn(loadIn)
                            .withInFull(lora(0).modulesToSave()));
        }
    }

    static Stream<Arguments> waysAndBases() {
        Stream<Arguments> quantized = Stream.of(
                        Method.LOFT, Method.LOFT_TANGENT, Method.LORA, Method.DORA, Method.LORA_PRO)
                .flatMap(method ->
                        Stream.of(Base.NF4, Base.INT8_OF_BFLOAT16).map(base -> Arguments.of(new Way(method), base)));
        return Stream.of(
                        ways().map(way -> Arguments.of(way, Base.FLOAT32)),
                        methods().map(way -> Arguments.of(way, Base.FLOAT16)),
                        quantized)
                .flatMap(some -> some);
    }

    static Stream<Arguments> halfTypes() {
        return methods().flatMap(way -> Stream.of(Dtype.F16, Dtype.BF16).map(dtype -> Arguments.of(way, dtype)));
    }

    /** Ranks and alphas that differ, and modules that are trained in full: a matrix and a vector. */
    private static LoraConfig lora(double dropout) {
        return new LoraConfig(
                3,
                6,
                dropout,
                TargetModules.allLinear(),
                null,
                true,
                false,
                List.of("lm_head", "model.norm"),
                Map.of("q_proj", 5, "down_proj", 1),
                Map.of("v_proj", 2.0));
    }

    /** Two micro-batches a step, one of them packed, which is taken again where the scale of the loss was too large; the losses. */
    private static List<Double> train(Model model, Trainable trainable, TrainConfig config, int from, int to) {
        List<Double> losses = new ArrayList<>();
        trainable.setTraining(true);
        Trainer trainer = new Trainer(model, trainable, config, 10);
        for (int step = from; step < to; step++) {
            Batch padded = Batch.collate(DATA, new int[] {5 * step, 5 * step + 1, 5 * step + 2}, 0);
            List<Batch> batches = List.of(padded, PACKED.batch(new int[] {2 * step, 2 * step + 1}, 0));
            StepResult result = trainer.step(batches, step);
            for (int again = 0; result.report().skipped() && again < 10; again++) {
                result = trainer.step(batches, step);
            }
            losses.add(result.loss());
        }
        trainable.setTraining(false);
        return losses;
    }

    /** What is trained, and the state of the optimizers. */
    private static Map<String, double[]> snapshot(Trainable trainable) {
        Map<String, double[]> all = new TreeMap<>();
        try (NativeScope scope = new NativeScope()) {
            trainable.adapter().layers().forEach((path, layer) -> {
                all.put(path + ".A", Tensors.toDoubles(layer.loraA()));
                all.put(path + ".B", Tensors.toDoubles(layer.loraB()));
                if (layer.magnitude() != null) {
                    all.put(path + ".m", Tensors.toDoubles(layer.magnitude()));
                }
            });
            trainable.adapter().savedModules().forEach((name, tensor) -> all.put(name, Tensors.toDoubles(tensor)));
            trainable
                    .optimizer()
                    .state()
                    .forEach((name, tensor) -> all.put("state " + name, Tensors.toDoubles(tensor)));
        }
        return all;
    }

    private static void assertSame(Map<String, double[]> expected, Map<String, double[]> actual) {
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), name));
    }

    @ParameterizedTest
    @MethodSource("waysAndBases")
    void aRunGoesOnBitForBitAndLayersThatAreComputedAgainChangeNoBit(Way way, Base base) throws IOException {
        TrainConfig config = way.config(false);
        LoraConfig lora = lora(0.2);
        try (Threads two = Threads.of(2)) {
            Map<String, double[]> whole;
            try (Model model = base.open();
                    Trainable trainable = Trainable.create(model, lora, config)) {
                train(model, trainable, config, 0, 2);
                trainable.save(directory);
                trainable.saveOptimizer(directory);
                Map<String, double[]> half = snapshot(trainable);
                train(model, trainable, config, 2, STEPS);
                whole = snapshot(trainable);
                half.forEach((name, values) -> {
                    boolean moves = name.endsWith(".B") || name.startsWith("lm_head") || name.startsWith("model.norm");
                    assertFalse(moves && Arrays.equals(values, whole.get(name)), name + " has not moved");
                });
            }
            try (Model model = base.open();
                    Trainable trainable = Trainable.create(model, lora, config)) {
                trainable.restore(directory);
                trainable.restoreOptimizer(directory);
                train(model, trainable, config, 2, STEPS);
                assertSame(whole, snapshot(trainable));
            }
            TrainConfig again = way.config(true);
            try (Model model = base.open();
                    Trainable trainable = Trainable.create(model, lora, again)) {
                train(model, trainable, again, 0, STEPS);
                assertSame(whole, snapshot(trainable));
            }
        }
    }

    /** On the same numbers in float32. */
    @ParameterizedTest
    @MethodSource("halfTypes")
    void aBaseInAHalfTypeLearnsAsOneInFloat32(Way way, Dtype dtype) {
        List<Double> expected = losses(dtype, Dtype.F32, way.config(false));
        List<Double> actual = losses(dtype, dtype, way.config(false));
        for (int i = 0; i < expected.size(); i++) {
            assertEquals(expected.get(i), actual.get(i), 0.015 * expected.get(0), "step " + i);
        }
    }

    /** Of a model whose weights are rounded to one type and held in another. */
    private static List<Double> losses(Dtype rounded, Dtype held, TrainConfig config) {
        try (Model model = TinyRun.model(held)) {
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                for (Tensor weight : model.weights().asMap().values()) {
                    weight.copy_(weight.to(rounded.scalarType()));
                }
            }
            try (Trainable trainable = Trainable.create(model, lora(0), config)) {
                return train(model, trainable, config, 0, STEPS);
            }
        }
    }

    /** A power of two rounds nothing, whatever a method makes of the gradients. */
    @ParameterizedTest
    @MethodSource("ways")
    void aScaledLossChangesNoBit(Way way) {
        TrainConfig config = way.config(false);
        assertSame(afterScaledSteps(config, null), afterScaledSteps(config, new LossScale()));
    }

    private static Map<String, double[]> afterScaledSteps(TrainConfig config, LossScale lossScale) {
        try (Model model = TinyRun.model(Dtype.F64);
                Trainable trainable = Trainable.create(model, lora(0), config)) {
            trainable.setTraining(true);
            // the run's own groups, which this does not close
            OptimizerGroups groups = new OptimizerGroups(trainable.optimizer().groups(), lossScale);
            for (int step = 0; step < STEPS; step++) {
                trainable.beginStep(config.seed(), step);
                Batch batch = Batch.collate(DATA, new int[] {4 * step, 4 * step + 1, 4 * step + 2}, 0);
                try (NativeScope scope = new NativeScope()) {
                    BatchLoss.over(model.task(), List.of(batch), groups.lossScale(), 0, PreferenceLoss.DPO, null)
                            .backward(model, BatchTensors.of(batch, model));
                }
                StepReport report = groups.step(1, config.maxGradNorm());
                assertFalse(report.skipped());
                assertTrue(report.gradNorm() > 1e-6, "norm " + report.gradNorm());
                groups.zeroGrad();
            }
            if (lossScale != null) {
                lossScale.close();
            }
            Map<String, double[]> all = snapshot(trainable);
            // of the gradients as they come
            all.keySet().removeIf(name -> name.endsWith(".rate_match"));
            return all;
        }
    }
}
