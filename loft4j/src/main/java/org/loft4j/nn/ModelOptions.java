package org.loft4j.nn;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * How to open a model.
 *
 * @param task what its logits shall mean
 * @param labels names of the classes by index; empty for those that config.json lists. A classifier of texts with a single one is
 *     for regression: its output is a number, and no class
 * @param pooling of a classifier over an encoder
 * @param dtype of the parameters; null for the dtype of the file
 * @param device for every parameter
 * @param loadIn how the matrices of its linear layers and its tokens are kept; other than {@link LoadIn#FULL} they are frozen
 * @param inFull modules that stay in the model's dtype whatever loadIn says, by the last parts of their paths: those that an
 *     adapter saves in full, and so trains
 * @param newClasses whether the layer that tells the classes apart is drawn anew though the checkpoint has one for as many: it was
 *     trained for other classes
 * @param multiLabel whether a text or an image may have several of the labels, or none: each output is then a label's own, and not one of
 *     classes that exclude each other. Where no labels are named, config.json says it ({@code problem_type})
 * @param seed of what the checkpoint lacks, such as a new classification head
 */
public record ModelOptions(
        Task task,
        List<String> labels,
        Pooling pooling,
        @Nullable Dtype dtype,
        DeviceSpec device,
        LoadIn loadIn,
        List<String> inFull,
        boolean newClasses,
        boolean multiLabel,
        long seed) {
    public ModelOptions {
        labels = List.copyOf(labels);
        inFull = List.copyOf(inFull);
        if (multiLabel && (!task.isOneLabelEach() || labels.size() == 1)) {
            throw new ConfigException(
                    "several labels a text or an image are for task sequence-classification or image-classification with 2"
                            + " labels at least, got task "
                            + task.word() + " with " + labels.size());
        }
    }

    /** A model whose classes exclude each other. */
    public ModelOptions(
            Task task,
            List<String> labels,
            Pooling pooling,
            @Nullable Dtype dtype,
            DeviceSpec device,
            LoadIn loadIn,
            List<String> inFull,
            boolean newClasses,
            long seed) {
        this(task, labels, pooling, dtype, device, loadIn, inFull, newClasses, false, seed);
    }

    /** A model in full precision, with what the checkpoint has of its head. */
    public ModelOptions(
            Task task, List<String> labels, Pooling pooling, @Nullable Dtype dtype, DeviceSpec device, long seed) {
        this(task, labels, pooling, dtype, device, LoadIn.FULL, List.of(), false, seed);
    }

    /** The model as its files describe it, on the CPU. */
    public static ModelOptions of(Task task) {
        return new ModelOptions(task, List.of(), Pooling.AUTO, null, DeviceSpec.CPU, 0);
    }

    public ModelOptions withTask(Task newTask) {
        return new ModelOptions(newTask, labels, pooling, dtype, device, loadIn, inFull, newClasses, multiLabel, seed);
    }

    public ModelOptions withLabels(List<String> newLabels) {
        return new ModelOptions(task, newLabels, pooling, dtype, device, loadIn, inFull, newClasses, multiLabel, seed);
    }

    public ModelOptions withPooling(Pooling newPooling) {
        return new ModelOptions(task, labels, newPooling, dtype, device, loadIn, inFull, newClasses, multiLabel, seed);
    }

    public ModelOptions withDtype(@Nullable Dtype newDtype) {
        return new ModelOptions(task, labels, pooling, newDtype, device, loadIn, inFull, newClasses, multiLabel, seed);
    }

    public ModelOptions withDevice(DeviceSpec newDevice) {
        return new ModelOptions(task, labels, pooling, dtype, newDevice, loadIn, inFull, newClasses, multiLabel, seed);
    }

    public ModelOptions withSeed(long newSeed) {
        return new ModelOptions(task, labels, pooling, dtype, device, loadIn, inFull, newClasses, multiLabel, newSeed);
    }

    public ModelOptions withLoadIn(LoadIn newLoadIn) {
        return new ModelOptions(task, labels, pooling, dtype, device, newLoadIn, inFull, newClasses, multiLabel, seed);
    }

    public ModelOptions withInFull(List<String> modules) {
        return new ModelOptions(task, labels, pooling, dtype, device, loadIn, modules, newClasses, multiLabel, seed);
    }

    public ModelOptions withNewClasses(boolean anew) {
        return new ModelOptions(task, labels, pooling, dtype, device, loadIn, inFull, anew, multiLabel, seed);
    }

    public ModelOptions withMultiLabel(boolean several) {
        return new ModelOptions(task, labels, pooling, dtype, device, loadIn, inFull, newClasses, several, seed);
    }

    /** Whether the parameter of this name is kept in fewer bits than the model computes in, if its role allows. */
    public boolean isQuantized(String name) {
        return loadIn != LoadIn.FULL && inFull.stream().noneMatch(module -> ("." + name).contains("." + module + "."));
    }
}
