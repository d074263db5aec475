package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

/** Beside matrices that are carried over in full, in float64, whenever the basis moves. */
class CrossTermMomentTest {
    private static final long SEED = Long.getLong("tests.seed", 41L);
    private static final int R = 6;
    private static final int LENGTH = 7;
    private static final double BETA = 0.999;

    @BeforeEach
    void seed() {
        System.out.println("CrossTermMomentTest seed " + SEED);
        Seeds.manualSeed(SEED);
    }

    /**
     * @param r at 20 the cross terms are carried over from both sides, below by one product
     * @param turn size of a random move of the basis; a large one in every twentieth step
     */
    @ParameterizedTest
    @CsvSource({
        "6, F64, 0.02, 1e-12",
        "6, F64, 0.5, 1e-12",
        "6, F32, 0.02, 2e-5",
        "6, F32, 0.5, 2e-5",
        "20, F64, 0.02, 1e-12",
        "20, F64, 0.5, 1e-12",
        "20, F32, 0.02, 2e-5",
        "20, F32, 0.5, 2e-5"
    })
    void vIsThatOfMatricesCarriedOver(int r, Dtype dtype, double turn, double tolerance) {
        try (NativeScope scope = new NativeScope()) {
            Tensor like = torch.zeros(new long[] {r, LENGTH}, Tensors.options(dtype, DeviceSpec.CPU));
            Tensor full = torch.zeros(new long[] {LENGTH, r, r}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
            try (CrossTermMoment moment = new CrossTermMoment(LoftConfig.defaults(), like)) {
                for (int t = 1; t <= 200; t++) {
                    if (t > 1) {
                        Tensor c = unit(r).add(randn(r, r), new Scalar(t % 20 == 0 ? 1.0 : turn));
                        // the size of what is compared stays in range
                        c.mul_(new Scalar(Math.sqrt(r) / c.norm().item_double()));
                        moment.transport(c, t);
                        full = c.matmul(full).matmul(c.t());
                    }
                    Tensor g = randn(r, LENGTH);
                    moment.accumulate(g.to(dtype.scalarType()), t);
                    Tensor rows = g.t();
                    full = full.mul(new Scalar(BETA))
                            .add(rows.unsqueeze(2).mul(rows.unsqueeze(1)), new Scalar(1 - BETA));
                    Tensor a = randn(r, 11);
                    Tensor v = moment.packed().t().mm(moment.squared(a.to(dtype.scalarType())));
                    Tensor expected = a.unsqueeze(0).mul(full.matmul(a)).sum(1);
                    // of each entry by itself, beside what it could be at most
                    Tensor most = full.square()
                            .sum(1, 2)
                            .sqrt()
                            .unsqueeze(1)
                            .mul(a.square().sum(0));
                    double off = v.to(expected.scalar_type())
                            .sub(expected)
                            .abs()
                            .div(most)
                            .max()
                            .item_double();
                    assertTrue(off <= tolerance, "step " + t + ": off by " + off);
                    Tensor power = moment.power(a.mm(a.t()));
                    double offPower = power.to(expected.scalar_type())
                            .div(expected.sum(1))
                            .sub(new Scalar(1.0))
                            .abs()
                            .max()
                            .item_double();
                    assertTrue(offPower <= tolerance, "step " + t + ": power off by " + offPower);
                }
            }
        }
    }

    /**
     * A basis without full rank is carried over in every step, each time by a change far below bfloat16's last digit; rounded to
     * nearest, it would stand still.
     */
    @Test
    void manySmallTurnsOfAPoorBasisAreNotLostInBfloat16() {
        LoftConfig config = LoftConfig.defaults();
        try (NativeScope scope = new NativeScope()) {
            Tensor like = torch.zeros(new long[] {R, LENGTH}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
            Tensor skew = randn(R, R);
            Tensor turn = torch.linalg_matrix_exp(skew.sub(skew.t()).mul(new Scalar(3e-4)));
            turn.select(0, R - 1).zero_();
            turn.select(1, R - 1).zero_();
            try (CrossTermMoment half = new CrossTermMoment(config.withBfloat16CrossTerms(true), like);
                    CrossTermMoment exact = new CrossTermMoment(config, like)) {
                Tensor g = randn(R, LENGTH).to(like.scalar_type());
                half.accumulate(g, 1);
                exact.accumulate(g, 1);
                Tensor before = exact.packed().clone();
                for (int t = 2; t <= 500; t++) {
                    half.transport(turn, t);
                    exact.transport(turn, t);
                }
                Tensor expected = exact.packed();
                double moved = expected.sub(before).norm().item_double()
                        / before.norm().item_double();
                assertTrue(moved > 0.3, "the test must turn it, moved by " + moved);
                double off = half.packed()
                                .to(like.scalar_type())
                                .sub(expected)
                                .norm()
                                .item_double()
                        / expected.norm().item_double();
                System.out.println("bfloat16 cross terms: off by " + off + " after 500 small turns");
                assertTrue(off < 0.1 * moved, "off by " + off + " where it moved by " + moved);
            }
        }
    }

    @Test
    void whatTurnsLittleStaysWhereItIs() {
        try (NativeScope scope = new NativeScope()) {
            Tensor like = torch.zeros(new long[] {R, LENGTH}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
            try (CrossTermMoment moment = new CrossTermMoment(LoftConfig.defaults(), like)) {
                moment.accumulate(randn(R, LENGTH), 1);
                Tensor before = moment.packed().clone();
                moment.transport(unit().add(randn(R, R), new Scalar(0.01)), 2);
                assertTrue(Tensors.bitEqual(before, moment.packed()));
                moment.transport(unit().mul(new Scalar(3.0)), 2);
                assertTrue(!Tensors.bitEqual(before, moment.packed()), "three times as long is far");
            }
        }
    }

    /** The first time that a factor is written, nothing of the history is left: its basis was zero. */
    @Test
    void aBasisThatWasNothingLeavesNoHistory() {
        try (NativeScope scope = new NativeScope()) {
            Tensor like = torch.zeros(new long[] {R, LENGTH}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
            try (CrossTermMoment moment = new CrossTermMoment(LoftConfig.defaults(), like)) {
                moment.accumulate(randn(R, LENGTH).to(like.scalar_type()), 1);
                moment.transport(unit().mul(new Scalar(0.0)), 2);
                assertTrue(moment.packed().abs().max().item_double() == 0);
                Map<String, Tensor> state = new HashMap<>();
                moment.addState("w", state);
                Tensor kept = state.get("w.exp_avg_sq.kept_in");
                assertTrue(kept.select(0, 0).equal(unit()) && kept.select(0, 1).equal(unit()));
            }
        }
    }

    /** Sides that end within a tile, and within a strip of one. */
    @Test
    void tilesCoverTheQuotientOnce() {
        int rows = 701;
        int columns = 530;
        double c1 = 1 - Math.pow(0.9, 3);
        double c2 = 1 - Math.pow(BETA, 3);
        LoftConfig config = LoftConfig.defaults();
        try (NativeScope scope = new NativeScope()) {
            Tensor a = randn(R, columns);
            Tensor m = randn(R, rows);
            Tensor g = randn(R, rows);
            Tensor found = torch.zeros(new long[] {rows, columns}, a.options());
            try (CrossTermMoment moment = new CrossTermMoment(config, m)) {
                moment.accumulate(g, 1);
                moment.forEachTile(
                        m,
                        a,
                        3,
                        (row, column, d) -> found.narrow(0, row, d.size(0))
                                .narrow(1, column, d.size(1))
                                .add_(d));
            }
            // of one gradient V is its square
            Tensor root = g.t().mm(a).abs().mul(new Scalar(Math.sqrt((1 - BETA) / c2)));
            double bound = QuotientBound.at(config, 3);
            Tensor expected = m.t().mm(a)
                    .div(new Scalar(c1))
                    .div(root.add(new Scalar(config.eps())))
                    .clamp(new ScalarOptional(new Scalar(-bound)), new ScalarOptional(new Scalar(bound)));
            double off = found.sub(expected).abs().max().item_double();
            assertTrue(off <= 1e-9, "off by " + off);
        }
    }

    private static Tensor unit() {
        return unit(R);
    }

    private static Tensor unit(int r) {
        return torch.eye(r, Tensors.options(Dtype.F64, DeviceSpec.CPU));
    }

    private static Tensor randn(int rows, int columns) {
        return torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
    }
}
