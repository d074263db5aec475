package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.loft4j.optim.Matrices.tensor;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class RateMatchTest {
    private static double kappa(RateMatch match, double missed, double captured) {
        match.read(scalar(missed), scalar(captured));
        return match.factor().item_double();
    }

    private static Tensor scalar(double value) {
        return Tensors.of(new double[] {value}, 1).select(0, 0);
    }

    @Test
    void itIsTheRootOfWhatIsMissedAndCapturedByMovingAverages() {
        try (NativeScope scope = new NativeScope();
                RateMatch match = new RateMatch(tensor(new double[1][1]))) {
            assertEquals(2, kappa(match, 3, 1), 1e-12);
            double missed = 0.9 * 3 + 8;
            double captured = 0.9 * 1 + 2;
            assertEquals(Math.sqrt(1 + missed / captured), kappa(match, 8, 2), 1e-12);
        }
    }

    @Test
    void itIsBounded() {
        try (NativeScope scope = new NativeScope();
                RateMatch nothing = new RateMatch(tensor(new double[1][1]));
                RateMatch all = new RateMatch(tensor(new double[1][1]));
                RateMatch much = new RateMatch(tensor(new double[1][1]))) {
            assertEquals(1, kappa(nothing, 0, 0), 0, "a gradient of zero moves nothing at any rate");
            assertEquals(10, kappa(all, 1, 0), 0);
            assertEquals(10, kappa(much, 1e6, 1), 0);
        }
    }
}
