package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

class LoftFullRankTest {
    /** At full rank with no frozen part, the trajectory of W = B·A is AdamW's on W. */
    @ParameterizedTest
    @CsvSource({
        "0.9, 0.999, 0, false",
        "0.9, 0.999, 0.1, false",
        "0, 0, 0, false",
        "0.5, 0.9, 0.1, false",
        "0.9, 0.999, 0, true",
        "0.9, 0.999, 0.1, true",
        "0, 0, 0, true"
    })
    void theTrajectoryOfWIsThatOfAdamW(double beta1, double beta2, double decay, boolean tangent) {
        Seeds.manualSeed(7);
        try (NativeScope scope = new NativeScope()) {
            int n = 11;
            Tensor b = nearOrthogonal(n);
            Tensor a = nearOrthogonal(n);
            Tensor w = b.mm(a).detach();
            w.set_requires_grad(true);
            b.set_requires_grad(true);
            a.set_requires_grad(true);
            Tensor target = randn(n);
            LoftConfig config = new LoftConfig(beta1, beta2, 1e-8, decay, new Damping.Relative(1e-8))
                    .withTangent(tangent)
                    .withMatchRate(tangent);
            Tensor sink = Tensors.zeros(Dtype.F64, DeviceSpec.CPU, n, 1);
            sink.set_requires_grad(true);
            GradientProbe probe = new GradientProbe(randn(n).narrow(0, 0, 1), sink);
            try (Optimizer loft = Loft.adamW(List.of(new LowRankPair("w", a, b, 1, probe)), config);
                    AdamW adamW = new AdamW(
                            List.of(new NamedParameter("w", w)), new AdamWConfig(beta1, beta2, 1e-8, decay))) {
                for (int step = 0; step < 50; step++) {
                    Tensor noise = randn(n);
                    Tensor product = tangent ? b.mm(a).add(sink.mm(probe.direction())) : b.mm(a);
                    loss(product, target, noise).backward();
                    loss(w, target, noise).backward();
                    loft.squaredGradNorm();
                    loft.step(1e-2, 1);
                    adamW.step(1e-2, 1);
                    loft.zeroGrad();
                    adamW.zeroGrad();
                    double deviation =
                            b.mm(a).sub(w).norm().item_double() / w.norm().item_double();
                    assertTrue(deviation <= 1e-10, "step " + (step + 1) + ": relative deviation " + deviation);
                }
            }
        }
    }

    private static Tensor loss(Tensor w, Tensor target, Tensor noise) {
        return w.sub(target)
                .square()
                .mul(new Scalar(0.5))
                .sum()
                .add(w.mul(noise).sum());
    }

    private static Tensor randn(int n) {
        return torch.randn(new long[] {n, n}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
    }

    private static Tensor nearOrthogonal(int n) {
        return torch.linalg_qr(randn(n))
                .get0()
                .add(randn(n).mul(new Scalar(0.1)))
                .detach();
    }
}
