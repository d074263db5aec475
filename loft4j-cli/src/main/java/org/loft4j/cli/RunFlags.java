package org.loft4j.cli;

import java.nio.file.Path;
import org.loft4j.train.OnExisting;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Option;

/** How long a run is, and what it leaves. */
final class RunFlags {
    @Option(
            names = "--output",
            paramLabel = "DIR",
            required = true,
            description = "Where the adapter, checkpoints, metrics and this call's settings go.")
    Path output;

    @Option(
            names = "--epochs",
            paramLabel = "N",
            defaultValue = "1",
            description = "Passes over the data. Default: ${DEFAULT-VALUE}.")
    int epochs;

    @Option(
            names = "--max-steps",
            paramLabel = "N",
            defaultValue = "0",
            description = "Optimizer steps of the run, whatever --epochs says; 0 for as many as the epochs make.")
    long maxSteps;

    @Option(
            names = "--batch-size",
            paramLabel = "ROWS",
            defaultValue = "8",
            description = "Rows that go through the model at once. Default: ${DEFAULT-VALUE}.")
    int batchSize;

    @Option(
            names = "--accumulate",
            paramLabel = "N",
            defaultValue = "1",
            description = "Batches that make one optimizer step. Default: ${DEFAULT-VALUE}.")
    int accumulate;

    @Option(
            names = "--eval-batch-size",
            paramLabel = "ROWS",
            defaultValue = "32",
            description = "Rows of a batch of the evaluation. Default: ${DEFAULT-VALUE}.")
    int evalBatchSize;

    @Option(
            names = "--group-by-length",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description = "Put rows of similar length into a batch, for less padding. Default: ${DEFAULT-VALUE}.")
    boolean groupByLength;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "0",
            description = "Of the order of the data, dropout and new weights. Default: ${DEFAULT-VALUE}.")
    long seed;

    @Option(
            names = "--logging-steps",
            paramLabel = "N",
            defaultValue = "10",
            description = "Steps between two lines of the metrics. Default: ${DEFAULT-VALUE}.")
    int loggingSteps;

    @Option(
            names = "--eval-steps",
            paramLabel = "N",
            defaultValue = "0",
            description =
                    "Steps between two evaluations; 0 for one at the end of each epoch. Default: ${DEFAULT-VALUE}.")
    long evalSteps;

    @Option(
            names = "--save-steps",
            paramLabel = "N",
            defaultValue = "0",
            description = "Steps between two checkpoints; 0 for one at each evaluation. Default: ${DEFAULT-VALUE}.")
    long saveSteps;

    @Option(
            names = "--save-total-limit",
            paramLabel = "N",
            defaultValue = "2",
            description =
                    "Checkpoints that are kept, the best and the last among them; 0 for all. Default: ${DEFAULT-VALUE}.")
    int saveTotalLimit;

    @Option(
            names = "--metric-for-best",
            paramLabel = "NAME",
            defaultValue = "loss",
            description =
                    "What tells the best evaluation: loss, accuracy, macro_f1, matthews or perplexity. Default: ${DEFAULT-VALUE}.")
    String metricForBest;

    @Option(
            names = "--load-best",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description =
                    "End with the weights of the best evaluation instead of the last ones. Default: ${DEFAULT-VALUE}.")
    boolean loadBest;

    @Option(
            names = "--early-stopping-patience",
            paramLabel = "N",
            defaultValue = "0",
            description =
                    "Evaluations without an improvement after which the run ends; 0 for never. Default: ${DEFAULT-VALUE}.")
    int earlyStoppingPatience;

    @Option(names = "--resume", description = "Go on with the run that the output directory holds, if it holds one.")
    boolean resume;

    @Option(names = "--overwrite", description = "Remove the run that the output directory holds.")
    boolean overwrite;

    void check(Problems problems) {
        if (resume && overwrite) {
            problems.add("--resume and --overwrite exclude each other");
        }
    }

    void apply(TrainConfig.Builder config) {
        config.epochs(epochs)
                .maxSteps(maxSteps)
                .batchSize(batchSize)
                .gradientAccumulationSteps(accumulate)
                .evalBatchSize(evalBatchSize)
                .groupByLength(groupByLength)
                .seed(seed)
                .loggingSteps(loggingSteps)
                .evalSteps(evalSteps)
                .saveSteps(saveSteps)
                .saveTotalLimit(saveTotalLimit)
                .metricForBest(metricForBest)
                .loadBestAtEnd(loadBest)
                .earlyStoppingPatience(earlyStoppingPatience);
    }

    OnExisting onExisting() {
        return resume ? OnExisting.RESUME : overwrite ? OnExisting.OVERWRITE : OnExisting.REFUSE;
    }
}
