package org.loft4j.adapter;

import java.nio.file.Path;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;

/** The head that PEFT saves in full beside a classifier's factors. */
public final class PeftHead {
    /** The last matrix before the logits, by the names that Transformers' classes give it. */
    private static final List<String> MATRICES =
            List.of("classifier.out_proj.weight", "classifier.weight", "score.weight");

    private PeftHead() {}

    /**
     * How many classes the head of an adapter tells apart; 0 where it brings none.
     *
     * @throws CheckpointException if the file of its tensors is missing or faulty
     */
    public static long classes(Path directory) throws CheckpointException {
        try (TensorSource file = PeftFiles.open(directory)) {
            for (String matrix : MATRICES) {
                String name = PeftFiles.PREFIX + matrix;
                long[] shape = file.names().contains(name) ? file.info(name).shape() : new long[0];
                if (shape.length == 2 && shape[1] > 0) {
                    return shape[0];
                }
            }
            return 0;
        }
    }
}
