package org.loft4j.cli.compare;

import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.Map;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.train.Method;

/**
 * One run of a comparison.
 *
 * @param contender that is trained
 * @param rank of its adapter; 0 for a method that has none
 * @param rate its peak learning rate
 * @param seed of the order of the data, dropout, new weights and folds
 * @param fold which one is held out, from 1; 0 where there are none
 */
public record Trial(Contender contender, int rank, double rate, long seed, int fold) {
    /** The name of its directory: {@code loft-4-3e-4-s0}, {@code full-1e-4-s0} without a rank, {@code full-1e-4-s0-f2} of a fold. */
    public String name() {
        return entry().name() + "-" + rateText(rate) + "-s" + seed + (fold == 0 ? "" : "-f" + fold);
    }

    /** {@code LoFT, rank 4, learning rate 3e-4, seed 0}, and {@code fold 2} where there are some. */
    public String title() {
        return entry().title() + ", learning rate " + rateText(rate) + ", seed " + seed
                + (fold == 0 ? "" : ", fold " + fold);
    }

    /** As {@link #read} reads it from a file, in which more may stand. */
    Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("contender", contender.name());
        tree.put("title", contender.title());
        tree.put("method", contender.method().word());
        tree.put("options", contender.options());
        tree.put("rank", rank == 0 ? null : rank);
        tree.put("learning_rate", rate);
        tree.put("seed", seed);
        if (fold > 0) {
            tree.put("fold", fold);
        }
        return tree;
    }

    /** @throws CheckpointException if the file does not hold what {@link #tree} makes */
    static Trial read(JsonObject json) throws CheckpointException {
        Map<String, String> options = new LinkedHashMap<>();
        JsonObject stored = json.requireObject("options");
        for (String name : stored.keys()) {
            options.put(name, stored.requireString(name));
        }
        Method method;
        try {
            method = Method.parse(json.requireString("method"));
        } catch (ConfigException e) {
            throw json.fault("method", "is none of this version's: " + e.getMessage());
        }
        return new Trial(
                new Contender(json.requireString("contender"), json.requireString("title"), method, options),
                json.intOr("rank", 0, 1),
                json.requireDouble("learning_rate"),
                json.requireLong("seed"),
                json.intOr("fold", 0, 1));
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
