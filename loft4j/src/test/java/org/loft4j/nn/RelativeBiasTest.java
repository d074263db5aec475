package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

class RelativeBiasTest {
    /** The first distance of each row, as Transformers' {@code relative_position_bucket} gives it. */
    private static final List<Integer> STARTS = List.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91);

    @Test
    void distancesArePutTogetherAsInTransformers() {
        int length = 601;
        try (NativeScope scope = new NativeScope()) {
            long[] rows = Tensors.toLongs(RelativeBias.buckets(length, length, 32, 128, true));
            assertEquals(2 * length - 1, rows.length);
            List<Integer> starts = new ArrayList<>();
            for (int distance = 0; distance < length; distance++) {
                long row = rows[length - 1 - distance];
                if (row == starts.size()) {
                    starts.add(distance);
                }
                assertEquals(starts.size() - 1, row, "a token " + distance + " before");
                long later = distance == 0 ? row : row + 16;
                assertEquals(later, rows[length - 1 + distance], "a token " + distance + " behind");
            }
            assertEquals(STARTS, starts);
        }
    }

    /** Of a table of 16 rows and distances up to 40: those before it alone, and the last three queries of five tokens. */
    @Test
    void aDecoderHasAllRowsForWhatIsBeforeIt() {
        try (NativeScope scope = new NativeScope()) {
            long[] rows = Tensors.toLongs(RelativeBias.buckets(60, 60, 16, 40, false));
            assertEquals(119, rows.length);
            List<Integer> starts = new ArrayList<>();
            for (int distance = 0; distance < 60; distance++) {
                if (rows[59 - distance] == starts.size()) {
                    starts.add(distance);
                }
                assertEquals(0, rows[59 + distance]);
            }
            assertEquals(List.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33), starts);
            double[] table = new double[16];
            for (int i = 0; i < table.length; i++) {
                table[i] = i;
            }
            Tensor bias = new RelativeBias(Tensors.of(table, 16, 1), 40, false).forward(3, 5, Dtype.F32);
            assertArrayEquals(
                    new double[] {2, 1, 0, 0, 0, 3, 2, 1, 0, 0, 4, 3, 2, 1, 0}, Tensors.toDoubles(bias.contiguous()));
        }
    }

    /** Rows of the bias are queries, columns keys; those of the table are ten times the row, and the head. */
    @Test
    void aTokenLooksFromItsRow() {
        try (NativeScope scope = new NativeScope()) {
            double[] table = new double[64];
            for (int i = 0; i < table.length; i++) {
                table[i] = 10 * (i / 2) + i % 2;
            }
            Tensor bias = new RelativeBias(Tensors.of(table, 32, 2)).forward(3, 3, Dtype.F32);
            assertArrayEquals(new long[] {1, 2, 3, 3}, Shapes.of(bias));
            assertArrayEquals(
                    new double[] {0, 170, 180, 10, 0, 170, 20, 10, 0, 1, 171, 181, 11, 1, 171, 21, 11, 1},
                    Tensors.toDoubles(bias.contiguous()));
        }
    }
}
