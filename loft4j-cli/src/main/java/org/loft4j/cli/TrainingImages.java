package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.Labels;
import org.loft4j.data.Origin;
import org.loft4j.data.TrainTestSplit;
import org.loft4j.data.image.Augmentation;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.infer.ModelImages;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.tensor.NativeScope;
import org.loft4j.train.MemoryPlan;
import org.loft4j.train.MemoryPlan.Load;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;

/**
 * The images of a run, found and checked before the model is.
 *
 * @param train images to learn from
 * @param eval held-out images; null for none
 * @param classes to tell apart
 * @param shape what was found, in words
 */
record TrainingImages(LabeledImages train, @Nullable LabeledImages eval, LearntClasses classes, String shape) {
    /** Refuses what is asked of rows of text alone. */
    static void requireNoFlagsOfTexts(StreamFlags stream, FaultFlags faults) {
        if (stream.streaming) {
            throw new ConfigException(
                    "--streaming is for rows of text; images are read as they are learnt in any case");
        }
        requireNoFaultyRows(faults);
    }

    /** Files that are no images are left out in any case. */
    static void requireNoFaultyRows(FaultFlags faults) {
        if (faults.skip) {
            throw new ConfigException(
                    "--skip-faulty-rows is for rows of text; files that are no images are left out in any case");
        }
    }

    static TrainingImages read(LearntTask learnt, DataFlags data, ImageFlags images, EvalFlags held, long seed)
            throws IOException {
        LabeledImages found = images.readAll(DataFlags.images(data.data), data, learnt.multiLabel());
        LabeledImages all = images.limited(found);
        LabeledImages train = all;
        String shape = Quantities.of(all.size(), "image")
                + (all.size() < found.size() ? " of " + Quantities.count(found.size()) : "") + " in "
                + data.data.shown()
                + leftOut("", found);
        LabeledImages eval =
                held.file == null ? null : images.readAll(DataFlags.images(held.file), data, learnt.multiLabel());
        shape += eval == null ? "" : leftOut(" of --eval-data", eval);
        if (eval == null && held.share > 0) {
            eval = all.select(i -> TrainTestSplit.isHeldOut(all.identity(i), held.share, seed));
            train = all.select(i -> !TrainTestSplit.isHeldOut(all.identity(i), held.share, seed));
            if (eval.size() == 0 || train.size() == 0) {
                throw new ConfigException("holding out " + held.share + " of " + all.size()
                        + " images leaves none on one side: choose another share or name --eval-data");
            }
            shape += TrainingRows.heldOutAlone("images", Labels.namesIn(train), Labels.namesIn(eval));
        }
        // of all, since the split may hold out a class whole, and --max-images leave one out
        List<String> known = learnt.modelLabels();
        Labels own = Labels.of(found, data.labels.columns, LearntClasses.byName(known), DataFlags.images(data.data));
        LearntClasses classes = LearntClasses.of(own, data.labels.columns, known);
        data.labels.requireAll(classes.labels());
        if (held.file != null && eval != null) {
            String told = LearntClasses.ofHeldOut(
                    classes.labels(),
                    Labels.namesIn(eval),
                    images.besideChosen(Labels.namesIn(found)),
                    new Origin(DataFlags.images(held.file), 0));
            shape += told.isEmpty() ? "" : "; of the held-out images " + told;
        }
        shape += learnt.multiLabel()
                ? TrainingRows.several(classes.labels(), "an image")
                : TrainingRows.alone(Labels.namesIn(found));
        return new TrainingImages(
                train, eval, classes, shape + (classes.told().isEmpty() ? "" : "; " + classes.told()));
    }

    /** What is told of files that lie among images, somewhere, and cannot be read; empty if there are none. */
    static String leftOut(String where, LabeledImages images) {
        return images.leftOut().isEmpty()
                ? ""
                : "; left out" + where + ", since they cannot be read: " + images.leftOut();
    }

    /**
     * The states that a model makes of one of the images, by the shapes of its directory alone.
     *
     * @param options how it will be opened
     */
    static long states(Path directory, ModelOptions options) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model outline = Models.outline(directory, options)) {
            return outline.imageStates(ModelImages.of(outline, directory).shape());
        }
    }

    /**
     * The largest batches of a run.
     *
     * @param states of an image
     */
    Load largest(TrainConfig config, long states) {
        int held = eval == null ? 0 : Math.min(config.evalBatchSize(), eval.size());
        return new Load(Math.min(config.batchSize(), train.size()), states, held, states);
    }

    /** What is known of the images on the Java heap. */
    MemoryPlan.Rows onHeap() {
        return MemoryPlan.Rows.of(train.heapBytes() + (eval == null ? 0 : eval.heapBytes()));
    }

    /** Ready for a model; prepared as its directory says. */
    TrainData encode(Model model, Path directory, Augmentation augmentation) throws IOException {
        ModelImages prepared = ModelImages.of(model, directory);
        ImageDataset held = eval == null ? null : dataset(prepared, eval, classes.labels(), Augmentation.NONE);
        ImageDataset learnt = dataset(prepared, train, classes.labels(), augmentation);
        // an image has as many states whatever the run: its length is that of the images
        int states = (int) model.imageStates(prepared.shape());
        return new TrainData(learnt, held, 0, states);
    }

    static ImageDataset dataset(ModelImages prepared, LabeledImages images, Labels labels, Augmentation augmentation)
            throws IOException {
        return new ImageDataset(images, labels, prepared.read(), prepared.processor(), augmentation);
    }
}
