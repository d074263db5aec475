package org.loft4j.infer;

import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;
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
        penalise(logits);
        int id = config.isGreedy() ? likeliest(logits) : draw(logits);
        seen.set(id);
        return id;
    }

    private void penalise(float[] logits) {
        if (config.repetitionPenalty() == 1) {
            return;
        }
        float penalty = (float) config.repetitionPenalty();
        for (int id = seen.nextSetBit(0); id >= 0 && id < logits.length; id = seen.nextSetBit(id + 1)) {
            logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
        }
    }

    private static int likeliest(float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            if (logits[i] > logits[best]) {
                best = i;
            }
        }
        return best;
    }

    private int draw(float[] logits) {
        int[] order = byLogit(logits);
        double[] shares = new double[order.length];
        double top = logits[order[0]];
        for (int i = 0; i < shares.length; i++) {
            shares[i] = Math.exp((logits[order[i]] - top) / config.temperature());
        }
        int kept = keptByProbability(shares);
        double sum = 0;
        for (int i = 0; i < kept; i++) {
            sum += shares[i];
        }
        double point =
                new SplittableRandom(Seeds.derive(config.seed(), "token of row " + row, drawn++)).nextDouble() * sum;
        for (int i = 0; i < kept - 1; i++) {
            point -= shares[i];
            if (point < 0) {
                return order[i];
            }
        }
        return order[kept - 1];
    }

    /** Ids by falling logit, as many as top-k leaves; those as likely as the last of them stay too. */
    private int[] byLogit(float[] logits) {
        long[] keys = new long[logits.length];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = ((long) ordered(logits[i]) << 32) | i;
        }
        Arrays.sort(keys);
        int kept = keys.length;
        if (config.topK() > 0 && config.topK() < kept) {
            kept = config.topK();
            while (kept < keys.length && keys[kept] >> 32 == keys[kept - 1] >> 32) {
                kept++;
            }
        }
        int[] order = new int[kept];
        for (int i = 0; i < kept; i++) {
            order[i] = (int) keys[i];
        }
        return order;
    }

    /** An int that grows as the logit falls. */
    private static int ordered(float logit) {
        int bits = Float.floatToIntBits(logit + 0f);
        return ~(bits < 0 ? bits ^ Integer.MAX_VALUE : bits);
    }

    /** How many of the first are left by top-p, then by min-p; at least one. */
    private int keptByProbability(double[] shares) {
        int kept = shares.length;
        if (config.topP() < 1) {
            double limit = config.topP() * Arrays.stream(shares).sum();
            double sum = 0;
            kept = 0;
            while (kept < shares.length && sum < limit) {
                sum += shares[kept++];
            }
        }
        while (kept > 1 && shares[kept - 1] < config.minP() * shares[0]) {
            kept--;
        }
        return Math.max(1, kept);
    }
}
