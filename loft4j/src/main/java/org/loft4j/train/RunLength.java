package org.loft4j.train;

import java.math.BigDecimal;
import java.math.RoundingMode;
import org.loft4j.data.TrainingSet;

/**
 * How long a run is.
 *
 * @param stepsPerEpoch optimizer steps of one pass over the data
 * @param totalSteps optimizer steps of the run
 */
public record RunLength(long stepsPerEpoch, long totalSteps) {
    /** By settings and the number of examples. */
    public static RunLength of(TrainConfig config, TrainingSet train) {
        long batches = ceilDiv(train.rows(), config.batchSize());
        long stepsPerEpoch = ceilDiv(batches, config.gradientAccumulationSteps());
        return new RunLength(
                stepsPerEpoch, config.maxSteps() > 0 ? config.maxSteps() : steps(config.epochs(), stepsPerEpoch));
    }

    /** A part of a step is a step; reckoned in decimals, as the epochs were written. */
    private static long steps(double epochs, long stepsPerEpoch) {
        return BigDecimal.valueOf(epochs)
                .multiply(BigDecimal.valueOf(stepsPerEpoch))
                .setScale(0, RoundingMode.CEILING)
                .min(BigDecimal.valueOf(Long.MAX_VALUE))
                .longValue();
    }

    private static long ceilDiv(long a, long b) {
        return (a + b - 1) / b;
    }
}
