package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.MatchLoss;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class TextMatchesTest {
    private static final double SCALE = 7;

    /** More anchors than go through at once, two of which, far apart, are the same text. */
    @Test
    void manyAnchorsAreABlockAfterTheOther() {
        int pairs = 300;
        TextMatches matches = TextMatches.of(List.of(TinyMatches.of(IntStream.range(0, pairs)
                        .mapToObj(i -> List.of(new int[] {1, i == 290 ? 10 : i}, new int[] {2, i}))
                        .toList())
                .matches()));
        long seed = Long.getLong("tests.seed", 4L);
        Random random = new Random(seed);
        double[][] vectors = new double[2 * pairs][];
        for (int i = 0; i < vectors.length; i++) {
            vectors[i] = random.doubles(3, -1, 1).toArray();
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor leaf = Tensors.of(
                    Arrays.stream(vectors).flatMapToDouble(Arrays::stream).toArray(), vectors.length, 3);
            leaf.set_requires_grad(true);
            double found = matches.sum(new MatchLoss(SCALE), leaf);
            assertEquals(inTurn(vectors), found, 1e-9 * found);
            double[] gradient = Tensors.toDoubles(leaf.grad());
            for (int i : new int[] {0, 20, 21, 511, 513, 580, 581, 599}) {
                double h = 1e-5;
                vectors[i][1] += h;
                double above = inTurn(vectors);
                vectors[i][1] -= 2 * h;
                double below = inTurn(vectors);
                vectors[i][1] += h;
                assertEquals((above - below) / (2 * h), gradient[3 * i + 1], 1e-6, "text " + i + ", seed " + seed);
            }
        }
    }

    /** Of anchors 2·i with their positives 2·i + 1, of which 10 and 290 are the same: each hides the other's positive. */
    private static double inTurn(double[][] vectors) {
        double sum = 0;
        for (int a = 0; a < vectors.length; a += 2) {
            double scores = 0;
            for (int c = 1; c < vectors.length; c += 2) {
                boolean others = (a == 20 && c == 581) || (a == 580 && c == 21);
                scores += others ? 0 : Math.exp(SCALE * cosine(vectors[a], vectors[c]));
            }
            sum += Math.log(scores) - SCALE * cosine(vectors[a], vectors[a + 1]);
        }
        return sum;
    }

    private static double cosine(double[] a, double[] b) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += a[i] * b[i];
            aa += a[i] * a[i];
            bb += b[i] * b[i];
        }
        return ab / Math.sqrt(aa * bb);
    }
}
