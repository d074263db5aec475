package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class InLanesTest {
    /** DoRA makes its row norms anew, and a backward pass refuses what it had saved, by the version of a factor. */
    @Test
    void whatIsWrittenCountsUpItsVersion() {
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> parameters = List.of(parameter(), parameter(), parameter());
            List<Long> before = parameters.stream().map(Tensor::_version).toList();
            InLanes<Tensor> inLanes = new InLanes<>(parameters, List::of);
            inLanes.each(parameter -> parameter.detach().add_(new Scalar(1.0)));
            for (int i = 0; i < parameters.size(); i++) {
                Tensor parameter = parameters.get(i);
                assertTrue(parameter._version() > before.get(i), "version stayed " + before.get(i));
                assertEquals(6, parameter.sum().item_double());
                assertTrue(parameter.is_leaf() && parameter.requires_grad());
            }
        }
    }

    @Test
    void aSumDoesNotWrite() {
        try (NativeScope scope = new NativeScope()) {
            Tensor parameter = parameter();
            long before = parameter._version();
            InLanes<Tensor> inLanes = new InLanes<>(List.of(parameter, parameter), List::of);
            assertEquals(
                    0, inLanes.sum((one, sum) -> sum.add(one.detach().square().sum())));
            assertEquals(before, parameter._version());
        }
    }

    private static Tensor parameter() {
        Tensor parameter = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2, 3);
        parameter.set_requires_grad(true);
        return parameter;
    }
}
