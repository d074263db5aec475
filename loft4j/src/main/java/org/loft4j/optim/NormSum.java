package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Adds up scalars on the device, so that the host waits for it once. Lives within one scope. */
final class NormSum {
    private final TensorVector terms = new TensorVector();

    void add(Tensor scalar) {
        terms.push_back(scalar.to(ScalarType.Double));
    }

    double value() {
        return terms.empty() ? 0 : torch.stack(terms).sum().item_double();
    }
}
