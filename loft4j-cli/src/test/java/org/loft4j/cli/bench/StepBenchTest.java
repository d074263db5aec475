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
    void withoutTimeOneRoundIsTimed() {
        BenchModel tiny = new BenchModel("tiny", LlamaConfig.of(64, 32, 2, 2, 2, 64, 8), 2, 8);
        StepBench bench = new StepBench(tiny, 2, 3);
        assertEquals(1, bench.run(List.of(Contestant.LORA), 0).rounds());
        assertEquals(3, bench.run(List.of(Contestant.LORA)).rounds());
    }

    @Test
    void ofAnEvenNumberTheMiddleOnesAreAveraged() {
        assertEquals(3, StepBench.median(new double[] {9, 1, 3}));
        assertEquals(2.5, StepBench.median(new double[] {9, 1, 3, 2}));
        assertEquals(7, StepBench.median(new double[] {7}));
    }

    /** The pace of a machine changes from round to round, so each step is held against LoRA's of its own. */
    @Test
    void ratiosAreThoseOfTheRounds() {
        BenchRun.Seconds[] lora = {seconds(1, 1), seconds(2, 2), seconds(4, 4)};
        BenchRun.Seconds[] loft = {seconds(2, 2), seconds(2, 4), seconds(4, 20)};
        StepBench.Medians medians = StepBench.medians(loft, lora);
        assertEquals(6, medians.step());
        assertEquals(1, medians.forward());
        assertEquals(1, medians.backward());
        assertEquals(4, medians.optimizer());
        assertEquals(2, medians.overLora(), "of 2, 1.5 and 3");
    }

    private static BenchRun.Seconds seconds(double gradients, double optimizer) {
        return new BenchRun.Seconds(gradients / 2, gradients, optimizer);
    }
}
