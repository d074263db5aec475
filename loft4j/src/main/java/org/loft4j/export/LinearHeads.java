package org.loft4j.export;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.Shapes;

/**
 * The heads of linear attention, where a head of keys serves several of values. Transformers has the values of one head of keys
 * beside each other; llama.cpp goes through all heads of keys, and then through them again.
 *
 * @param keyHeads heads of queries and of keys
 * @param valueHeads a multiple of them
 * @param keyDim size of a head of keys
 */
record LinearHeads(int keyHeads, int valueHeads, int keyDim) {

    /**
     * Rows in llama.cpp's order: head {@code j·keyHeads + i} is head {@code i·times + j} of the input.
     *
     * @param rows {@code (valueHeads·d, …)}
     */
    Tensor rows(Tensor rows) {
        long[] shape = Shapes.of(rows);
        int times = valueHeads / keyHeads;
        return times == 1
                ? rows
                : rows.reshape(keyHeads, times, rows.numel() / valueHeads)
                        .transpose(0, 1)
                        .reshape(shape);
    }

    /**
     * The same of the rows behind those of queries and keys.
     *
     * @param rows {@code (2·keyHeads·keyDim + valueHeads·d, …)}
     */
    Tensor behindKeys(Tensor rows) {
        long keys = 2L * keyHeads * keyDim;
        return torch.cat(new TensorVector(rows.narrow(0, 0, keys), rows(rows.narrow(0, keys, rows.size(0) - keys))), 0);
    }
}
