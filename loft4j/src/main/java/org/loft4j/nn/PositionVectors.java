package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/** What is added to the vectors of tokens, so that they tell where they stand; Vaswani et al. 2017 (arXiv:1706.03762), section 3.5. */
public sealed interface PositionVectors {
    /**
     * Those of some columns, {@code (batch or 1, columns, hidden)}, in the dtype of the tokens' vectors.
     *
     * @param tokens the vectors that they are for, {@code (batch, columns, hidden)}
     * @param positions int64 {@code (batch, columns)}; null where they are the numbers of the columns
     * @param past columns before the first
     */
    Tensor of(Tensor tokens, @Nullable Tensor positions, long past);

    /**
     * Rows of a table. A column behind its end, of which nothing is told, has the last row.
     *
     * @param table {@code (rows, hidden)}, owned by the model's weights
     * @param first the row of the first position
     */
    record Table(Tensor table, long first) implements PositionVectors {
        /**
         * The vectors of tokens with theirs. What is padding has the row before the first, where there is one.
         *
         * @throws ShapeException if there are more positions than the table has
         */
        Tensor addedTo(Tensor tokens, Padding padding, long past) {
            long count = table.size(0) - first;
            if (padding.length() > count) {
                throw new ShapeException("a sequence must have at most " + count + " tokens, got " + padding.length());
            }
            Tensor all = first == 0 ? padding.positions() : padding.positionsOfTokens();
            return tokens.add(of(tokens, all == null ? null : all.narrow(1, past, tokens.size(1)), past));
        }

        @Override
        public Tensor of(Tensor tokens, @Nullable Tensor positions, long past) {
            if (positions != null) {
                return torch.embedding(table, positions.add(new Scalar(first)));
            }
            long begin = first + past;
            long count = Math.min(tokens.size(1), table.size(0) - begin);
            Tensor rows = table.narrow(0, begin, count);
            if (count < tokens.size(1)) {
                long beyond = tokens.size(1) - count;
                Tensor last = table.narrow(0, table.size(0) - 1, 1).expand(beyond, -1);
                rows = torch.cat(new TensorVector(rows, last), 0);
            }
            return rows.unsqueeze(0);
        }
    }

    /**
     * Sines of the position times falling frequencies, then the cosines. The frequencies begin with 1 and end with, or before, 1/10000.
     *
     * @param first what the first position counts as
     * @param steps in which they fall to 1/10000: half of the width, or one less
     * @param dtype that they are computed in, before they are those of the model
     */
    record Sinusoids(long first, long steps, Dtype dtype) implements PositionVectors {
        @Override
        public Tensor of(Tensor tokens, @Nullable Tensor positions, long past) {
            DeviceSpec device = DeviceSpec.of(tokens);
            Tensor at = positions == null
                    ? torch.arange(
                                    new Scalar(first + past),
                                    new Scalar(first + past + tokens.size(1)),
                                    Tensors.options(Dtype.I64, device))
                            .unsqueeze(0)
                    : positions.add(new Scalar(first));
            Tensor pairs =
                    torch.arange(new Scalar(0), new Scalar(tokens.size(2) / 2), Tensors.options(Dtype.I64, device));
            Tensor frequencies = pairs.to(dtype.scalarType())
                    .mul(new Scalar(-Math.log(10000) / steps))
                    .exp();
            Tensor angles = at.to(dtype.scalarType()).unsqueeze(-1).mul(frequencies);
            return torch.cat(new TensorVector(angles.sin(), angles.cos()), -1)
                    .to(Dtype.of(tokens).scalarType());
        }
    }
}
