package org.loft4j.train;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.NativeScope;

/**
 * What an adapter was before training, to look at answers with it once more: its factors are few, so no second model is held. Made
 * before a checkpoint is restored; what a new adapter begins with is a function of the seed, so a resumed run has the same.
 */
final class ReferenceWeights implements AutoCloseable {
    static final String NO_COPY =
            "kl_beta above 0 sets answers against the model before training, and method full keeps no copy of that: set it to"
                    + " 0, or train an adapter";

    private final LoraAdapter adapter;
    private final Weights before = new Weights();

    /** @throws ConfigException if there is no adapter */
    ReferenceWeights(Trainable trainable) {
        LoraAdapter trained = trainable.adapter();
        if (trained == null) {
            throw new ConfigException(NO_COPY);
        }
        this.adapter = trained;
        tensors().forEach((name, tensor) -> {
            try (NativeScope scope = new NativeScope()) {
                before.put(name, tensor.detach().clone());
            }
        });
    }

    private Map<String, Tensor> tensors() {
        Map<String, Tensor> all = new LinkedHashMap<>(adapter.savedModules());
        adapter.layers().forEach((path, layer) -> {
            all.put(path + ".lora_A", layer.loraA());
            all.put(path + ".lora_B", layer.loraB());
            Tensor magnitude = layer.magnitude();
            if (magnitude != null) {
                all.put(path + ".magnitude", magnitude);
            }
        });
        return all;
    }

    /** What comes out with the adapter as it was; it is as it is afterwards. */
    <T> T look(Supplier<T> work) {
        try (Weights now = new Weights();
                NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = tensors();
            tensors.forEach((name, tensor) -> now.put(name, tensor.detach().clone()));
            try {
                copy(before, tensors);
                return work.get();
            } finally {
                copy(now, tensors);
            }
        }
    }

    private void copy(Weights from, Map<String, Tensor> to) {
        to.forEach((name, tensor) -> SavedAdapter.copy(tensor, from.get(name)));
        // DoRA's norms are those of the factors
        adapter.renewNorms();
    }

    @Override
    public void close() {
        before.close();
    }
}
