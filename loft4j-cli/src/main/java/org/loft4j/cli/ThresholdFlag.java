package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;
import org.loft4j.nn.Threshold;
import picocli.CommandLine.Option;

/** How likely a label must be to be told. */
final class ThresholdFlag {
    @Option(
            names = "--threshold",
            paramLabel = "P",
            description =
                    "Of a model of several labels a text or an image: the probability above which a label is told. Default: 0.5.")
    @Nullable
    Double threshold;

    void check(Problems problems) {
        problems.of(this::value);
    }

    Threshold value() {
        return threshold == null ? Threshold.HALF : new Threshold(threshold);
    }

    void requireFits(Model model) {
        if (threshold != null && !model.isMultiLabel()) {
            throw new ConfigException(
                    "--threshold is for models of several labels a text or an image, and this is none: leave it out");
        }
    }
}
