package org.loft4j.cli;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import picocli.CommandLine.Option;

/** Where an adapter sits, and what is trained beside it. */
final class AdapterFlags {
    @Option(
            names = "--dropout",
            paramLabel = "P",
            description = "Probability that an input of the adapter is dropped in training. Default: ${DEFAULT-VALUE}.")
    double dropout = 0;

    @Option(
            names = "--target-modules",
            paramLabel = "NAMES",
            description =
                    "Layers that get an adapter: all-linear, none, names with commas between them, or a regular expression."
                            + " Default: ${DEFAULT-VALUE}.")
    String targetModules = TargetModules.ALL_LINEAR;

    @Option(
            names = "--target-parameters",
            paramLabel = "NAME",
            split = ",",
            description =
                    "Parameters whose experts get an adapter each, of models that have a layer's experts in one tensor, such as"
                            + " mlp.experts.down_proj. Default: none.")
    @Nullable
    List<String> targetParameters;

    @Option(
            names = "--exclude-modules",
            paramLabel = "REGEX",
            description =
                    "Layers that get none although they are targets: a regular expression over the whole path. Default: none.")
    @Nullable
    String excludeModules;

    @Option(
            names = "--modules-to-save",
            paramLabel = "NAME",
            split = ",",
            description =
                    "Modules that are trained in full and saved with the adapter. A new classifier is always among them. Default: none but that.")
    @Nullable
    List<String> modulesToSave;

    LoraConfig lora(int rank, double alpha, boolean rslora) {
        return new LoraConfig(
                rank,
                alpha,
                dropout,
                TargetModules.parse(targetModules),
                excluded(),
                rslora,
                false,
                inFull(),
                Map.of(),
                Map.of(),
                parameters());
    }

    /** The parameters of experts that get an adapter. */
    List<String> parameters() {
        return targetParameters == null
                ? List.of()
                : targetParameters.stream().map(String::strip).toList();
    }

    /** Null where no layer is left out. */
    @Nullable
    TargetModules excluded() {
        return excludeModules == null ? null : TargetModules.regex(excludeModules);
    }

    /** The modules that are trained and saved in full, and so never kept in fewer bits. */
    List<String> inFull() {
        return modulesToSave == null ? List.of() : modulesToSave;
    }
}
