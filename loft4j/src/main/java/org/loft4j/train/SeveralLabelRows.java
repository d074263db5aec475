package org.loft4j.train;

import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Dataset;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.TrainingSet;

/**
 * Texts or images each of which may have several labels.
 *
 * @param one one of them in words
 * @param size how many there are
 * @param scores 1 for the labels that one of them has and 0 for the others, by its index
 */
record SeveralLabelRows(String one, int size, IntFunction<float[]> scores) {
    /** Null for data of which each row has one label, or none that is known before it is read. */
    static @Nullable SeveralLabelRows of(@Nullable TrainingSet data) {
        if (data instanceof Dataset texts && texts.isMultiLabel()) {
            return new SeveralLabelRows(
                    "a text",
                    texts.size(),
                    row -> Objects.requireNonNull(
                            texts.batch(new int[] {row}, 0).scores()));
        }
        return data instanceof ImageDataset images && images.isMultiLabel()
                ? new SeveralLabelRows("an image", images.size(), images::scores)
                : null;
    }

    Stream<float[]> all() {
        return IntStream.range(0, size).mapToObj(scores);
    }
}
