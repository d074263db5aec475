package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;

/** The adapter of a run as a checkpoint, or its result, has it. */
final class SavedAdapter {
    private SavedAdapter() {}

    /** Takes it up, bit for bit. The optimizers hold the tensors of our adapter, so the saved one is read beside it and copied over. */
    static void restore(Path directory, Model model, LoraAdapter ours) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> modules = new LinkedHashMap<>();
            try (LoraAdapter saved = PeftFiles.load(directory, model)) {
                requireAlike(directory, saved, ours);
                saved.layers().forEach((path, layer) -> {
                    LoraLinear target = Objects.requireNonNull(ours.layers().get(path));
                    copy(target.loraA(), layer.loraA());
                    copy(target.loraB(), layer.loraB());
                    if (target.magnitude() != null && layer.magnitude() != null) {
                        copy(target.magnitude(), layer.magnitude());
                    }
                });
                saved.savedModules()
                        .forEach((name, tensor) ->
                                modules.put(name, tensor.detach().clone()));
            }
            ours.attach();
            ours.savedModules().forEach((name, tensor) -> copy(tensor, Objects.requireNonNull(modules.get(name))));
        }
    }

    /** Before anything is written. */
    private static void requireAlike(Path directory, LoraAdapter saved, LoraAdapter ours) throws CheckpointException {
        if (!saved.layers().keySet().equals(ours.layers().keySet())) {
            throw new CheckpointException(directory, "has adapters on other layers than this run");
        }
        if (!saved.savedModules().keySet().equals(ours.savedModules().keySet())) {
            throw new CheckpointException(
                    directory,
                    "holds " + saved.savedModules().keySet() + " in full, and this run trains "
                            + ours.savedModules().keySet());
        }
        if (saved.config().useDora() != ours.config().useDora()) {
            throw new CheckpointException(directory, "differs from this run in use_dora");
        }
        for (LoraLinear layer : saved.layers().values()) {
            LoraLinear target = Objects.requireNonNull(ours.layers().get(layer.path()));
            if (layer.rank() != target.rank() || layer.scale() != target.scale()) {
                throw new CheckpointException(
                        directory,
                        layer.path() + " has rank " + layer.rank() + " with the scale " + layer.scale()
                                + ", and in this run " + target.rank() + " with " + target.scale());
            }
        }
    }

    /** Copies values, without a trace for the gradients. */
    static void copy(Tensor target, Tensor source) {
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            target.copy_(source);
        }
    }
}
