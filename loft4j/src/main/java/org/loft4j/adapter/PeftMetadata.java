package org.loft4j.adapter;

import org.jspecify.annotations.Nullable;

/**
 * What an adapter's files say of the model that it belongs to.
 *
 * @param baseModelNameOrPath name on the hub, or directory, of the base model
 * @param revision of the base model on the hub; null for the newest
 */
public record PeftMetadata(
        String baseModelNameOrPath, @Nullable String revision) {
    public PeftMetadata(String baseModelNameOrPath) {
        this(baseModelNameOrPath, null);
    }
}
