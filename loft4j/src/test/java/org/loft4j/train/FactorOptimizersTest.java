package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.nn.Model;
import org.loft4j.optim.OptimizerGroups.Group;

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
}
