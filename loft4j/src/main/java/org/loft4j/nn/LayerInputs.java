package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.loft4j.tensor.NativeScope;

/**
 * What each block of a decoder is given of a token beside the states: a vector of the token's own, from a table that has one for each
 * block, and a projection of its embedding x: {@code vₗ = (norm(scale·P(x))ₗ + tableScale·tableₗ) / √2}, as Gemma 3n and Gemma 4
 * have it.
 *
 * @param table {@code (vocabulary, blocks·width)}
 * @param tableScale of its vectors
 * @param projection from {@code hidden} to {@code blocks·width}
 * @param scale of what it makes
 * @param norm over the width
 * @param blocks how many there are
 * @param padTokenId whose vectors get no gradient; negative for none
 */
public record LayerInputs(
        WeightMatrix table,
        double tableScale,
        Linear projection,
        double scale,
        Norm norm,
        int blocks,
        long padTokenId) {
    private static final double HALF = Math.sqrt(0.5);

    /**
     * The input of each block, {@code (batch, seq, width)}.
     *
     * @param ids {@code (batch, seq)}
     * @param embedded {@code (batch, seq, hidden)}, what the first block gets
     */
    List<Tensor> of(Tensor ids, Tensor embedded) {
        long width = table.in() / blocks;
        try (NativeScope scope = new NativeScope()) {
            Tensor projected = norm.forward(
                    projection.forward(embedded).mul(new Scalar(scale)).unflatten(-1, blocks, width));
            Tensor own =
                    table.lookup(ids, padTokenId).mul(new Scalar(tableScale)).unflatten(-1, blocks, width);
            TensorVector each = projected.add(own).mul(new Scalar(HALF)).unbind(2);
            List<Tensor> inputs = new ArrayList<>();
            for (int i = 0; i < blocks; i++) {
                // what get() yields points into the list; a handle of our own outlives it
                inputs.add(scope.toEnclosing(new Tensor(each.get(i))));
            }
            return inputs;
        }
    }
}
