package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

class AdamWParityTest {
    /** Beside libtorch's own optimizer, live; the larger ones go in ranges, in pieces, and transposed as a whole. */
    @ParameterizedTest
    @CsvSource({
        "F32, 13, 7, 30, false",
        "F64, 13, 7, 30, false",
        "F64, 13, 7, 30, true",
        "F32, 1100, 1000, 3, false",
        "F64, 1100, 1000, 3, false",
        "F64, 1100, 1000, 3, true"
    })
    void stepsEqualLibtorchs(Dtype dtype, long rows, long columns, int steps, boolean transposed) {
        Seeds.manualSeed(1);
        try (NativeScope scope = new NativeScope()) {
            Tensor drawn = torch.randn(new long[] {rows, columns}, Tensors.options(dtype, DeviceSpec.CPU));
            Tensor start = transposed ? drawn.t() : drawn;
            Tensor ours = start.clone();
            Tensor theirs = start.clone();
            ours.set_requires_grad(true);
            theirs.set_requires_grad(true);
            AdamWOptions options = new AdamWOptions(3e-2);
            options.weight_decay().put(0.1);
            options.eps().put(1e-8);
            var reference = new org.bytedeco.pytorch.AdamW(new TensorVector(theirs), options);
            try (AdamW adamW = new AdamW(
                    List.of(new NamedParameter("p", ours)),
                    AdamWConfig.defaults().withWeightDecay(0.1))) {
                for (int step = 0; step < steps; step++) {
                    Tensor noise = torch.randn_like(start);
                    for (Tensor p : List.of(ours, theirs)) {
                        p.square().mul(new Scalar(0.5)).add(p.mul(noise)).sum().backward();
                    }
                    double norm = ours.grad()
                            .to(Dtype.F64.scalarType())
                            .square()
                            .sum()
                            .item_double();
                    // each piece is summed in the type of the gradient
                    double rounding = dtype == Dtype.F64 ? 1e-13 : 1e-5;
                    assertEquals(norm, adamW.squaredGradNorm(), rounding * norm);
                    adamW.step(3e-2, 1);
                    reference.step();
                    adamW.zeroGrad();
                    reference.zero_grad();
                }
            }
            double deviation = ours.sub(theirs).abs().max().item_double();
            assertTrue(deviation <= (dtype == Dtype.F64 ? 1e-15 : 1e-7), "largest deviation " + deviation);
        }
    }
}
