package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * How many rows a product in a half type has on the processor. oneDNN compiles a product for each number of them that it has not
 * met, and keeps a thousand of what it has compiled: with a number in each batch that no other batch had, that took as long as the
 * products of small experts, and twice the memory of the whole training (docs/performance.md). So rows that mean nothing are added, up
 * to one of eight numbers between a power of two and the next.
 */
public final class HalfRows {
    /** Numbers between a power of two and the next: one more row for twenty-four in the mean. */
    private static final long NUMBERS = 8;

    private HalfRows() {}

    /** Whether what computes in this type there is given such numbers. */
    public static boolean matter(Dtype dtype, DeviceSpec device) {
        return dtype.isHalf() && device.kind() == DeviceSpec.Kind.CPU;
    }

    /** The least such number that is as large. */
    public static long upFrom(long rows) {
        return (rows + step(rows) - 1) / step(rows) * step(rows);
    }

    /** How many rows a part of many has, of at most so many. */
    static long downFrom(long rows, ModelDescription model) {
        return matter(model.dtype(), model.device()) ? rows / step(rows) * step(rows) : rows;
    }

    private static long step(long rows) {
        return Math.max(1, Long.highestOneBit(rows) / NUMBERS);
    }

    /**
     * How many columns a batch of so many is given that goes through a model as it is.
     *
     * @param most that there may be
     */
    static long columns(long columns, ModelDescription model, long most) {
        return matter(model.dtype(), model.device()) ? upFrom(columns, most) : columns;
    }

    /** The least such number that is as large, or the greatest that is allowed, or what there is if that is more. */
    public static long upFrom(long rows, long most) {
        return Math.max(rows, Math.min(most, upFrom(rows)));
    }

    /** How many such numbers there are up to the least that is as large. */
    public static long upTo(long rows) {
        long power = Long.highestOneBit(rows);
        return power < NUMBERS
                ? rows
                : NUMBERS * (Long.numberOfTrailingZeros(power / NUMBERS) + 1) + (upFrom(rows) - power) / step(rows);
    }

    /** The states of the first columns, {@code (batch, columns, hidden)}; the states themselves where there are no more. */
    public static Tensor first(long columns, Tensor states) {
        return states.size(1) == columns ? states : states.narrow(1, 0, columns);
    }

    /** Rows {@code (count, …)} with as many zeros behind them as are missing; the rows themselves where none are. */
    static Tensor filled(Tensor rows) {
        long[] shape = Shapes.of(rows);
        long missing = matter(Dtype.of(rows), DeviceSpec.of(rows)) ? upFrom(shape[0]) - shape[0] : 0;
        if (missing == 0) {
            return rows;
        }
        shape[0] = missing;
        return torch.cat(new TensorVector(rows, torch.zeros(shape, rows.options())), 0);
    }
}
