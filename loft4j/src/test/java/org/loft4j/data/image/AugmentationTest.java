package org.loft4j.data.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.IntSummaryStatistics;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

/** How far pictures are moved and how much of them is left. */
class AugmentationTest {
    private static Augmentation of(String words) {
        return Augmentation.parse("augment", words);
    }

    /** A dot in the middle of 16×24 comes to lie up to an eighth above and below it, and as far to both sides. */
    @Test
    void aShiftGoesToAllSidesAlike() {
        byte[] values = new byte[16 * 24];
        values[8 * 24 + 12] = 1;
        Pixels dot = new Pixels(16, 24, 1, values);
        TreeSet<Integer> rows = new TreeSet<>();
        TreeSet<Integer> columns = new TreeSet<>();
        SplittableRandom random = new SplittableRandom(1);
        for (int draw = 0; draw < 300; draw++) {
            byte[] moved = of("shift").change(dot, random).values();
            for (int i = 0; i < moved.length; i++) {
                if (moved[i] != 0) {
                    rows.add(i / 24);
                    columns.add(i % 24);
                }
            }
        }
        assertEquals("[6, 7, 8, 9, 10]", rows.toString());
        assertEquals("[9, 10, 11, 12, 13, 14, 15]", columns.toString());
    }

    /** From 0.6 of the area on, and up to a third wider or higher: of 600 no side is below 600·√(0.6·3/4) = 402. */
    @Test
    void aPartKeepsThreeFifthsOfTheAreaAndIsNotTooNarrow() {
        Pixels image = new Pixels(600, 600, 1, new byte[600 * 600]);
        IntSummaryStatistics heights = new IntSummaryStatistics();
        IntSummaryStatistics widths = new IntSummaryStatistics();
        SplittableRandom random = new SplittableRandom(2);
        for (int draw = 0; draw < 1500; draw++) {
            Pixels part = of("crop").part(image, random);
            heights.accept(part.height());
            widths.accept(part.width());
            assertTrue(
                    (double) part.height() * part.width() >= 0.6 * 600 * 600 - 600, part.height() + "×" + part.width());
        }
        for (IntSummaryStatistics sides : new IntSummaryStatistics[] {heights, widths}) {
            assertTrue(sides.getMin() >= 402 && sides.getMin() < 435, sides.toString());
            assertEquals(600, sides.getMax());
        }
    }

    @Test
    void wordsAreReadInAnyCaseAndNoneStandsAlone() {
        assertEquals(new Augmentation(true, true, false), of(" Crop , FLIP "));
        assertEquals(Augmentation.NONE, of("none"));
        assertThrows(ConfigException.class, () -> of("none, crop"));
        assertThrows(ConfigException.class, () -> of("crop flip"));
        assertThrows(ConfigException.class, () -> of(""));
    }

    /** In the size of the model, and not before. */
    @Test
    void aPictureIsChangedOnItsWayToTheModel() {
        Pixels pair = new Pixels(1, 2, 1, new byte[] {1, 9});
        ImageProcessor twice = ImageProcessor.plain(1, 2, 4);
        Set<Integer> first = new TreeSet<>();
        SplittableRandom random = new SplittableRandom(4);
        for (int draw = 0; draw < 50; draw++) {
            Pixels seen = of("flip").apply(pair, twice, 1, random);
            assertEquals(8, seen.values().length);
            first.add((int) seen.values()[0]);
        }
        assertEquals(Set.of(1, 9), first);
    }

    @Test
    void halfOfThePicturesAreMirrored() {
        Pixels pair = new Pixels(1, 2, 1, new byte[] {1, 2});
        SplittableRandom random = new SplittableRandom(3);
        int mirrored = 0;
        for (int draw = 0; draw < 1000; draw++) {
            mirrored += of("flip").change(pair, random).values()[0] == 2 ? 1 : 0;
        }
        assertEquals(500, mirrored, 80);
    }
}
