package org.loft4j.adapter;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;

/**
 * An {@code adapter_config.json} as far as it is honoured; what is not is refused when the file is read.
 *
 * @param lora ranks, targets and what goes with them
 * @param task of the model that was adapted; null if the file does not say
 * @param metadata of the base model; its name is empty if the file does not say
 * @param ensureWeightTying whether a matrix that is input and output embedding stays one where it is saved in full
 */
public record PeftConfig(LoraConfig lora, @Nullable Task task, PeftMetadata metadata, boolean ensureWeightTying) {
    /** The same with another dropout, which is of training alone. */
    public PeftConfig withDropout(double dropout) {
        return with(lora.withDropout(dropout));
    }

    /**
     * The settings of the factors as they are on a model: by its names, where the adapter has those of a language model in another, or
     * of one alone, and without names that fit nothing in it, which PEFT lets pass.
     *
     * @param directory of the adapter
     * @throws CheckpointException if the file of its tensors is missing or faulty
     */
    public LoraConfig loraOn(Model model, Path directory) throws CheckpointException {
        try (TensorSource file = PeftFiles.open(directory)) {
            return InnerTensors.fitted(lora, file, model).knownTo(model);
        }
    }

    /** The same with other settings of the factors. */
    PeftConfig with(LoraConfig other) {
        return new PeftConfig(other, task, metadata, ensureWeightTying);
    }
}
