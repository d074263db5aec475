package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.model.Models;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.SourceTargetInput;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/** Whatever the method, its result is an adapter that PEFT reads, that merges, and that training goes on from. */
class EveryMethodAdapterTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
    private static final int RANK = 3;
    private static final List<String> PEFT_KEYS = List.of(
            "alpha_pattern",
            "base_model_name_or_path",
            "bias",
            "fan_in_fan_out",
            "inference_mode",
            "init_lora_weights",
            "layers_pattern",
            "layers_to_transform",
            "lora_alpha",
            "lora_dropout",
            "modules_to_save",
            "peft_type",
            "r",
            "rank_pattern",
            "revision",
            "target_modules",
            "task_type",
            "use_dora",
            "use_rslora");

    @TempDir
    Path directory;

    static Stream<Arguments> methodsAndModels() {
        return Arrays.stream(Method.values())
                .filter(Method::usesAdapter)
                .flatMap(method -> Stream.of("bert_cls", "albert_cls", "llama_gqa", "t5_gated", "bart")
                        .map(base -> Arguments.of(method, base)));
    }

    @ParameterizedTest
    @MethodSource("methodsAndModels")
    void theAdapterIsOneThatPeftReadsAndMergesAndGoesOnFrom(Method method, String base) throws IOException {
        TrainConfig config = TrainConfig.builder(method)
                .learningRate(1e-2)
                .weightDecay(0.01)
                .seed(5)
                .build();
        LoraConfig lora = new LoraConfig(RANK, 6, 0.1, TargetModules.allLinear(), (String) null, false, List.of());
        double[] before;
        double[] trained;
        double[] further;
        try (Model model = open(base)) {
            before = logits(model);
            try (Trainable trainable = Trainable.create(model, lora, config)) {
                train(model, trainable, config, 0, 3);
                trainable.save(directory);
                trainable.saveOptimizer(directory);
                trained = logits(model);
                train(model, trainable, config, 3, 4);
                further = logits(model);
            }
        }
        double scale = Arrays.stream(trained).map(Math::abs).max().orElseThrow();
        assertTrue(Double.isFinite(scale));
        double moved = largestDifference(before, trained);
        assertTrue(moved > 1e-3 * scale, "three steps have moved the logits by " + moved);
        try (Model model = open(base)) {
            assertFiles(method, model);
            try (LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertEquals(0, largestDifference(trained, logits(model)), 1e-6, "read back");
                adapter.merge();
                assertEquals(0, largestDifference(trained, logits(model)) / scale, 1e-5, "merged");
            }
        }
        try (Model model = open(base);
                Trainable trainable = Trainable.create(model, lora, config)) {
            trainable.restore(directory);
            trainable.restoreOptimizer(directory);
            train(model, trainable, config, 3, 4);
            assertTrue(Arrays.equals(further, logits(model)), "resumed");
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void onlyDoraTrainsMagnitudesAndTheOthersSaySo(Method method) throws IOException {
        LoraConfig lora = LoraConfig.of(RANK, 6, TargetModules.names("q_proj")).withDora(true);
        TrainConfig config = TrainConfig.builder(method).build();
        try (Model model = open("llama_gqa")) {
            if (method == Method.DORA || !method.usesAdapter()) {
                Trainable.create(model, lora, config).close();
            } else {
                String refusal = assertThrows(ConfigException.class, () -> Trainable.create(model, lora, config))
                        .getMessage();
                assertTrue(refusal.contains("method " + method.word()) && refusal.contains("use_dora"), refusal);
            }
        }
    }

    @Test
    void magnitudesAreNotPulledToZero() throws IOException {
        LoraConfig lora = LoraConfig.of(RANK, 6, TargetModules.names("q_proj"));
        TrainConfig config = TrainConfig.builder(Method.DORA)
                .weightDecay(0.5)
                .learningRate(0.1)
                .build();
        try (Model model = open("llama_gqa");
                Trainable trainable = Trainable.create(model, lora, config);
                NativeScope scope = new NativeScope()) {
            LoraLinear layer = trainable.adapter().layers().values().iterator().next();
            double[] magnitude = Tensors.toDoubles(layer.magnitude());
            double[] loraA = Tensors.toDoubles(layer.loraA());
            Tensor ids = Tensors.of(new long[] {1, 2, 3}, 1, 3);
            model.logits(new TokenInput(ids, null)).sum().mul(new Scalar(0.0)).backward();
            trainable.optimizer().step(1, 0);
            assertArrayEquals(magnitude, Tensors.toDoubles(layer.magnitude()));
            assertEquals(0.95 * loraA[0], Tensors.toDoubles(layer.loraA())[0], 1e-7);
            trainable.optimizer().zeroGrad();
        }
    }

    /** Names, shapes and settings, told from the model and the method alone. */
    private void assertFiles(Method method, Model model) throws IOException {
        boolean dora = method == Method.DORA;
        Map<String, String> expected = new TreeMap<>();
        for (Linear layer : model.linears().values()) {
            String name = "base_model.model." + layer.path();
            if (layer != model.head()) {
                expected.put(name + ".lora_A.weight", Shapes.text(new long[] {RANK, layer.inFeatures()}));
                expected.put(name + ".lora_B.weight", Shapes.text(new long[] {layer.outFeatures(), RANK}));
                if (dora) {
                    expected.put(name + ".lora_magnitude_vector", Shapes.text(new long[] {layer.outFeatures()}));
                }
            } else if (model.task() == Task.SEQUENCE_CLASSIFICATION) {
                expected.put(name + ".weight", Shapes.text(Shapes.of(layer.weight())));
                expected.put(name + ".bias", Shapes.text(new long[] {layer.outFeatures()}));
            }
        }
        Map<String, String> found = new TreeMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve(PeftFiles.WEIGHTS))) {
            for (String name : file.names()) {
                found.put(name, Shapes.text(file.info(name).shape()));
            }
        }
        assertEquals(expected, found);
        JsonObject settings = Json.read(directory.resolve(PeftFiles.CONFIG));
        assertEquals(new TreeSet<>(PEFT_KEYS), new TreeSet<>(settings.keys()));
        assertEquals("LORA", settings.requireString("peft_type"));
        assertEquals(RANK, settings.requireInt("r", 1));
        assertEquals(6, settings.requireDouble("lora_alpha"));
        assertEquals(dora, settings.booleanOr("use_dora", !dora));
    }

    private static void train(Model model, Trainable trainable, TrainConfig config, int from, int to)
            throws IOException {
        Examples data = data(model, 16, 1);
        Trainer trainer = new Trainer(model, trainable, config, 10);
        trainable.setTraining(true);
        for (int step = from; step < to; step++) {
            int[] rows = {4 * step, 4 * step + 1, 4 * step + 2, 4 * step + 3};
            trainer.step(List.of(data.batch(rows, 0)), step);
        }
        trainable.setTraining(false);
    }

    private static Examples data(Model model, int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<int[]> rows = new ArrayList<>();
        int[] classes = new int[count];
        for (int i = 0; i < count; i++) {
            rows.add(random.ints(6, 1, 40).toArray());
            classes[i] = i % 2;
        }
        if (model.task() == Task.SEQ2SEQ_LM) {
            return SourceTargetDataset.ofIds(rows, rows);
        }
        return model.task() == Task.CAUSAL_LM ? Dataset.causalLmIds(rows) : Dataset.classificationIds(rows, classes);
    }

    private static Model open(String base) throws IOException {
        Path path = FIXTURES.resolve(base);
        return Models.open(path, ModelOptions.of(Models.defaultTask(path)));
    }

    private static double[] logits(Model model) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor ids = Tensors.of(new SplittableRandom(9).longs(24, 1, 40).toArray(), 4, 6);
            TokenInput input = new TokenInput(ids, null);
            boolean writes = model.task() == Task.SEQ2SEQ_LM;
            return Tensors.toDoubles(model.logits(writes ? new SourceTargetInput(input, ids) : input));
        }
    }

    private static double largestDifference(double[] a, double[] b) {
        assertEquals(a.length, b.length);
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs(a[i] - b[i]));
        }
        return largest;
    }
}
