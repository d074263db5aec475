package org.loft4j.tensor;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** What a product takes on this processor: not every processor has fast ones for half types. */
public final class ProductTime {
    private static final long SIDE = 512;
    private static final int TRIALS = 5;

    private ProductTime() {}

    /**
     * In a type, over that of the same in float32, the best of a few each; takes some hundredths of a second. On one core, since
     * threads that wait for each other tell more of what else the machine does.
     */
    public static double overFloat32(Dtype dtype) {
        double[] ratio = {1};
        if (dtype != Dtype.F32) {
            Lanes.run(2, lane -> {
                if (lane == 0) {
                    ratio[0] = seconds(dtype) / seconds(Dtype.F32);
                }
            });
        }
        return ratio[0];
    }

    private static double seconds(Dtype dtype) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor x = torch.ones(new long[] {SIDE, SIDE}, Tensors.options(dtype, DeviceSpec.CPU));
            double best = Double.POSITIVE_INFINITY;
            for (int i = 0; i < TRIALS; i++) {
                long start = System.nanoTime();
                torch.linear(x, x).numel();
                best = Math.min(best, (System.nanoTime() - start) / 1e9);
            }
            return best;
        }
    }
}
