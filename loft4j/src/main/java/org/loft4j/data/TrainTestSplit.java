package org.loft4j.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import org.loft4j.ConfigException;

/**
 * Rows to train on and rows held out. Which side a row is on depends on its text and the seed alone: it stays there when rows are
 * added, dropped or reordered, and the same text is never on both sides.
 *
 * @param train rows to train on
 * @param test rows held out
 */
public record TrainTestSplit<R extends Row>(List<R> train, List<R> test) {
    public TrainTestSplit {
        train = List.copyOf(train);
        test = List.copyOf(test);
    }

    /**
     * Holds out about the given share of rows.
     *
     * @param testShare in (0, 1)
     * @throws ConfigException if the share lies outside, or one side would be empty
     */
    public static <R extends Row> TrainTestSplit<R> byHash(List<R> rows, double testShare, long seed) {
        if (!(testShare > 0 && testShare < 1)) {
            throw new ConfigException("the share of rows held out must lie in (0, 1), got " + testShare);
        }
        var train = new ArrayList<R>();
        var test = new ArrayList<R>();
        for (R row : rows) {
            (isHeldOut(row, testShare, seed) ? test : train).add(row);
        }
        if (train.isEmpty() || test.isEmpty()) {
            throw new ConfigException("holding out " + testShare + " of " + rows.size() + " rows leaves "
                    + (train.isEmpty() ? "none to train on" : "none held out")
                    + ": choose another share or name a file");
        }
        return new TrainTestSplit<>(train, test);
    }

    /**
     * Whether a row is held out, for rows that are not in memory.
     *
     * @param testShare in (0, 1)
     */
    public static boolean isHeldOut(Row row, double testShare, long seed) {
        return isHeldOut(RowText.identity(row).getBytes(StandardCharsets.UTF_8), testShare, seed);
    }

    /**
     * Whether an example is held out, by the bytes that tell it from others.
     *
     * @param testShare in (0, 1)
     */
    public static boolean isHeldOut(byte[] identity, double testShare, long seed) {
        return position(identity, seed) < testShare;
    }

    /** A number in [0, 1): the first 53 bits of the SHA-256 of seed and example. */
    static double position(byte[] identity, long seed) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(ByteBuffer.allocate(Long.BYTES).putLong(seed).array());
            byte[] hash = digest.digest(identity);
            return (ByteBuffer.wrap(hash).getLong() >>> 11) * 0x1p-53;
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }
}
