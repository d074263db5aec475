package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.tensor.Seeds;

class SamplerTest {
    /** Probabilities 0.4, 0.3, 0.2 and 0.1. */
    private static final double[] SHARES = {0.2, 0.4, 0.1, 0.3};

    @Test
    void greedyTakesTheLikeliestAndTheLowestOfEqualOnes() {
        assertEquals(1, new Sampler(SamplingConfig.GREEDY, 0, new long[] {1}).next(new float[] {-2, 3, 3, 1}));
    }

    @Test
    void drawsHaveTheProbabilitiesOfTheirTemperature() {
        assertFrequencies(new SamplingConfig(1, 0, 1, 0, 1, 5), 0.2, 0.4, 0.1, 0.3);
        // squares of the shares: 4, 16, 1 and 9 of 30
        assertFrequencies(new SamplingConfig(0.5, 0, 1, 0, 1, 5), 4 / 30.0, 16 / 30.0, 1 / 30.0, 9 / 30.0);
    }

    @Test
    void topKTopPAndMinPLeaveTheLikeliest() {
        assertEquals(Set.of(1, 3), drawn(new SamplingConfig(1, 2, 1, 0, 1, 5)));
        assertEquals(Set.of(1, 3), drawn(new SamplingConfig(1, 0, 0.7, 0, 1, 5)));
        assertEquals(Set.of(0, 1, 3), drawn(new SamplingConfig(1, 0, 0.71, 0, 1, 5)));
        assertEquals(Set.of(1), drawn(new SamplingConfig(1, 0, 0.01, 0, 1, 5)));
        assertEquals(Set.of(1, 3), drawn(new SamplingConfig(1, 0, 1, 0.6, 1, 5)));
        assertEquals(Set.of(0, 1, 2, 3), drawn(new SamplingConfig(1, 0, 1, 0.2, 1, 5)));
    }

    @Test
    void tokensAsLikelyAsTheLastOfTopKStay() {
        Set<Integer> drawn = new TreeSet<>();
        Sampler sampler = new Sampler(new SamplingConfig(1, 1, 1, 0, 1, 5), 0, new long[0]);
        for (int i = 0; i < 100; i++) {
            drawn.add(sampler.next(new float[] {1, -3, 1}));
        }
        assertEquals(Set.of(0, 2), drawn);
    }

    /** However few are sorted: against the sort of all, of which some logits are alike. */
    @ParameterizedTest
    @CsvSource({"0, 1, 0", "1, 1, 0", "40, 1, 0", "0, 0.9, 0", "50, 0.6, 0", "0, 1, 0.1", "3000, 0.95, 0.001"})
    void drawsAreThoseFromTheWholeVocabularyInOrder(int topK, double topP, double minP) {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        SplittableRandom random = new SplittableRandom(seed);
        for (int size : new int[] {1, 2, 63, 64, 65, 600, 5000}) {
            SamplingConfig config = new SamplingConfig(0.8, topK, topP, minP, 1, random.nextLong());
            Sampler sampler = new Sampler(config, 0, new long[0]);
            for (int step = 0; step < 40; step++) {
                float[] logits = new float[size];
                double spread = random.nextDouble(0.1, 4);
                for (int i = 0; i < size; i++) {
                    logits[i] = (float) (spread * Math.round(8 * random.nextGaussian()) / 8);
                }
                assertEquals(plain(config, logits, step), sampler.next(logits.clone()), "-Dtests.seed=" + seed);
            }
        }
    }

