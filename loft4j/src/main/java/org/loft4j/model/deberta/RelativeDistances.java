package org.loft4j.model.deberta;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * Rows of the table of distances; He et al. 2020 (arXiv:2006.03654), equation 3: token i sees token j at distance i − j, and
 * what is farther than the table reaches at its end. With buckets (the second version), distances of more than half their
 * number are put together on a logarithmic scale. Short texts have no pair at most of the table's distances.
 *
 * @param first row of the table that some pair has
 * @param count of rows from there to the last that some pair has
 * @param rows of each pair, counted from the first, int64 {@code (seq, seq)}
 */
record RelativeDistances(long first, long count, Tensor rows) {
    /** Row of each pair: {@code clamp(bucket(i − j) + span, 0, 2·span − 1)}. */
    static RelativeDistances of(DebertaConfig.Relative relative, int length, DeviceSpec device) {
        long[] bucket = buckets(relative, length);
        // falling distances: those of token i to 0, 1, … begin at length − 1 − i
        long[] falling = new long[bucket.length];
        for (int i = 0; i < bucket.length; i++) {
            long row = bucket[bucket.length - 1 - i] + relative.span();
            falling[i] = Math.max(0, Math.min(2 * relative.span() - 1, row));
        }
        long first = falling[falling.length - 1];
        Tensor rows = Tensors.of(falling, falling.length)
                .sub_(new Scalar(first))
                .to(device.torch(), Dtype.I64.scalarType())
                .unfold(0, length, 1)
                .flip(0);
        return new RelativeDistances(first, falling[0] - first + 1, rows);
    }

    /** The bucket of each distance from 1 − length to length − 1. */
    static long[] buckets(DebertaConfig.Relative relative, int length) {
        long[] distances = new long[2 * length - 1];
        for (int i = 0; i < distances.length; i++) {
            distances[i] = i - length + 1L;
        }
        if (relative.buckets() == 0) {
            return distances;
        }
        long middle = relative.buckets() / 2;
        double[] far = far(distances, middle, relative.maxDistance());
        for (int i = 0; i < distances.length; i++) {
            long distance = distances[i];
            if (Math.abs(distance) > middle) {
                distances[i] = Long.signum(distance) * (long) far[i];
            }
        }
        return distances;
    }

    /**
     * {@code ⌈ln(|d|/m) / ln((max − 1)/m) · (m − 1)⌉ + m} by libtorch in float32, as the reference does: next to a whole
     * number the rounding decides.
     */
    private static double[] far(long[] distances, long middle, long maxDistance) {
        Tensor ratio = Tensors.of(distances, distances.length)
                .abs()
                .clamp_min(new Scalar(middle))
                .to(Dtype.F32.scalarType())
                .div(new Scalar((double) middle));
        Tensor greatest = Tensors.of(new float[] {(float) ((maxDistance - 1) / (double) middle)}, 1);
        Tensor share = torch.log(ratio).div(torch.log(greatest)).mul(new Scalar((double) (middle - 1)));
        return Tensors.toDoubles(torch.ceil(share).add(new Scalar((double) middle)));
    }
}
