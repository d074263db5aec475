package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.data.JudgedDataset;
import org.loft4j.nn.KtoLoss;

/** How well a model tells good answers from bad ones that are judged one by one, by the rewards of {@link KtoLoss}. */
final class JudgedScore {
    private final List<double[]> rewards = new ArrayList<>();
    private final List<long[]> signs = new ArrayList<>();

    /** @param some signs of the rewards, as {@link org.loft4j.data.RowFacts.Judged#signs} has them */
    void add(double[] more, long[] some) {
        rewards.add(more);
        signs.add(some);
    }

    /** The number of answers, strange ones left out. */
    long count() {
        return count(JudgedDataset.GOOD) + count(JudgedDataset.BAD);
    }

    private long count(int sign) {
        return signs.stream()
                .flatMapToLong(Arrays::stream)
                .filter(one -> one == sign)
                .count();
    }

    private double sum(int sign) {
        double sum = 0;
        for (int part = 0; part < signs.size(); part++) {
            for (int row = 0; row < signs.get(part).length; row++) {
                sum += signs.get(part)[row] == sign ? rewards.get(part)[row] : 0;
            }
        }
        return sum;
    }

    /** What all of it comes to: the strange answers are those of all rows, however these were cut into batches. */
    Evaluation evaluation(KtoLoss loss, double seconds) {
        double zero = loss.zero(sum(JudgedDataset.STRANGE), count(JudgedDataset.STRANGE));
        double lost = 0;
        long right = 0;
        for (int part = 0; part < signs.size(); part++) {
            for (int row = 0; row < signs.get(part).length; row++) {
                int sign = (int) signs.get(part)[row];
                lost += loss.of(rewards.get(part)[row], sign, zero);
                right += sign * (rewards.get(part)[row] - zero) > 0 ? 1 : 0;
            }
        }
        double good = sum(JudgedDataset.GOOD) / count(JudgedDataset.GOOD);
        double bad = sum(JudgedDataset.BAD) / count(JudgedDataset.BAD);
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("accuracy", (double) right / count());
        scores.put("margin", good - bad);
        scores.put("reward_chosen", good);
        scores.put("reward_rejected", bad);
        scores.put("kl", zero / loss.beta());
        return new Evaluation(lost / count(), scores, count(), seconds);
    }
}
