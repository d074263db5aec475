package org.loft4j.data;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/**
 * Rows that are read, shuffled and tokenized as they are learnt, for data that does not fit into memory.
 *
 * <pre>
 * RowSource rows = DataFiles.stream(new DataReference("chats/*.jsonl"), Columns.auto());
 * StreamingDataset.Encoder encoder = some -&gt; Dataset.causalLm(some, tokenizer, 512);
 * StreamingDataset train =
 *         new StreamingDataset(rows, RowScan.of(rows), encoder, StreamingDataset.SHUFFLE_BUFFER);
 * train.scanExamples(); // so that no row ends the training that cannot be encoded
 * </pre>
 *
 * <p>Rows are shuffled in blocks as long as the buffer: the rows of a block among themselves, the blocks in the order of the data.
 * A buffer that slides along the data, of which a random row is taken and replaced by the next, lets a row travel somewhat further;
 * but what it holds depends on all rows before, so that a run can go on only after it has drawn them all again, and the order of an
 * epoch hangs on the place where it was broken off. Of a block all is a function of seed, epoch and the block's number: a resumed run
 * goes past the rows before it, which need not be parsed, and reads one block. Neither of the two mixes data that is sorted: that
 * is shuffled beforehand, or by the query that reads it.
 *
 * <p>At most one block of rows is in memory, as text; only the rows of a batch are tokenized. Rows of similar length are found by
 * their characters, within a block.
 */
public final class StreamingDataset implements TrainingSet {
    /** How many rows are shuffled together unless said otherwise. */
    public static final int SHUFFLE_BUFFER = 10_000;

    /** What a fingerprint of rows that are streamed says, and of others does not. */
    public static final String SHUFFLED = ", shuffled by ";

    private final RowSource source;
    private final RowScan scan;
    private final Encoder encoder;
    private final int shuffleBuffer;
    private final Tokenized sample;

    /** Makes examples of rows; the same of the same. Texts that belong together are a {@link MatchDataset}, preferences a {@link PreferenceDataset}, texts to rank a {@link RankedDataset}. */
    public interface Encoder {
        /** @throws DataException if a row cannot be used */
        Tokenized encode(List<Row> rows) throws IOException;
    }

    /**
     * @param scan what a pass over these rows found
     * @param shuffleBuffer how many rows are shuffled together
     * @throws DataException if one of the first rows cannot be encoded
     * @throws ConfigException if so many rows would not fit into memory
     */
    public StreamingDataset(RowSource source, RowScan scan, Encoder encoder, int shuffleBuffer) throws IOException {
        Checks.atLeast("shuffle_buffer_size", shuffleBuffer, 1);
        requireRoom(scan, shuffleBuffer);
        this.source = source;
        this.scan = scan;
        this.encoder = encoder;
        this.shuffleBuffer = shuffleBuffer;
        this.sample = encoder.encode(scan.first());
    }

    /** A character takes a byte or two. */
    private static void requireRoom(RowScan scan, int shuffleBuffer) {
        long mean = scan.characters() / scan.rows();
        long room = Runtime.getRuntime().maxMemory() / 2 / Math.max(1, mean);
        if (Math.min(shuffleBuffer, scan.rows()) > room) {
            throw new ConfigException("shuffle_buffer_size " + shuffleBuffer + " is too large: rows have " + mean
                    + " characters on average, and half of the heap (-Xmx) has room for " + room
                    + " of them: lower it, or raise -Xmx, which ./loft takes from LOFT_JAVA_OPTS");
        }
    }

    /**
     * Encodes all rows once, so that none ends the training that cannot be: it takes as long as tokenizing them.
     *
     * @throws DataException at the first rows that cannot be encoded
     */
    public ExampleScan scanExamples() throws IOException {
        return ExampleScan.of(source, encoder);
    }

    /** The first rows as examples, by which the whole is judged before it is read. */
    public Tokenized sample() {
        return sample;
    }

    @Override
    public boolean hasPairs() {
        return sample.hasPairs();
    }

    @Override
    public boolean hasPreferences() {
        return sample.hasPreferences();
    }

    @Override
    public boolean isRanked() {
        return sample.isRanked();
    }

    @Override
    public long rows() {
        return scan.rows();
    }

    /** The texts of a full buffer, by those of the first rows. */
    @Override
    public long heapBytes() {
        long bytes = 0;
        long characters = 0;
        for (Row row : scan.first()) {
            bytes += row.heapBytes();
            characters += RowText.length(row);
        }
        double mean = (double) scan.characters() / scan.rows();
        return (long) (Math.min(shuffleBuffer, scan.rows()) * mean * bytes / Math.max(1, characters));
    }

    /** Of what the rows say, and of what the first of them are encoded to. */
    @Override
    public String fingerprint() {
        return scan.rows() + " rows, crc32c " + Long.toHexString(scan.checksum()) + SHUFFLED + shuffleBuffer
                + ", the first as tokens: " + sample.fingerprint();
    }

    @Override
    public @Nullable ChatFormat chatFormat() {
        return sample.chatFormat();
    }

    @Override
    public BatchSource batches(int batchSize, boolean groupByLength, long seed, long padId) {
        return new StreamingBatches(
                source,
                scan.rows(),
                encoder,
                shuffleBuffer,
                new StreamingBatches.Order(batchSize, groupByLength, seed),
                padId);
    }
}
