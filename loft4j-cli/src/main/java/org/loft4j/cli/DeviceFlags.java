package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.ModelDescription;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.ProductTime;
import picocli.CommandLine.Option;

/** Where a model lives, and in which precision. */
final class DeviceFlags {
    /** Times of a product in float32 from which on it is worth a word. */
    private static final double SLOW = 1.5;

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
        // libtorch need not be loaded to find that a call is wrong elsewhere
        if (!device.equals("auto")) {
            problems.of(this::device);
        }
    }

    /**
     * Warns of a half type that the processor has no fast products for, which a step, an evaluation and a prompt are made of; files
     * on the hub are mostly in one.
     */
    static void warn(ModelDescription model, PrintWriter err) {
        Dtype dtype = model.dtype();
        boolean half = dtype.isHalf();
        if (half && model.device().kind() == DeviceSpec.Kind.CPU) {
            double own = ProductTime.overFloat32(dtype);
            if (own >= SLOW) {
                err.println(slow(dtype, own, dtype == Dtype.BF16 ? own : ProductTime.overFloat32(Dtype.BF16)));
            }
        }
    }

    /** The times of products, over that in float32. */
    static String slow(Dtype dtype, double own, double bfloat16) {
        String better = bfloat16 < 1 ? "--dtype bfloat16" : "--dtype float32, with twice the memory for the model,";
        return String.format(
                Locale.ROOT,
                "loft: the model is %s, in which products take %.1f times as long as in float32 on this processor: %s is"
                        + " faster",
                dtype.torchName(),
                own,
                better);
    }

    DeviceSpec device() {
        return DeviceSpec.parse(device);
    }

    @Nullable
    Dtype dtype() {
        return dtype == null ? null : Dtype.parse("dtype", dtype);
    }
}
