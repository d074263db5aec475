package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.nn.Model;
import org.loft4j.optim.OptimizerGroups.Group;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class FactorOptimizersTest {
    private static final LoraConfig LORA = LoraConfig.of(4, 8, TargetModules.allLinear());

    @Test
    void rsLoraHasItsScaleWhateverTheConfigurationSays() {
        assertEquals(2, scale(Method.LORA));
        assertEquals(4, scale(Method.RSLORA));
    }

    private static double scale(Method method) {
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(
                        model, LORA, TrainConfig.builder(method).build())) {
            LoraAdapter adapter = Objects.requireNonNull(trainable.adapter());
            assertEquals(method == Method.RSLORA, adapter.config().useRslora());
            return adapter.layers().values().iterator().next().scale();
        }
    }

    @Test
    void loraPlusHasSixteenTimesTheLearningRateForB() {
        TrainConfig config =
                TrainConfig.builder(Method.LORA_PLUS).learningRate(1e-3).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, LORA, config)) {
            List<Group> groups = trainable.optimizer().groups();
            assertEquals(
                    List.of(1e-3, 16e-3),
                    groups.stream().map(Group::learningRate).toList());
            assertTrue(groups.get(0).optimizer().state().keySet().stream().noneMatch(name -> name.contains("lora_B")));
            assertEquals(1e-3, trainable.learningRate());
        }
    }

    @Test
    void loraPlusHasTheRatioThatIsAskedFor() {
        TrainConfig config = TrainConfig.builder(Method.LORA_PLUS)
                .learningRate(1e-3)
                .peers(peers -> peers.withLoraPlusRatio(4))
                .build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, LORA, config)) {
            assertEquals(
                    List.of(1e-3, 4e-3),
                    trainable.optimizer().groups().stream()
                            .map(Group::learningRate)
                            .toList());
        }
    }

    /** The first steps are LoRA's, and with a shorter warm-up fewer of them. */
    @Test
    void refLoraBeginsAfterItsWarmUp() {
        double[] lora = afterThreeSteps(TrainConfig.builder(Method.LORA));
        double[] usual = afterThreeSteps(TrainConfig.builder(Method.REFLORA));
        double[] early =
                afterThreeSteps(TrainConfig.builder(Method.REFLORA).peers(peers -> peers.withRefLoraWarmup(1)));
        assertArrayEquals(lora, usual, 1e-6);
        double moved = 0;
        for (int i = 0; i < lora.length; i++) {
            moved = Math.max(moved, Math.abs(early[i] - lora[i]));
        }
        assertTrue(moved > 1e-4, "a warm-up of one step differs from LoRA by " + moved);
    }

    /** B of the first layer. */
    private static double[] afterThreeSteps(TrainConfig.Builder builder) {
        TrainConfig config = builder.learningRate(1e-2).seed(5).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, LORA, config);
                NativeScope scope = new NativeScope()) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 10);
            Dataset rows = TinyRun.counting(12, 3);
            for (int step = 0; step < 3; step++) {
                int[] ofStep = {4 * step, 4 * step + 1, 4 * step + 2, 4 * step + 3};
                trainer.step(List.of(Batch.collate(rows, ofStep, 0)), step);
            }
            LoraAdapter adapter = Objects.requireNonNull(trainable.adapter());
            return Tensors.toDoubles(adapter.layers().values().iterator().next().loraB());
        }
    }

    @Test
    void loraFaTrainsBAlone() {
        TrainConfig config = TrainConfig.builder(Method.LORA_FA).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, LORA, config)) {
            long elementsOfB = Objects.requireNonNull(trainable.adapter()).layers().values().stream()
                    .mapToLong(layer -> layer.loraB().numel())
                    .sum();
            assertEquals(elementsOfB, trainable.elements());
        }
    }

    @Test
    void loraRiteHasAnEpsOfItsOwn() {
        assertEquals(1e-6, TrainConfig.builder(Method.LORA_RITE).build().eps());
        assertEquals(
                1e-7, TrainConfig.builder(Method.LORA_RITE).eps(1e-7).build().eps());
        assertEquals(1e-8, TrainConfig.builder(Method.REFLORA).build().eps());
    }

    /** As PEFT trains them; and no slower than a rate that is AdamW's, where the one of the factors is none. */
    @Test
    void pretrainedModulesHaveTheRatesLowerOneAndHeadsTheirOwn() {
        assertEquals(Map.of("pretrained", 2e-4), ratesOfWhole(Method.LORA, 2e-4, false));
        assertEquals(Map.of("pretrained", 5e-4), ratesOfWhole(Method.LOFT_SGD, 1e-1, false));
        assertEquals(Map.of("head", 5e-4), ratesOfWhole(Method.LORA, 2e-4, true), "it is from random numbers");
    }

    /** As beside an adapter, where a pooler that the files lacked was learnt ten times as fast. */
    @Test
    void whatTheFilesLackedHasTheHeadsRateInFullFineTuningToo() {
        Map<String, Double> rates = ratesOfWhole(Method.FULL, 2e-4, true);
        assertEquals(5e-4, rates.get("head"));
        assertEquals(2e-4, rates.get("model"));
        assertFalse(ratesOfWhole(Method.FULL, 2e-4, false).containsKey("head"));
    }

    private static Map<String, Double> ratesOfWhole(Method method, double rate, boolean created) {
        TrainConfig config = TrainConfig.builder(method)
                .learningRate(rate)
                .headLearningRate(5e-4)
                .build();
        LoraConfig lora = LORA.withModulesToSave(List.of("lm_head"));
        try (Model model = TinyRun.model()) {
            if (created) {
                model.weights().markCreated("lm_head.weight");
            }
            try (Trainable trainable = Trainable.create(model, lora, config)) {
                return trainable.optimizer().groups().stream()
                        .filter(group -> !group.name().equals("factors"))
                        .collect(Collectors.toMap(Group::name, Group::learningRate));
            }
        }
    }
}
