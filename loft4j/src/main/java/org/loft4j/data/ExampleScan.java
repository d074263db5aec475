package org.loft4j.data;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import org.loft4j.DataException;

/**
 * What rows become as examples, found by encoding each of them once and keeping none. It takes as long as tokenizing them takes. A
 * row that parses may still be one that cannot be learnt, such as a conversation that the chat template refuses: here it shows
 * before a {@link StreamingDataset} comes to it.
 *
 * @param rows how many were encoded
 * @param examples how many these became
 * @param truncations what did not fit into the greatest length
 * @param altered answers that the chat template does not write as they were given ({@link Dataset#altered})
 * @param largestId the largest token id, to be below the vocabulary size of the model ({@link Dataset#largestId})
 */
public record ExampleScan(long rows, long examples, Truncations truncations, long altered, int largestId) {
    /** What is encoded at once, on all cores: as many rows, and about as many characters. */
    private static final int ROWS = 1000;

    private static final int CHARACTERS = 1 << 22;

    /**
     * Encodes all rows.
     *
     * @throws DataException at the first rows that cannot be encoded
     */
    public static ExampleScan of(RowSource source, StreamingDataset.Encoder encoder) throws IOException {
        long rows = 0;
        long examples = 0;
        long altered = 0;
        int largestId = 0;
        TruncationCount cuts = new TruncationCount();
        List<Row> some = new ArrayList<>();
        try (RowCursor cursor = source.open()) {
            Row row = cursor.next();
            while (row != null) {
                long characters = 0;
                while (row != null && some.size() < ROWS && characters < CHARACTERS) {
                    some.add(row);
                    characters += RowText.length(row);
                    row = cursor.next();
                }
                Tokenized encoded = encoder.encode(some);
                Dataset texts = encoded.texts();
                rows += some.size();
                examples += encoded.size();
                cuts.add(texts.truncations());
                altered += texts.altered();
                largestId = Math.max(largestId, texts.largestId());
                some.clear();
                if (Thread.currentThread().isInterrupted()) {
                    throw new InterruptedIOException("stopped while encoding " + source.name());
                }
            }
        }
        return new ExampleScan(rows, examples, cuts.total(), altered, largestId);
    }
}
