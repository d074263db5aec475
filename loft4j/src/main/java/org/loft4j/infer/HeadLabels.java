package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftHead;
import org.loft4j.model.Models;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Task;

/** The classes of an adapter that no {@code loft_task.json} lies beside, as PEFT saves them: their number, but no names. */
public final class HeadLabels {
    private HeadLabels() {}

    /**
     * Labels without names, where the adapter's head has another number
     * of them than the base's config.json; empty where that file's are right.
     *
     * @param base directory of the model
     * @param adapter directory of the adapter
     * @throws CheckpointException if the adapter's tensors cannot be looked at, or its head cannot be one
     */
    public static List<String> of(Path base, Path adapter, Task task) throws IOException {
        long classes = task.isClassification() ? PeftHead.classes(adapter) : 0;
        if (classes > ModelLimits.MOST_LABELS) {
            throw new CheckpointException(
                    adapter.resolve(PeftFiles.WEIGHTS),
                    "its head has " + classes + " rows, and at most " + ModelLimits.MOST_LABELS
                            + " classes can be told apart");
        }
        return classes == 0 || classes == Models.labels(base).size() ? List.of() : Models.unnamedLabels(classes);
    }
}
