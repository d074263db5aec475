package org.loft4j.train;

import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;

/** Whether a method can train a model, as {@link Trainable#create} finds it, for who has something to do before. */
public final class TrainableCheck {
    private TrainableCheck() {}

    /**
     * Refuses what {@link Trainable#create} would.
     *
     * @param model or its outline
     * @param lora the adapter, for a method that uses one; not read otherwise
     * @throws ConfigException that says what to do
     */
    public static void require(Model model, @Nullable LoraConfig lora, Method method) {
        requireAdapter(lora, method);
        if (lora != null && method.usesAdapter()) {
            Trainable.shaped(model, lora, method).requireFits(model);
        } else {
            requireFull(model);
        }
    }

    /** Refuses an adapter that the method cannot train on any model. */
    static void requireAdapter(@Nullable LoraConfig lora, Method method) {
        if (method.usesAdapter() && lora == null) {
            throw new ConfigException("method " + method.word() + " needs the configuration of an adapter");
        }
        if (lora != null && lora.useDora() && method.usesAdapter() && method != Method.DORA) {
            throw new ConfigException("method " + method.word()
                    + " cannot train the magnitudes of use_dora: use method dora, or leave use_dora out");
        }
    }

    /**
     * Refuses a model that {@link Method#FULL} cannot train; its outline does.
     *
     * @throws ConfigException that says what to do
     */
    public static void requireFull(Model model) {
        if (model.weights().loadIn() != LoadIn.FULL) {
            throw new ConfigException("method full cannot train quantised weights;"
                    + " open the model without load_in, or train an adapter on it");
        }
        String packed =
                model.weights().quantized().keySet().stream().findFirst().orElse(null);
        if (packed != null) {
            throw new ConfigException(
                    "method full cannot train " + packed + ", which is in MXFP4 (quantization_config):"
                            + " take a checkpoint in bfloat16 or float32, as Transformers saves with dequantize in its Mxfp4Config, or"
                            + " train an adapter; from scratch, take a config.json without quantization_config");
        }
        if (model.description().dtype() == Dtype.F16) {
            throw new ConfigException(
                    "method full cannot train float16 weights, whose range is too small for their gradients;"
                            + " open the model as float32 or bfloat16");
        }
    }
}
