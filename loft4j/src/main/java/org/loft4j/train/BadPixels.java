package org.loft4j.train;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.ImageBatch;
import org.loft4j.data.MiniBatch;

/** Looks for the cause of a step without a finite loss in the data. Ids and labels are whole numbers; pixels need not be finite. */
final class BadPixels {
    private static final System.Logger LOG = System.getLogger(TrainingRun.class.getName());

    private BadPixels() {}

    /** Says of a step that was skipped which pixel is why, where one is. */
    static void warn(long step, List<? extends MiniBatch> batches) {
        String bad = in(batches);
        if (bad != null) {
            LOG.log(System.Logger.Level.WARNING, "step " + step + " is skipped: " + bad);
        }
    }

    /** The first pixel that is not finite, in words; null if all are. */
    static @Nullable String in(List<? extends MiniBatch> batches) {
        for (int i = 0; i < batches.size(); i++) {
            if (batches.get(i) instanceof ImageBatch images) {
                float[] pixels = images.pixels();
                for (int k = 0; k < pixels.length; k++) {
                    if (!Float.isFinite(pixels[k])) {
                        int image = k / (pixels.length / images.rows());
                        return "a pixel of image " + (image + 1) + " of batch " + (i + 1) + " is " + pixels[k]
                                + ": look at the data and at image_std of preprocessor_config.json";
                    }
                }
            }
        }
        return null;
    }
}
