package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.nn.Dropout;

/**
 * What A makes of an input after dropout, with {@code D} 1 where a number stays and 0 where it is dropped, and {@code k = 1/(1 −
 * share)}:
 *
 * <pre>  Z = k·(x ⊙ D)·Aᵀ        ∂x = k·(∂Z·A) ⊙ D        ∂A = k·∂Zᵀ·(x ⊙ D)</pre>
 *
 * <p>The backward pass keeps x, which other layers on the same input keep too, and a byte for each of its numbers; {@code x ⊙ D} is
 * made again. Of two operations autograd would keep a copy of x for each layer besides.
 */
final class DroppedProduct {
    private DroppedProduct() {}

    /**
     * @param x {@code (rows, in)}; what is dropped of it is {@link Dropout#isDrawn drawn} here
     * @param loraA {@code (r, in)}, of the type of x
     * @return {@code (rows, r)}
     */
    static Tensor of(Tensor x, Tensor loraA, double share) {
        double k = Dropout.kept(share);
        Tensor stays;
        Tensor z;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            stays = Dropout.drawn(x, share);
            z = x.mul(stays).mm(loraA.t()).mul_(new Scalar(k));
        }
        boolean learnsX = x.requires_grad();
        boolean learnsA = loraA.requires_grad();
        List<Tensor> saved = new ArrayList<>(List.of(stays, loraA));
        if (learnsA) {
            saved.add(x);
        }
        AutogradFunction.lead(
                "dropout before LoRA has no second derivative here", z, List.of(x, loraA), saved, (all, gradient) -> {
                    Tensor ofZ = gradient.mul(new Scalar(k));
                    return Arrays.asList(
                            learnsX ? ofZ.mm(all.get(1)).mul_(all.get(0)) : null,
                            learnsA ? ofZ.t().mm(all.get(2).mul(all.get(0))) : null);
                });
        return z;
    }
}
