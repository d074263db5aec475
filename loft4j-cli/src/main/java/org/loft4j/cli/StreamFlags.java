package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.data.StreamingDataset;
import picocli.CommandLine.Option;

/** Whether rows are read as they are learnt. */
final class StreamFlags {
    @Option(
            names = "--streaming",
            negatable = true,
            description =
                    "Read the rows of --data as they are learnt, for data larger than memory: first they are counted, and"
                            + " tokenized once to check them, then each epoch reads them again. Held-out rows stay in"
                            + " memory.")
    boolean streaming;

    @Option(
            names = "--shuffle-buffer",
            paramLabel = "ROWS",
            description = "With --streaming, how many rows are in memory and shuffled together. Default: "
                    + StreamingDataset.SHUFFLE_BUFFER + ".")
    @Nullable
    Integer shuffleBuffer;

    void check(Problems problems, Packing packing) {
        if (shuffleBuffer != null && shuffleBuffer < 1) {
            problems.add("shuffle_buffer_size must be at least 1, got " + shuffleBuffer);
        }
        if (shuffleBuffer != null && !streaming) {
            problems.add("--shuffle-buffer needs --streaming: rows in memory are all shuffled together");
        }
        if (streaming && packing != Packing.NONE) {
            problems.add(
                    "--packing and --streaming exclude each other: how many packed rows there are, and so how many steps,"
                            + " shows only when all rows are tokenized");
        }
    }

    int shuffleBuffer() {
        return shuffleBuffer == null ? StreamingDataset.SHUFFLE_BUFFER : shuffleBuffer;
    }
}
