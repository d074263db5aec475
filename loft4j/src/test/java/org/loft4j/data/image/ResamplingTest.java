package org.loft4j.data.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each filter against Pillow 11.1: a grey picture of 5×7 made smaller, pixel by pixel, and larger, as a sum. */
class ResamplingTest {
    private static final int[] GREY = {
        130, 183, 14, 238, 127, 26, 80, 57, 190, 240, 126, 194, 52, 127, 6, 110, 208, 143, 93, 199, 81, 36, 71, 227, 64,
        67, 0, 2, 107, 110, 84, 85, 148, 160, 101
    };

    @ParameterizedTest
    @CsvSource({
        "NEAREST, 190 126 52 71 64 0, 420480",
        "LANCZOS, 128 163 90 95 124 81, 411727",
        "BILINEAR, 129 152 97 99 116 85, 404919",
        "BICUBIC, 128 160 94 95 120 83, 409474",
        "BOX, 113 154 94 82 113 66, 420480",
        "HAMMING, 133 160 92 88 110 76, 414763"
    })
    void hasPillowsNumbers(Resampling filter, String smaller, long sumOfLarger) {
        byte[] values = new byte[GREY.length];
        for (int i = 0; i < GREY.length; i++) {
            values[i] = (byte) GREY[i];
        }
        Pixels picture = new Pixels(5, 7, 1, values);
        String[] words = smaller.split(" ");
        int[] expected = new int[words.length];
        int[] found = new int[words.length];
        for (int i = 0; i < words.length; i++) {
            expected[i] = Integer.parseInt(words[i]);
            found[i] = filter.resize(picture, 2, 3).values()[i] & 0xff;
        }
        assertArrayEquals(expected, found);

        long sum = 0;
        byte[] larger = filter.resize(picture, 8, 11).values();
        for (int i = 0; i < larger.length; i++) {
            sum += (i + 1L) * (larger[i] & 0xff);
        }
        assertEquals(sumOfLarger, sum);
    }
}
