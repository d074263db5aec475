package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import picocli.CommandLine.Option;

/** Where a model lives, and in which precision. */
final class DeviceFlags {
    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            description = "cpu, cuda, cuda:N, or auto: cuda where there is one. Default: ${DEFAULT-VALUE}.")
    String device = "auto";

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            converter = Words.OfDtype.class,
            completionCandidates = WordLists.Dtypes.class,
            description = "float32, bfloat16, float16 or float64. Default: the type of the model's file.")
    @Nullable
    String dtype;

    void check(Problems problems) {
        if (!device.matches("cpu|auto|cuda(:[0-9]{1,2})?")) {
            problems.add("device must be cpu, cuda, cuda:N or auto, got " + device);
        }
    }

    DeviceSpec device() {
        return DeviceSpec.parse(device);
    }

    @Nullable
    Dtype dtype() {
        return dtype == null ? null : Dtype.parse("dtype", dtype);
    }
}
