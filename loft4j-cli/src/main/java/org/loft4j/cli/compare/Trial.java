package org.loft4j.cli.compare;

import java.math.BigDecimal;

/**
 * One run of a comparison.
 *
 * @param contender that is trained
 * @param rank of its adapter; 0 for a method that has none
 * @param rate its peak learning rate
 * @param seed of the order of the data, dropout and new weights
 */
public record Trial(Contender contender, int rank, double rate, long seed) {
    /** The name of its directory: {@code loft-4-3e-4-s0}, or {@code full-1e-4-s0} without a rank. */
    public String name() {
        return entry().name() + "-" + rateText(rate) + "-s" + seed;
    }

    /** What is compared: the contender at this rank. */
    public Entry entry() {
        return new Entry(contender, rank);
    }

    /** A learning rate as people write it: {@code 3e-4}, {@code 1.5e-3}. */
    public static String rateText(double rate) {
        BigDecimal exact = BigDecimal.valueOf(rate).stripTrailingZeros();
        String digits = exact.unscaledValue().toString();
        int exponent = digits.length() - 1 - exact.scale();
        String fraction = digits.substring(1);
        return digits.charAt(0) + (fraction.isEmpty() ? "" : "." + fraction) + "e" + exponent;
    }

    /**
     * A contender at a rank: a row of the table.
     *
     * @param rank 0 for a method without an adapter
     */
    public record Entry(Contender contender, int rank) {
        String name() {
            return contender.name() + (rank == 0 ? "" : "-" + rank);
        }

        /** {@code LoFT, rank 4}. */
        public String title() {
            return contender.title() + (rank == 0 ? "" : ", rank " + rank);
        }
    }
}
