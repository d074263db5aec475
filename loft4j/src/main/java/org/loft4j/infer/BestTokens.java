package org.loft4j.infer;

/** The best of the tokens behind some beams, the best first; of equal ones that which was offered first. None has a score of −∞. */
final class BestTokens {
    private final float[] scores;
    private final int[] beams;
    private final long[] ids;
    private int count;

    BestTokens(int most) {
        scores = new float[most];
        beams = new int[most];
        ids = new long[most];
    }

    /** @param logProbs of the tokens, to which that of the beam is added */
    void offer(int beam, float score, float[] logProbs) {
        for (int id = 0; id < logProbs.length; id++) {
            offer(beam, id, logProbs[id] + score);
        }
    }

    void offer(int beam, long id, float score) {
        boolean full = count == scores.length;
        if (score == Float.NEGATIVE_INFINITY || (full && score <= scores[count - 1])) {
            return;
        }
        int place = full ? count - 1 : count++;
        for (; place > 0 && scores[place - 1] < score; place--) {
            scores[place] = scores[place - 1];
            beams[place] = beams[place - 1];
            ids[place] = ids[place - 1];
        }
        scores[place] = score;
        beams[place] = beam;
        ids[place] = id;
    }

    int count() {
        return count;
    }

    float score(int place) {
        return scores[place];
    }

    int beam(int place) {
        return beams[place];
    }

    long id(int place) {
        return ids[place];
    }
}
