package org.loft4j.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.train.Method;

class StepBenchTest {
    /** Those with an adapter share a model. */
    @Test
    void allContestantsTakeTheirSteps() {
        BenchModel tiny = new BenchModel("tiny", LlamaConfig.of(64, 32, 2, 2, 2, 64, 8), 2, 8);
        List<Contestant> contestants = List.of(
                Contestant.LORA,
                Contestant.of(Method.LOFT),
                Contestant.LOFT_BFLOAT16,
                Contestant.LORA_CHECKPOINTING,
                Contestant.of(Method.FULL));
        StepBench.Result result = new StepBench(tiny, 2, 1).run(contestants);
        assertEquals(
                contestants.stream().map(Contestant::name).toList(),
                List.copyOf(result.medians().keySet()));
        result.medians().forEach((name, medians) -> assertTrue(medians.step() > 0, name));
    }

    @Test
    void ofAnEvenNumberTheMiddleOnesAreAveraged() {
        assertEquals(3, StepBench.median(new double[] {9, 1, 3}));
        assertEquals(2.5, StepBench.median(new double[] {9, 1, 3, 2}));
        assertEquals(7, StepBench.median(new double[] {7}));
    }
}
