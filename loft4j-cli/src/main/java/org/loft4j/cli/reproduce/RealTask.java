package org.loft4j.cli.reproduce;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.loft4j.cli.compare.ComparisonData;
import org.loft4j.model.Models;
import org.loft4j.nn.ModelOptions;

/**
 * A real task: a model, and rows to learn from, to choose by and to test on.
 *
 * @param model its directory
 * @param options how the model is opened; each run puts its own seed in their place
 * @param data tokenized
 * @param metric that is reported
 * @param described what it is, by name
 */
public record RealTask(
        Path model, ModelOptions options, ComparisonData data, String metric, Map<String, Object> described) {
    /** Reads a task, which takes a while; gets what says so. */
    @FunctionalInterface
    public interface Source {
        RealTask open(Consumer<String> say) throws IOException;
    }

    public RealTask {
        described = Collections.unmodifiableMap(new LinkedHashMap<>(described));
    }

    /** On which the methods' own learning rates depend. */
    long hiddenSize() throws IOException {
        return Models.hiddenSize(model);
    }
}
