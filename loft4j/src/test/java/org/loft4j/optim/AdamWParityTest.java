package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

class AdamWParityTest {
    /** Thirty steps beside libtorch's own optimizer, live. */
    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F32", "F64"})
    void thirtyStepsEqualLibtorchs(Dtype dtype) {
        Seeds.manualSeed(1);
        try (NativeScope scope = new NativeScope()) {
            Tensor start = torch.randn(new long[] {13, 7}, Tensors.options(dtype, DeviceSpec.CPU));
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
                for (int step = 0; step < 30; step++) {
                    Tensor noise = torch.randn_like(start);
                    for (Tensor p : List.of(ours, theirs)) {
                        p.square().mul(new Scalar(0.5)).add(p.mul(noise)).sum().backward();
                    }
                    adamW.squaredGradNorm();
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
