package org.loft4j.cli;

import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Option;

/** How long a run is, of which batches, and how often it is looked at. */
final class LengthFlags {
    @Option(
            names = "--epochs",
            paramLabel = "N",
            description = "Passes over the data, such as 3 or 0.5. Default: ${DEFAULT-VALUE}.")
    double epochs = 1;

    @Option(
            names = "--max-steps",
            paramLabel = "N",
            description =
                    "Optimizer steps of the run, whatever --epochs says; 0 for as many as the epochs make. Default: ${DEFAULT-VALUE}.")
    long maxSteps = 0;

    @Option(
            names = "--batch-size",
            paramLabel = "ROWS",
            description = "Rows that go through the model at once. Default: ${DEFAULT-VALUE}.")
    int batchSize = 8;

    @Option(
            names = "--accumulate",
            paramLabel = "N",
            description = "Batches that make one optimizer step. Default: ${DEFAULT-VALUE}.")
    int accumulate = 1;

    @Option(
            names = "--eval-batch-size",
            paramLabel = "ROWS",
            description = "Rows of a batch of the evaluation. Default: ${DEFAULT-VALUE}.")
    int evalBatchSize = 32;

    @Option(
            names = "--group-by-length",
            negatable = true,
            fallbackValue = "true",
            description = "Put rows of similar length into a batch, for less padding. Default: ${DEFAULT-VALUE}.")
    boolean groupByLength = true;

    @Option(
            names = "--gradient-checkpointing",
            description =
                    "Keep of each layer but the last only its input until the backward pass, and compute it once more there:"
                            + " less memory for up to a third more time, with the same result.")
    boolean gradientCheckpointing;

    @Option(
            names = "--logging-steps",
            paramLabel = "N",
            description = "Steps between two lines of the metrics. Default: ${DEFAULT-VALUE}.")
    int loggingSteps = 10;

    @Option(
            names = "--eval-steps",
            paramLabel = "N",
            description =
                    "Steps between two evaluations; 0 for one at the end of each epoch. Default: ${DEFAULT-VALUE}.")
    long evalSteps = 0;

    void apply(TrainConfig.Builder config) {
        config.epochs(epochs)
                .maxSteps(maxSteps)
                .batchSize(batchSize)
                .gradientAccumulationSteps(accumulate)
                .evalBatchSize(evalBatchSize)
                .groupByLength(groupByLength)
                .gradientCheckpointing(gradientCheckpointing)
                .loggingSteps(loggingSteps)
                .evalSteps(evalSteps);
    }
}
