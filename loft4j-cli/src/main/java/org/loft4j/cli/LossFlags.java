package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.List;
import org.loft4j.train.ClassWeights;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Option;

/** What of the loss is the same for tasks of several kinds; preferences and sentence embeddings have losses of their own. */
final class LossFlags {
    @Option(
            names = "--class-weights",
            paramLabel = "NAME=WEIGHT",
            split = ",",
            description =
                    "Of a classifier: what each class weighs in the loss of training. balanced goes by how rare each class is in the"
                            + " training data; NAME=WEIGHT, with commas between, names them, 1 for the others. Evaluations are without"
                            + " weights. Default: all the same.")
    List<String> classWeights = List.of();

    @Option(
            names = "--label-smoothing",
            paramLabel = "SHARE",
            description =
                    "Share of each target's probability that the loss of training spreads over all classes or tokens;"
                            + " evaluations are without it. Default: ${DEFAULT-VALUE}.")
    double labelSmoothing;

    void apply(TrainConfig.Builder config) {
        config.loss(loss -> loss.withClassWeights(ClassWeights.parse(classWeights)))
                .loss(loss -> loss.withLabelSmoothing(labelSmoothing));
    }

    /**
     * Says what balanced weights of classes are.
     *
     * @param counted in the training data
     */
    static void tell(TrainConfig config, ClassWeights counted, PrintWriter err) {
        if (config.loss().classWeights().balanced()) {
            err.println("loft: balanced class weights, " + counted.range());
        }
    }
}
