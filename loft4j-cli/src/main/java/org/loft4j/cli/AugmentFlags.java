package org.loft4j.cli;

import org.loft4j.data.image.Augmentation;
import picocli.CommandLine.Option;

/** How images are changed in training. */
final class AugmentFlags {
    @Option(
            names = "--augment",
            paramLabel = "HOW",
            description =
                    "Of images: crop, flip and shift by chance, in training; with commas between them. Default: none.")
    String how = "none";

    Augmentation augmentation() {
        return Augmentation.parse("augment", how);
    }
}
