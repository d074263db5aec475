package org.loft4j.train;

import java.util.Arrays;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.ImageDataset;
import org.loft4j.nn.Model;

/** Whether the rows that a metric is taken of can tell one evaluation from another. */
final class MetricCheck {
    /** Of the second class of two, or of entities: 0 of rows that have none, whatever the model tells. */
    private static final Set<String> OF_POSITIVES = Set.of("precision", "recall", "f1");

    private static final String NONE =
            "the evaluation data have none: it would be 0 whatever the model tells; choose loss or accuracy, or other"
                    + " evaluation data";

    private MetricCheck() {}

    /** What held-out rows must have for a metric to tell evaluations apart, and have not; null for nothing. */
    static @Nullable String problem(String metric, Model model, @Nullable Examples rows) {
        SeveralLabelRows several = SeveralLabelRows.of(rows);
        if (several != null && RocAuc.NAMES.contains(metric)) {
            return problemOfLabels(several.all().map(Arrays::toString));
        }
        if (several != null
                && MultiLabelScore.F1.contains(metric)
                && several.all().allMatch(row -> IntStream.range(0, row.length).allMatch(i -> row[i] == 0))) {
            return several.one()
                    + " that has a label, and none of the evaluation data has one: it would be 0 whatever the model tells;"
                    + " choose loss or accuracy, or other evaluation data";
        }
        if (several == null && rows instanceof ImageDataset images) {
            return problemOfClasses(
                    metric, model, () -> IntStream.range(0, images.size()).mapToLong(images::label));
        }
        if (!(rows instanceof Dataset held)) {
            return null;
        }
        int size = held.size();
        if (RegressionScore.CORRELATIONS.contains(metric)
                && held.isRegression()
                && IntStream.range(0, size).mapToObj(held::score).distinct().count() < 2) {
            return "two different numbers at least, and the " + size + (size == 1 ? " row" : " rows")
                    + " of the evaluation data have one: choose loss";
        }
        if (held.isTagged()) {
            return problemOfEntities(metric, model, held);
        }
        return several == null && held.isClassification()
                ? problemOfClasses(
                        metric,
                        model,
                        () -> IntStream.range(0, size)
                                .mapToLong(row -> held.get(row).labels()[0]))
                : null;
    }

    /** @param classes that of each row */
    private static @Nullable String problemOfClasses(String metric, Model model, Supplier<LongStream> classes) {
        if (RocAuc.NAMES.contains(metric) || metric.equals("matthews")) {
            return problemOfLabels(classes.get().boxed());
        }
        if (OF_POSITIVES.contains(metric) && classes.get().noneMatch(label -> label == 1)) {
            return "rows of the class \"" + model.description().labels().get(1) + "\", and " + NONE;
        }
        return null;
    }

    private static @Nullable String problemOfEntities(String metric, Model model, Dataset held) {
        int outside = model.description().labels().indexOf("O");
        boolean none = OF_POSITIVES.contains(metric)
                && IntStream.range(0, held.size())
                        .allMatch(row ->
                                Arrays.stream(held.get(row).labels()).allMatch(label -> label < 0 || label == outside));
        return none ? "words with another tag than O, and " + NONE : null;
    }

    /** @param labels of each row */
    private static @Nullable String problemOfLabels(Stream<?> labels) {
        return labels.distinct().count() < 2
                ? "rows of different labels, and all of the evaluation data have the same: choose loss or accuracy, or other"
                        + " evaluation data"
                : null;
    }
}
