package org.loft4j.infer;

import java.util.BitSet;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.loft4j.tensor.Seeds;

/**
 * Chooses the tokens of one sequence. What it draws depends on the seed, the number of the sequence and the number of the
 * token alone, and not on what shares the batch.
 */
final class Sampler {
    private final SamplingConfig config;
    private final long row;
    private final BitSet seen = new BitSet();
    private long drawn;

    /** @param row number of the sequence, from 0 */
    Sampler(SamplingConfig config, long row, long[] prompt) {
        this.config = config;
        this.row = row;
        for (long id : prompt) {
            seen.set((int) id);
        }
    }

    /** The next id; the logits are changed. Of equal ones the lowest id wins. */
    int next(float[] logits) {
        penalise(logits, seen, config.repetitionPenalty());
        int id = config.isGreedy() ? likeliest(logits) : draw(logits);
        seen.set(id);
        return id;
    }

    /** Takes an id that is not chosen. */
    long take(long id) {
        drawn++;
        seen.set(Math.toIntExact(id));
        return id;
    }

    static void penalise(float[] logits, BitSet seen, double repetitionPenalty) {
        if (repetitionPenalty == 1) {
            return;
        }
        float penalty = (float) repetitionPenalty;
        for (int id = seen.nextSetBit(0); id >= 0 && id < logits.length; id = seen.nextSetBit(id + 1)) {
            logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
        }
    }

    /** Of equal ones the lowest id. */
    static int likeliest(float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            if (logits[i] > logits[best]) {
                best = i;
            }
        }
        return best;
    }

    /**
     * Walks the tokens by falling logit, whose shares of a sum are compared with one number. Where nothing is left out, no more of
     * them are sorted than are walked.
     */
    private int draw(float[] logits) {
        FallingLogits order = new FallingLogits(logits);
        Shares shares = new Shares(logits, order, logits[order.id(0)], config.temperature());
        boolean all = config.topK() == 0 && config.topP() == 1 && config.minP() == 0;
        Kept kept = all ? new Kept(order.size(), shares.ofAll()) : kept(order, shares);
        double point = new SplittableRandom(Seeds.derive(config.seed(), "token of row " + row, drawn++)).nextDouble()
                * kept.sum();
        for (int i = 0; i < kept.count() - 1; i++) {
            point -= shares.at(i);
            if (point < 0) {
                return order.id(i);
            }
        }
        return order.id(kept.count() - 1);
    }

    /** How many of the first tokens may be drawn, at least one, and the sum of their shares. */
    private record Kept(int count, double sum) {}

    /** What is left by top-k, those as likely as the last of them too, then by top-p, then by min-p. */
    private Kept kept(FallingLogits order, Shares shares) {
        boolean topK = config.topK() > 0 && config.topK() < order.size();
        int most = topK ? order.withEqual(config.topK()) : order.size();
        double limit = Double.POSITIVE_INFINITY;
        if (config.topP() < 1) {
            limit = config.topP() * (topK ? shares.ofFirst(most) : shares.ofAll());
        }
        int count = 0;
        double sum = 0;
        while (count < most && sum < limit) {
            double share = shares.at(count);
            if (count > 0 && share < config.minP()) {
                break;
            }
            sum += share;
            count++;
        }
        return new Kept(count, sum);
    }

    /** Probabilities as parts of the greatest, which is 1. */
    private record Shares(float[] logits, FallingLogits order, double top, double temperature) {
        double at(int place) {
            return of(logits[order.id(place)]);
        }

        private double of(float logit) {
            return Math.exp((logit - top) / temperature);
        }

        double ofFirst(int places) {
            return IntStream.range(0, places).mapToDouble(this::at).sum();
        }

        double ofAll() {
            return IntStream.range(0, logits.length)
                    .mapToDouble(i -> of(logits[i]))
                    .sum();
        }
    }
}
