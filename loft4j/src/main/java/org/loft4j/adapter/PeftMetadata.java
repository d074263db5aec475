package org.loft4j.adapter;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.HubCache;
import org.loft4j.io.HubName;
import org.loft4j.io.ModelReference;

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

    /** What is said of the model that was read from a directory: its name, if the directory is a snapshot from the hub. */
    public static PeftMetadata of(@Nullable Path directory) {
        HubName name = directory == null ? null : HubCache.nameOf(directory);
        return name == null
                ? new PeftMetadata(directory == null ? "" : directory.toString())
                : new PeftMetadata(name.repository(), name.revision().equals(HubName.MAIN) ? null : name.revision());
    }

    /** The model as one word: a directory, or {@code org/name@revision}; empty if it is not named. */
    public String baseModel() {
        boolean newest = revision == null || revision.isEmpty() || revision.equals(HubName.MAIN);
        boolean plain = newest || baseModelNameOrPath.isEmpty();
        return plain ? baseModelNameOrPath : baseModelNameOrPath + "@" + revision;
    }

    /** Where to look for the model: {@link #baseModel}, but a directory that is here has no revisions, though it may be named with one. */
    public String reference() {
        return new ModelReference(baseModelNameOrPath).directory() != null ? baseModelNameOrPath : baseModel();
    }
}
