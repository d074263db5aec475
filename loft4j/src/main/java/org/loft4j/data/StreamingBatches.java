package org.loft4j.data;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.DataException;
import org.loft4j.tensor.Seeds;

/** The batches of rows that are read block by block; {@link StreamingDataset} says in which order. */
final class StreamingBatches implements BatchSource {
    private final RowSource source;
    private final long rows;
    private final StreamingDataset.Encoder encoder;
    private final Order order;
    private final long padId;
    private final long batchesOfBlock;
    private final long rowsOfBlock;

    private @Nullable RowCursor cursor;
    private long position;
    private List<Row> block = List.of();
    private long number = -1;
    private List<int[]> batches = List.of();
    private long epochOfBatches = -1;

    /** How the rows of a block become batches. */
    record Order(int batchSize, boolean groupByLength, long seed) {
        Order {
            Checks.atLeast("batch_size", batchSize, 1);
        }

        List<int[]> of(List<Row> block, long number, long epoch) {
            int[] lengths = block.stream().mapToInt(RowText::length).toArray();
            return new BatchPlan(lengths, batchSize, groupByLength, Seeds.derive(seed, "block", number)).epoch(epoch);
        }
    }

    StreamingBatches(
            RowSource source, long rows, StreamingDataset.Encoder encoder, int buffer, Order order, long padId) {
        this.source = source;
        this.rows = rows;
        this.encoder = encoder;
        this.order = order;
        this.padId = padId;
        // whole batches: only the last one of an epoch is shorter
        this.batchesOfBlock = Math.max(1, buffer / order.batchSize());
        this.rowsOfBlock = batchesOfBlock * order.batchSize();
    }

    @Override
    public long batches() {
        return (rows + order.batchSize() - 1) / order.batchSize();
    }

    @Override
    public List<MiniBatch> get(long epoch, long batch) throws IOException {
        long wanted = batch / batchesOfBlock;
        if (wanted != number) {
            load(wanted);
            epochOfBatches = -1;
        }
        if (epoch != epochOfBatches) {
            batches = order.of(block, number, epoch);
            epochOfBatches = epoch;
        }
        List<Row> chosen = Arrays.stream(batches.get(Math.toIntExact(batch % batchesOfBlock)))
                .mapToObj(block::get)
                .toList();
        Tokenized encoded = encoder.encode(chosen);
        List<MiniBatch> made = new ArrayList<>();
        for (int start = 0; start < encoded.size(); start += order.batchSize()) {
            int end = Math.min(encoded.size(), start + order.batchSize());
            made.addAll(encoded.trainingBatches(IntStream.range(start, end).toArray(), padId, order.seed(), epoch));
        }
        return made;
    }

    private void load(long wanted) throws IOException {
        // before the next one comes, so that memory never holds two
        block = List.of();
        number = -1;
        batches = List.of();
        long start = wanted * rowsOfBlock;
        if (cursor == null || position > start) {
            close();
            cursor = source.open();
            position = 0;
        }
        RowCursor open = cursor;
        if (position < start) {
            open.skip(start - position);
            position = start;
        }
        long end = Math.min(rows, start + rowsOfBlock);
        List<Row> read = new ArrayList<>(Math.toIntExact(end - start));
        for (; position < end; position++) {
            Row row = open.next();
            if (row == null) {
                throw changed("fewer");
            }
            read.add(row);
            if (Thread.currentThread().isInterrupted()) {
                throw new InterruptedIOException("stopped while reading " + source.name());
            }
        }
        if (end == rows) {
            if (open.next() != null) {
                throw changed("more");
            }
            close();
        }
        block = read;
        number = wanted;
    }

    private DataException changed(String than) {
        return new DataException(
                source.name(),
                "has " + than + " rows than the " + rows
                        + " that were found before training: its rows must stay the same");
    }

    @Override
    public void close() throws IOException {
        RowCursor open = cursor;
        cursor = null;
        if (open != null) {
            open.close();
        }
    }
}
