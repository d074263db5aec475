package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.data.Dataset;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.train.MemoryPlan.Load;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;

class BatchSizesTest {
    private static final TrainConfig CONFIG =
            TrainConfig.builder(Method.LORA).batchSize(2).evalBatchSize(5).build();

    private static PreferenceDataset pairs(int count, int longest) {
        int[] answer = new int[longest];
        return new PreferenceDataset(Dataset.causalLmIds(IntStream.range(0, 2 * count)
                .mapToObj(i -> i == 0 ? answer : new int[3])
                .toList()));
    }

    private static Load largest(PreferenceDataset train, PreferenceDataset held) {
        return BatchSizes.largest(new TrainData(train, held, 0, 16), CONFIG);
    }

    @Test
    void withoutAReferenceNothingIsLookedAtBefore() {
        TrainConfig free = TrainConfig.builder(Method.LORA)
                .batchSize(2)
                .preferenceLoss(PreferenceLoss.of(PreferenceLoss.Kind.SIMPO))
                .build();
        assertEquals(new Load(4, 9, 0, 0), BatchSizes.largest(new TrainData(pairs(4, 9), null, 0, 16), free));
    }

    /** Before the first step the model looks at the rows to learn from as well, answer by answer. */
    @Test
    void preferencesAreTwoRowsAndAreLookedAtBefore() {
        assertEquals(new Load(4, 9, 5, 9), BatchSizes.largest(new TrainData(pairs(4, 9), null, 0, 16), CONFIG));
        assertEquals(new Load(4, 9, 5, 9), largest(pairs(4, 9), pairs(2, 4)));
        assertEquals(new Load(4, 9, 10, 8), largest(pairs(4, 9), pairs(6, 8)));
        Dataset texts = Dataset.causalLmIds(List.of(new int[7], new int[3]));
        assertEquals(new Load(2, 7, 0, 0), BatchSizes.largest(new TrainData(texts, null, 0, 16), CONFIG));
    }
}
