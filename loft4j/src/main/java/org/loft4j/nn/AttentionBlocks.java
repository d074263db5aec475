package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;

/**
 * How the work of attention is cut: some heads of some rows at a time, and of these a block of queries with the keys that any of
 * them sees.
 *
 * @param rows of the batch
 * @param length queries of a row
 * @param keyLength keys of a row
 * @param keyHeads heads of keys and values
 * @param group heads of queries for each of keys and values
 * @param band what each query sees
 * @param some rows at a time, of which there are a multiple
 * @param count heads of keys and values at a time, of which there are a multiple
 */
record AttentionBlocks(
        long rows, long length, long keyLength, long keyHeads, long group, Band band, long some, long count) {
    /** Queries at a time: with more of them, more of the keys are computed that they do not see. */
    static final long ROWS = 64;

    /**
     * Cuts queries {@code (batch, seq, heads, headDim)} and keys {@code (batch, keys, keyHeads, headDim)}.
     *
     * @param scores how many at a time, unless those of one head of keys are more
     */
    static AttentionBlocks of(Tensor query, Tensor key, Band band, long scores) {
        long length = query.size(1);
        long keyHeads = key.size(2);
        long group = query.size(2) / keyHeads;
        long most = scores / (group * Math.min(ROWS, length) * mostKeys(key.size(1), band));
        long count = largestPart(keyHeads, most);
        long some = count < keyHeads ? 1 : largestPart(query.size(0), most / count);
        return new AttentionBlocks(query.size(0), length, key.size(1), keyHeads, group, band, some, count);
    }

    /** The largest number, no more than {@code most}, of which the whole is a multiple. */
    private static long largestPart(long whole, long most) {
        long part = Math.max(1, Math.min(whole, most));
        while (whole % part != 0) {
            part--;
        }
        return part;
    }

    /** Keys that the queries of a block see at most. */
    private static long mostKeys(long keyLength, Band band) {
        return Math.min(keyLength, band.before() + ROWS + band.behind());
    }

    /** Heads of keys at work. */
    long atWork() {
        return some * count;
    }

    /** Scores of the largest block. */
    long mostScores() {
        return atWork() * group * Math.min(ROWS, length) * mostKeys(keyLength, band);
    }

    /** Scores of the heads at work. */
    long scoresAtWork() {
        return atWork() * group * all().stream().mapToLong(Block::pairs).sum();
    }

    /** Scores of all rows and heads that are computed. */
    long scores() {
        return rows / some * (keyHeads / count) * scoresAtWork();
    }

    void eachHeads(Consumer<Heads> visitor) {
        long index = 0;
        for (long row = 0; row < rows; row += some) {
            for (long first = 0; first < keyHeads; first += count) {
                try (NativeScope scope = new NativeScope()) {
                    visitor.accept(new Heads(index++, row, some, first, count, group));
                }
            }
        }
    }

    /** The last queries come first. */
    List<Block> all() {
        List<Block> blocks = new ArrayList<>();
        long before = 0;
        for (long start = (length - 1) / ROWS * ROWS; start >= 0; start -= ROWS) {
            long end = Math.min(start + ROWS, length);
            Block block = new Block(
                    start,
                    end,
                    Math.max(0, start - band.before()),
                    Math.min(keyLength, end + band.behind()),
                    before,
                    atWork(),
                    group);
            blocks.add(block);
            before += block.pairs();
        }
        return blocks;
    }

    /**
     * Some heads of keys in some rows of the batch, and those of queries that look at them.
     *
     * @param index how many came before
     */
    record Heads(long index, long row, long rows, long first, long count, long group) {
        /** {@code (rows, count, seq, …)} of {@code (batch, seq, keyHeads, …)} */
        Tensor ofKeys(Tensor x) {
            return x.narrow(0, row, rows).narrow(2, first, count).transpose(1, 2);
        }

        /** {@code (rows, count, seq, group, …)} of {@code (batch, seq, keyHeads·group, …)} */
        Tensor ofQueries(Tensor x) {
            return x.narrow(0, row, rows)
                    .narrow(2, first * group, count * group)
                    .unflatten(2, count, group)
                    .transpose(1, 2);
        }

        /** {@code (rows, count, queries, group, keys)} of {@code (batch, heads, seq, keys)} */
        Tensor ofScores(Tensor x, Block block) {
            return x.narrow(0, row, rows)
                    .narrow(1, first * group, count * group)
                    .unflatten(1, count, group)
                    .narrow(3, block.start(), block.queries())
                    .narrow(4, block.first(), block.keys())
                    .transpose(2, 3);
        }
    }

    /**
     * Some queries, and the keys that any of them sees.
     *
     * @param before pairs of queries and keys in the blocks before it
     * @param atWork heads of keys at work
     */
    record Block(long start, long end, long first, long last, long before, long atWork, long group) {
        long queries() {
            return end - start;
        }

        long keys() {
            return last - first;
        }

        long pairs() {
            return queries() * keys();
        }

        /** {@code (atWork, queries·group, …)} of {@code (atWork, seq, group, …)} */
        Tensor ofQueries(Tensor x) {
            return x.narrow(1, start, queries()).flatten(1, 2);
        }

        /** {@code (atWork, keys, …)} of {@code (atWork, keyLength, …)} */
        Tensor ofKeys(Tensor x) {
            return x.narrow(1, first, keys());
        }

        /** {@code (atWork, …, keys)} of {@code (atWork, …, keyLength)} */
        Tensor columns(Tensor x) {
            return x.narrow(2, first, keys());
        }

        /** {@code (atWork, queries·group, keys)} in memory that is at least as large, from there on */
        Tensor scores(Tensor memory, long from) {
            long height = queries() * group;
            return memory.narrow(0, from, atWork * height * keys()).view(atWork, height, keys());
        }

        /** {@code (atWork, queries, group, keys)} */
        Tensor byQuery(Tensor scores) {
            return scores.unflatten(1, queries(), group);
        }
    }
}
