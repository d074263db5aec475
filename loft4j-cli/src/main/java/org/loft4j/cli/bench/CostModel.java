package org.loft4j.cli.bench;

import java.util.List;
import org.loft4j.cli.bench.BenchModel.Matrix;
import org.loft4j.cli.bench.CostFit.Point;
import org.loft4j.cli.bench.ScalingBench.MatrixCost;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.tensor.Engine;

/**
 * What LoFT takes beyond LoRA for a model of any size, by what was measured on small ones. LoFT's optimizer is priced a matrix m×n at
 * rank r, with {@code q = r(r+1)/2}: {@code m·n·(q + 2r)} multiplications of block 5, passes over its {@code m·n} elements,
 * {@code (m + n)·q} cross terms that take in a gradient, the algebra of r×r matrices, and a call; a step of LoRA by its operations,
 * its activations, its layers, and a call.
 *
 * @param loft LoFT's optimizer for one matrix
 * @param adamW LoRA's optimizer for one matrix
 * @param loraStep a step of LoRA
 */
public record CostModel(CostFit loft, CostFit adamW, CostFit loraStep) {
    /** Llama 2 of 7 billion parameters, rows of 512 tokens. */
    public static final BenchModel SEVEN_BILLION =
            new BenchModel("7 B", LlamaConfig.of(32_000, 4096, 32, 32, 32, 11_008, 4096), 4, 512);

    /** Llama 2 of 70 billion parameters, with eight heads for keys and values. */
    public static final BenchModel SEVENTY_BILLION =
            new BenchModel("70 B", LlamaConfig.of(32_000, 8192, 80, 64, 8, 28_672, 4096), 4, 512);

    /** Fits all three. */
    public static CostModel of(ScalingBench.Result measured) {
        return new CostModel(
                CostFit.of(
                        List.of("multiply_add", "element", "cross_term", "cubed_rank", "matrix"),
                        measured.matrices().stream()
                                .map(cost -> new Point(ofLoft(matrix(cost), cost.rank()), cost.loft()))
                                .toList()),
                CostFit.of(
                        List.of("number", "matrix"),
                        measured.matrices().stream()
                                .map(cost -> new Point(ofAdamW(matrix(cost), cost.rank()), cost.adamW()))
                                .toList()),
                CostFit.of(
                        List.of("operation", "activation", "layer", "step"),
                        measured.steps().stream()
                                .map(cost -> new Point(ofStep(cost.model(), ScalingBench.RANK), cost.lora()))
                                .toList()));
    }

    private static Matrix matrix(MatrixCost cost) {
        return new Matrix(cost.outputs(), cost.inputs());
    }

    private static double crossTerms(double rank) {
        return rank * (rank + 1) / 2;
    }

    private static double[] ofLoft(Matrix matrix, double rank) {
        return new double[] {
            matrix.elements() * (crossTerms(rank) + 2 * rank),
            matrix.elements(),
            matrix.sides() * crossTerms(rank),
            rank * rank * rank,
            1
        };
    }

    private static double[] ofAdamW(Matrix matrix, double rank) {
        return new double[] {matrix.sides() * rank, 1};
    }

    private static double[] ofStep(BenchModel model, int rank) {
        DecoderConfig sizes = model.config().sizes();
        double numbers = 8.0 * sizes.hiddenSize() + 4.0 * sizes.intermediateSize();
        return new double[] {
            model.loraStepFlops(rank), model.tokens() * (double) sizes.layers() * numbers, sizes.layers(), 1
        };
    }

    /** Seconds of LoFT's optimizer for one matrix, while each core is at one. */
    public double loft(MatrixCost cost) {
        return loft.seconds(ofLoft(matrix(cost), cost.rank()));
    }

    /** Seconds of a LoRA step. */
    public double loraStep(BenchModel model, int rank) {
        return loraStep.seconds(ofStep(model, rank));
    }

    /** Seconds of LoFT's optimizer beyond LoRA's. */
    private double beyond(BenchModel model, int rank) {
        double ofALayer = 0;
        for (Matrix matrix : model.matricesOfALayer()) {
            ofALayer += loft.seconds(ofLoft(matrix, rank)) - adamW.seconds(ofAdamW(matrix, rank));
        }
        return model.config().sizes().layers() * ofALayer / Engine.threads();
    }

    /** What LoFT's step takes beyond LoRA's, in parts of that. */
    public double overhead(BenchModel model, int rank) {
        return beyond(model, rank) / loraStep(model, rank);
    }

    /** The tokens a step, whole rows, from which LoFT's overhead is no more than a bound; a step's time goes with them. */
    public long tokensFor(BenchModel model, int rank, double bound) {
        double one = loraStep(model.withBatch(1), rank);
        double two = loraStep(model.withBatch(2), rank);
        double rows = 1 + (beyond(model, rank) / bound - one) / (two - one);
        return Math.max(1, (long) Math.ceil(rows)) * model.sequence();
    }

    /** Bytes that LoFT's state takes beyond LoRA's: {@code (m + n)·(q + 2 − r)} numbers of float32 a matrix. */
    public static double stateBeyond(BenchModel model, int rank) {
        double sides =
                model.matricesOfALayer().stream().mapToDouble(Matrix::sides).sum();
        return 4 * model.config().sizes().layers() * sides * (crossTerms(rank) + 2 - rank);
    }
}
