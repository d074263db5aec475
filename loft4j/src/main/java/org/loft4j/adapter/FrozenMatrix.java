package org.loft4j.adapter;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Linear;
import org.loft4j.nn.WeightMatrix;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** The matrix of an adapted layer, which PEFT stores along where it is an embedding's or the output embedding's. */
final class FrozenMatrix {
    /** Twice what bfloat16 rounds off at most, relative; and what float16 takes for zero, in round figures. */
    private static final double ROUNDING = 1.0 / 128;

    private static final double SMALLEST = 1e-7;

    private FrozenMatrix() {}

    /** Refuses a frozen matrix in the file that is another than the model's, up to rounding where the types differ. */
    static void requireSame(TensorSource file, String hint, Linear layer) throws CheckpointException {
        String name = PeftFiles.PREFIX + layer.path() + PeftFiles.BASE_LAYER;
        if (!file.names().contains(name)) {
            return;
        }
        WeightMatrix matrix = layer.matrix();
        boolean turned = matrix.isStoredTransposed();
        try (NativeScope scope = new NativeScope()) {
            Tensor stored = turned
                    ? PeftFiles.read(file, hint, name, layer.inFeatures(), layer.outFeatures())
                            .t()
                    : PeftFiles.read(file, hint, name, layer.outFeatures(), layer.inFeatures());
            // a matrix in fewer bits has lost what could be compared
            if (matrix.isWritable() && !isSame(stored, matrix.dense().detach().cpu())) {
                throw new CheckpointException(
                        file.path(),
                        "tensor " + name
                                + " is the frozen matrix that the adapter was trained on, and the model has another"
                                + " one: open the model that it belongs to" + hint);
            }
        }
    }

    private static boolean isSame(Tensor stored, Tensor ours) {
        if (Dtype.of(stored) == Dtype.of(ours)) {
            return stored.equal(ours);
        }
        ScalarType common = Dtype.F32.scalarType();
        return torch.allclose(stored.to(common), ours.to(common), ROUNDING, SMALLEST, false);
    }
}
