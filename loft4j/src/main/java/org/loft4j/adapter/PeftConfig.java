package org.loft4j.adapter;

import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Task;

/**
 * An {@code adapter_config.json} as far as it is honoured; what is not is refused when the file is read.
 *
 * @param lora ranks, targets and what goes with them
 * @param task of the model that was adapted; null if the file does not say
 * @param metadata of the base model; its name is empty if the file does not say
 */
public record PeftConfig(LoraConfig lora, @Nullable Task task, PeftMetadata metadata) {}
