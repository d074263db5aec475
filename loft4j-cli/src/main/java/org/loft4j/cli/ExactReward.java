package org.loft4j.cli;

import java.math.BigDecimal;
import org.loft4j.train.Reward;

/**
 * Judges by whether an answer is what a column says, blanks around both aside: 1 where it is, else 0. Where the column holds a number,
 * and no text, another spelling of it is it too: JSON and Parquet do not keep whether 12.5 was written 12.50.
 */
record ExactReward(String column) implements Reward {
    @Override
    public double of(Answer answer) {
        Object value = answer.columns().get(column);
        String said = String.valueOf(value).strip();
        String given = answer.completion().strip();
        return said.equals(given) || (value instanceof Number && isNumber(said, given)) ? 1 : 0;
    }

    private static boolean isNumber(String said, String given) {
        try {
            return new BigDecimal(said).compareTo(new BigDecimal(given)) == 0;
        } catch (NumberFormatException e) {
            return false; // what was given is none, or what was said is NaN
        }
    }
}
