package org.loft4j.optim;

import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/** Takes up saved tensors bit for bit. */
final class SavedState {
    private SavedState() {}

    /** Copies each saved tensor into the present one of its name; names, shapes and dtypes must agree, and nothing is written unless all do. */
    static void copyInto(Map<String, Tensor> present, Map<String, Tensor> saved) {
        if (!present.keySet().equals(saved.keySet())) {
            TreeSet<String> missing = new TreeSet<>(present.keySet());
            missing.removeAll(saved.keySet());
            TreeSet<String> extra = new TreeSet<>(saved.keySet());
            extra.removeAll(present.keySet());
            throw new ConfigException(
                    "the saved optimizer state belongs to another run: missing " + missing + ", unknown " + extra);
        }
        present.forEach((name, tensor) -> {
            Tensor from = Objects.requireNonNull(saved.get(name));
            Shapes.require(name, from, Shapes.of(tensor));
            if (Dtype.of(from) != Dtype.of(tensor)) {
                throw new ConfigException(
                        "saved " + name + " must have dtype " + Dtype.of(tensor) + ", got " + Dtype.of(from));
            }
        });
        present.forEach((name, tensor) -> tensor.copy_(Objects.requireNonNull(saved.get(name))));
    }
}
