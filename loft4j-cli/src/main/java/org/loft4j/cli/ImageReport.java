package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.cli.report.Table;
import org.loft4j.data.DataReference;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.Labels;
import org.loft4j.data.Origin;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.infer.ModelImages;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * What a check of images has found.
 *
 * @param parts the training images, and the held-out ones if there are any
 * @param stops what would stop a training beside the faults of single images
 */
record ImageReport(List<Part> parts, List<String> stops) {
    /**
     * Images, each of which was opened as a training opens it.
     *
     * @param name of the part
     * @param where they lie
     * @param faults of those that cannot be used
     */
    record Part(String name, String where, LabeledImages images, List<ImageDataset.Fault> faults) {
        /** Images by their labels, or those among them that cannot be used. */
        Map<String, Integer> labels(boolean unusable) {
            Map<String, Integer> counts = new TreeMap<>();
            if (unusable) {
                faults.forEach(fault -> count(fault.index(), counts));
            } else {
                for (int i = 0; i < images.size(); i++) {
                    count(i, counts);
                }
            }
            return counts;
        }

        private void count(int index, Map<String, Integer> counts) {
            images.labels(index).forEach(label -> counts.merge(label, 1, Integer::sum));
        }

        List<String> told() {
            return faults.stream()
                    .map(fault -> String.valueOf(fault.cause().getMessage()))
                    .toList();
        }
    }

    /**
     * Reads all images.
     *
     * @param directory of the model, whose weights are not read
     * @param held null for none
     */
    static ImageReport of(
            Path directory,
            LearntTask aim,
            ImageFlags images,
            DataFlags data,
            DataReference train,
            @Nullable DataReference held)
            throws IOException {
        List<String> stops = new ArrayList<>();
        ImageFlags.Faults faults = fault -> stops.add(String.valueOf(fault.getMessage()));
        LabeledImages all = images.readAll(DataFlags.images(train), data, aim.multiLabel(), faults);
        // those that are missing may be all of a class
        LearntClasses classes = !stops.isEmpty() ? null : classes(all, aim, data, DataFlags.images(train), stops);
        // what is opened does not depend on the classes, which may be none that can be told apart
        List<String> known =
                classes == null ? List.of("0", "1") : classes.labels().names();
        ModelOptions options = ModelOptions.of(Task.IMAGE_CLASSIFICATION)
                .withLabels(known)
                .withMultiLabel(aim.multiLabel())
                .withNewClasses(true)
                .withDtype(Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Model outline = Models.outline(directory, options)) {
            ModelImages prepared = ModelImages.of(outline, directory);
            List<Part> parts = new ArrayList<>();
            parts.add(part("training images", train, images.limited(all), prepared));
            if (held != null) {
                LabeledImages out = images.readAll(DataFlags.images(held), data, aim.multiLabel(), faults);
                parts.add(part("held-out images", held, out, prepared));
                if (classes != null) {
                    requireKnown(out, classes.labels(), stops);
                    Origin origin = new Origin(DataFlags.images(held), 0);
                    try {
                        classes.labels()
                                .requireIndices(Labels.namesIn(out), images.besideChosen(Labels.namesIn(all)), origin);
                    } catch (DataException e) {
                        stops.add(String.valueOf(e.getMessage()));
                    }
                }
            }
            return new ImageReport(parts, stops);
        }
    }

    private static Part part(String name, DataReference where, LabeledImages images, ModelImages prepared)
            throws IOException {
        return new Part(
                name, where.shown(), images, ImageDataset.faults(images, prepared.read(), prepared.processor()));
    }

    private static @Nullable LearntClasses classes(
            LabeledImages all, LearntTask aim, DataFlags data, Path path, List<String> stops) throws IOException {
        try {
            List<String> known = aim.modelLabels();
            Labels own = Labels.of(all, data.labels.columns, LearntClasses.byName(known), path);
            LearntClasses classes = LearntClasses.of(own, data.labels.columns, known);
            data.labels.requireAll(classes.labels());
            return classes;
        } catch (DataException | ConfigException e) {
            stops.add(String.valueOf(e.getMessage()));
            return null;
        }
    }

    /** The first of the images whose label no training image has. */
    private static void requireKnown(LabeledImages held, Labels known, List<String> stops) {
        for (int i = 0; i < held.size(); i++) {
            try {
                held.labels(i).forEach(known::index);
            } catch (ConfigException e) {
                stops.add(held.name(i) + ": " + e.getMessage());
                return;
            }
        }
    }

    /** Whether a training on these images would end before its first step. */
    boolean stopsTraining() {
        return !stops.isEmpty()
                || parts.stream().anyMatch(part -> !part.faults().isEmpty());
    }

    String text() {
        StringBuilder text = new StringBuilder();
        for (Part part : parts) {
            text.append(part.name())
                    .append(": ")
                    .append(Quantities.of(part.images().size(), "image"));
            text.append(" in ").append(part.where());
            text.append(TrainingImages.leftOut("", part.images())).append('\n');
            Map<String, Integer> unusable = part.labels(true);
            Table table = new Table("label", ">count", ">share of images", ">unusable");
            part.labels(false)
                    .forEach((label, count) -> table.row(
                            label,
                            Quantities.count(count),
                            Quantities.percent(count, part.images().size()),
                            Quantities.count(unusable.getOrDefault(label, 0))));
            text.append(table);
        }
        parts.forEach(part -> DataReport.faults(part.told(), text));
        stops.forEach(stop -> text.append(stop).append('\n'));
        return text.append(DataReport.verdict(stops.size()
                        + parts.stream().mapToLong(part -> part.faults().size()).sum()))
                .toString();
    }

    Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (Part part : parts) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("images", part.images().size());
            one.put("left_out", part.images().leftOut());
            one.put("labels", part.labels(false));
            one.put("unusable", part.labels(true));
            one.put("faults", part.told());
            tree.put(part.name().replace(' ', '_').replace('-', '_'), one);
        }
        tree.put("faults", stops);
        tree.put("stops_training", stopsTraining());
        return tree;
    }
}
