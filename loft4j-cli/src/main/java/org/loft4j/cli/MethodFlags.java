package org.loft4j.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.train.Method;
import picocli.CommandLine.Option;

/** What is trained: the method, and the shape and place of its adapter. */
final class MethodFlags {
    @Option(
            names = "--method",
            paramLabel = "METHOD",
            converter = Words.OfMethod.class,
            description = "loft, loft-simple (less memory, less exact), lora, or full: every parameter. Default: loft.")
    Method method = Method.LOFT;

    @Option(names = "--rank", paramLabel = "R", description = "Rank of the adapter. Default: ${DEFAULT-VALUE}.")
    int rank = 16;

    @Option(
            names = "--alpha",
            paramLabel = "ALPHA",
            description =
                    "The adapter is scaled by alpha / rank. Default: twice the rank. With LoFT the result is the same whatever it is.")
    @Nullable
    Double alpha;

    @Option(
            names = "--dropout",
            paramLabel = "P",
            description = "Probability that an input of the adapter is dropped in training. Default: ${DEFAULT-VALUE}.")
    double dropout = 0;

    @Option(names = "--rslora", description = "Scale by alpha / √rank instead.")
    boolean rslora;

    @Option(
            names = "--target-modules",
            paramLabel = "NAMES",
            description =
                    "Layers that get an adapter: all-linear, names with commas between them, or a regular expression."
                            + " Default: ${DEFAULT-VALUE}.")
    String targetModules = TargetModules.ALL_LINEAR;

    @Option(
            names = "--exclude-modules",
            paramLabel = "REGEX",
            description = "Layers that get none although they are targets: a regular expression over the whole path.")
    @Nullable
    String excludeModules;

    @Option(
            names = "--modules-to-save",
            paramLabel = "NAME",
            split = ",",
            description =
                    "Modules that are trained in full and saved with the adapter. A new classifier is always among them.")
    @Nullable
    List<String> modulesToSave;

    /** Checks the adapter whatever the method. */
    boolean checked() {
        return lora() != null;
    }

    /** The configuration of the adapter, or null for a method that has none. */
    @Nullable
    LoraConfig adapter() {
        return method.usesAdapter() ? lora() : null;
    }

    private LoraConfig lora() {
        return new LoraConfig(
                rank,
                alpha == null ? 2.0 * rank : alpha,
                dropout,
                TargetModules.parse(targetModules),
                excludeModules,
                rslora,
                modulesToSave == null ? List.of() : modulesToSave);
    }
}
