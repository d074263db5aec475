package org.loft4j.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.cli.bench.ScalingBench.MatrixCost;
import org.loft4j.cli.bench.ScalingBench.StepCost;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.tensor.Engine;

/** A machine whose prices are known: 1e-11 s for a multiplication of block 5, 1e-10 an element; 1e-11 s for an operation of a step. */
class CostModelTest {
    private static double loft(double m, double n, double r) {
        return m * n * (r * (r + 1) / 2 + 2 * r) * 1e-11 + m * n * 1e-10;
    }

    private static CostModel model() {
        List<MatrixCost> matrices = new ArrayList<>();
        for (int size : new int[] {512, 1024, 4096}) {
            for (int rank : new int[] {1, 4, 16, 64}) {
                matrices.add(new MatrixCost(size, size, rank, loft(size, size, rank), 2.0 * size * rank * 1e-10));
            }
        }
        List<StepCost> steps = new ArrayList<>();
        for (long hidden : new long[] {512, 1024, 2048}) {
            for (int rows : new int[] {2, 8}) {
                BenchModel model =
                        new BenchModel("", LlamaConfig.of(8192, hidden, 2, 8, 8, 11 * hidden / 4, 256), rows, 256);
                steps.add(new StepCost(model, model.loraStepFlops(16) * 1e-11, 0));
            }
        }
        return CostModel.of(new ScalingBench.Result(matrices, steps, 100));
    }

    @Test
    void theOverheadOfSevenBillionIsThatOfItsMatrices() {
        double h = 4096;
        double w = 11_008;
        double layer = 4 * loft(h, h, 16) + 3 * loft(h, w, 16) - (4 * 2 * h + 3 * (h + w)) * 16 * 1e-10;
        double expected = 32 * layer / Engine.threads() / (CostModel.SEVEN_BILLION.loraStepFlops(16) * 1e-11);
        assertEquals(expected, model().overhead(CostModel.SEVEN_BILLION, 16), 1e-3 * expected);
    }

    /** One row less, and it is more than the bound. */
    @Test
    void soManyTokensBringTheOverheadBack() {
        CostModel model = model();
        for (BenchModel large : List.of(CostModel.SEVEN_BILLION, CostModel.SEVENTY_BILLION)) {
            int rows = (int) (model.tokensFor(large, 64, 0.1) / large.sequence());
            assertEquals(0.1, model.overhead(large.withBatch(rows), 64), 0.1 / rows);
            assertTrue(model.overhead(large.withBatch(rows), 64) <= 0.1);
            assertTrue(model.overhead(large.withBatch(rows - 1), 64) > 0.1);
        }
    }

    /** Rank 16: 136 cross terms and two numbers of the guard, for a second moment of 16; each matrix m + n times. */
    @Test
    void theStateBeyondLorasIsCounted() {
        double sides = 32 * (4 * 2 * 4096.0 + 3 * (4096 + 11_008.0));
        assertEquals(4 * sides * (136 + 2 - 16), CostModel.stateBeyond(CostModel.SEVEN_BILLION, 16), 1);
    }

    /** Keys and values of 70 B have an eighth of the queries' heads. */
    @Test
    void theMatricesOfSeventyBillionAreItsOwn() {
        double elements = CostModel.SEVENTY_BILLION.matricesOfALayer().stream()
                .mapToDouble(BenchModel.Matrix::elements)
                .sum();
        assertEquals(2 * 8192.0 * 8192 + 2 * 8192.0 * 1024 + 3 * 8192.0 * 28_672, elements);
    }
}