    /** Those that are as likely as the last of top-k are in the order of their ids, wherever they stood. */
    @Test
    void equalOnesAreInOrderHoweverManyAreAskedFor() {
        SplittableRandom random = new SplittableRandom(7);
        float[] logits = new float[5000];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = random.nextInt(10);
        }
        List<Integer> inOrder = IntStream.range(0, logits.length)
                .boxed()
                .sorted(Comparator.<Integer>comparingDouble(i -> -logits[i]).thenComparing(i -> i))
                .toList();
        for (int most : new int[] {1, 3, 64, 65, 700, 3000, 4999}) {
            FallingLogits order = new FallingLogits(logits);
            int end = order.withEqual(most);
            float last = logits[inOrder.get(most - 1)];
            assertEquals(inOrder.stream().filter(i -> logits[i] >= last).count(), end);
            for (int i = 0; i < end; i++) {
                assertEquals(inOrder.get(i), order.id(i), most + " " + i);
            }
            assertEquals(inOrder.get(most), new FallingLogits(logits).id(most), "asked for alone");
        }
    }

    private static int plain(SamplingConfig config, float[] logits, int step) {
        List<Integer> ids = IntStream.range(0, logits.length)
                .boxed()
                .sorted(Comparator.<Integer>comparingDouble(i -> -logits[i]).thenComparing(i -> i))
                .toList();
        if (config.topK() > 0 && config.topK() < ids.size()) {
            double last = logits[ids.get(config.topK() - 1)];
            ids = ids.stream().filter(i -> logits[i] >= last).toList();
        }
        double top = logits[ids.get(0)];
        double[] shares = ids.stream()
                .mapToDouble(i -> Math.exp((logits[i] - top) / config.temperature()))
                .toArray();
        double limit = config.topP() < 1 ? config.topP() * Arrays.stream(shares).sum() : Double.POSITIVE_INFINITY;
        int kept = 0;
        for (double sum = 0; kept < shares.length && sum < limit; kept++) {
            sum += shares[kept];
        }
        while (kept > 1 && shares[kept - 1] < config.minP()) {
            kept--;
        }
        double point = Arrays.stream(shares, 0, kept).sum()
                * new SplittableRandom(Seeds.derive(config.seed(), "token of row 0", step)).nextDouble();
        int drawn = 0;
        while (drawn < kept - 1 && (point -= shares[drawn]) >= 0) {
            drawn++;
        }
        return ids.get(drawn);
    }

    @Test
    void whatHasComeBeforeIsPenalised() {
        SamplingConfig config = new SamplingConfig(0, 0, 1, 0, 2, 0);
        Sampler sampler = new Sampler(config, 0, new long[] {0, 2});
        float[] logits = {4, 3, -1, -1.5f};
        assertEquals(1, sampler.next(logits));
        assertArrayEquals(new float[] {2, 3, -2, -1.5f}, logits);
        assertEquals(0, sampler.next(new float[] {4, 3, -1, -1.5f}), "1 has come now as well");
        Sampler forced = new Sampler(config, 0, new long[0]);
        forced.take(0);
        assertEquals(1, forced.next(new float[] {4, 3, -1, -1.5f}), "so has what was not chosen");
    }

    @Test
    void theSeedTheRowAndTheStepDecide() {
        assertEquals(sequence(1, 0), sequence(1, 0));
        assertNotEquals(sequence(1, 0), sequence(2, 0));
        assertNotEquals(sequence(1, 0), sequence(1, 1));
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertThrows(ConfigException.class, () -> new SamplingConfig(-1, 0, 1, 0, 1, 0));
        assertThrows(ConfigException.class, () -> new SamplingConfig(1, -1, 1, 0, 1, 0));
        assertThrows(ConfigException.class, () -> new SamplingConfig(1, 0, 0, 0, 1, 0));
        assertThrows(ConfigException.class, () -> new SamplingConfig(1, 0, 1, 1.1, 1, 0));
        assertThrows(ConfigException.class, () -> new SamplingConfig(1, 0, 1, 0, 0, 0));
    }

    private static String sequence(long seed, long row) {
        Sampler sampler = new Sampler(new SamplingConfig(1, 0, 1, 0, 1, seed), row, new long[0]);
        StringBuilder ids = new StringBuilder();
        for (int i = 0; i < 40; i++) {
            ids.append(sampler.next(logits()));
        }
        return ids.toString();
    }

    private static float[] logits() {
        float[] logits = new float[SHARES.length];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) Math.log(SHARES[i]);
        }
        return logits;
    }

    private static Set<Integer> drawn(SamplingConfig config) {
        Sampler sampler = new Sampler(config, 0, new long[0]);
        Set<Integer> drawn = new TreeSet<>();
        for (int i = 0; i < 400; i++) {
            drawn.add(sampler.next(logits()));
        }
        return drawn;
    }

    private static void assertFrequencies(SamplingConfig config, double... expected) {
        Sampler sampler = new Sampler(config, 0, new long[0]);
        int draws = 20_000;
        double[] counts = new double[expected.length];
        for (int i = 0; i < draws; i++) {
            counts[sampler.next(logits())]++;
        }
        for (int i = 0; i < counts.length; i++) {
            counts[i] /= draws;
        }
        assertArrayEquals(expected, counts, 4 * Math.sqrt(0.25 / draws));
    }
}
