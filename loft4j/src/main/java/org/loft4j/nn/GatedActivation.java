package org.loft4j.nn;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.AutoDispatchBelowADInplaceOrView;
import org.bytedeco.pytorch.Tensor;

/**
 * {@code y = act(g) ⊙ u}, Shazeer 2020 (arXiv:2002.05202), equation 6, which keeps g and u for its gradients
 *
 * <pre>  ∂g = act′(g) ⊙ ∂y ⊙ u        ∂u = act(g) ⊙ ∂y</pre>
 *
 * and computes act(g) again in the backward pass: it is as wide as the widest part of a layer, and cheap.
 */
final class GatedActivation {
    private GatedActivation() {}

    /** Of two tensors of one shape and type. */
    static Tensor of(Activation activation, Tensor gate, Tensor up) {
        Tensor y;
        try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
            y = activation.apply(gate).mul_(up);
        }
        boolean learnsGate = gate.requires_grad();
        boolean learnsUp = up.requires_grad();
        AutogradFunction.lead(
                "a gated activation has no second derivative",
                y,
                List.of(gate, up),
                List.of(gate, up),
                (saved, ofY) -> Arrays.asList(
                        learnsGate ? ofGate(activation, saved.get(0), saved.get(1), ofY) : null,
                        learnsUp ? activation.apply(saved.get(0)).mul_(ofY) : null));
        return y;
    }

    private static Tensor ofGate(Activation activation, Tensor gate, Tensor up, Tensor ofY) {
        Tensor gradient = ofY.mul(up);
        activation.toGradient(gradient, gate);
        return gradient;
    }
}
