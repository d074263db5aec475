package org.loft4j.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.MatchLoss;
import org.loft4j.train.ClassWeights;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

/**
 * What becomes of the settings that a training leaves to others: to its method, or to the adapter that it goes on from.
 *
 * @param goesOn whether it goes on from an adapter
 */
record LeftSettings(ChatFlags chat, AdapterShape shape, boolean goesOn) {
    /** The keys of options with a default that does not count, since an adapter says what they are. */
    Set<String> keys() {
        return goesOn ? shape.left() : Set.of();
    }

    /** By key, before anything is read; null for what an adapter says. */
    Map<String, @Nullable Object> unread(TrainConfig config) {
        Map<String, @Nullable Object> resolved = resolved(config, shape.method().adapter(shape.place()), null);
        keys().forEach(key -> resolved.put(key, null));
        if (goesOn) {
            resolved.keySet().removeAll(chat.resolved().keySet());
        }
        return resolved;
    }

    /** By key. */
    Map<String, @Nullable Object> of(TrainConfig config, TrainingStart start) {
        LoraConfig lora = start.lora(shape);
        Map<String, @Nullable Object> resolved =
                resolved(config, lora, start.found().trainedChat());
        if (start.adapter() != null && lora != null) {
            resolved.putAll(AdapterShape.of(lora));
        }
        return resolved;
    }

    private Map<String, @Nullable Object> resolved(
            TrainConfig config, @Nullable LoraConfig lora, @Nullable TrainedChat trained) {
        Map<String, @Nullable Object> resolved = new LinkedHashMap<>(config.toMap());
        // lists, which the record of a run has in words of its own, and the call says itself
        resolved.keySet().removeAll(Set.of(ClassWeights.KEY, MatchLoss.MATRYOSHKA));
        resolved.putAll(chat.resolved(trained));
        if (lora != null) {
            resolved.put("lora_alpha", lora.alpha());
            if (shape.method().method != Method.RSLORA) {
                // of that one the method says it: another method may be asked of the same file
                resolved.put("use_rslora", lora.useRslora());
            }
        }
        return resolved;
    }
}
