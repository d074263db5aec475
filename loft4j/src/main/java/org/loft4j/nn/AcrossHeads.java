package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;

/**
 * One norm over all heads of a token, as OLMo 2 has it; OLMo Team 2024 (arXiv:2501.00656), section 3.
 *
 * @param norm of {@code (…, heads·headDim)}
 */
public record AcrossHeads(Norm norm) implements Norm {
    /** Normalises {@code (…, heads, headDim)}. */
    @Override
    public Tensor forward(Tensor x) {
        return norm.forward(x.flatten(-2, -1)).view(x.sizes());
    }
}
