package org.loft4j.nn;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * How to open a model.
 *
 * @param task what its logits shall mean
 * @param labels names of the classes by index; empty for those that config.json lists
 * @param pooling of a classifier over an encoder
 * @param dtype of the parameters; null for the dtype of the file
 * @param device for every parameter
 * @param loadIn how the matrices of its linear layers and its tokens are kept; other than {@link LoadIn#FULL} they are frozen
 * @param seed of what the checkpoint lacks, such as a new classification head
 */
public record ModelOptions(
        Task task,
        List<String> labels,
        Pooling pooling,
        @Nullable Dtype dtype,
        DeviceSpec device,
        LoadIn loadIn,
        long seed) {
    public ModelOptions {
        labels = List.copyOf(labels);
    }

    /** A model in full precision. */
    public ModelOptions(
            Task task, List<String> labels, Pooling pooling, @Nullable Dtype dtype, DeviceSpec device, long seed) {
        this(task, labels, pooling, dtype, device, LoadIn.FULL, seed);
    }

    /** The model as its files describe it, on the CPU. */
    public static ModelOptions of(Task task) {
        return new ModelOptions(task, List.of(), Pooling.AUTO, null, DeviceSpec.CPU, 0);
    }

    public ModelOptions withLabels(List<String> newLabels) {
        return new ModelOptions(task, newLabels, pooling, dtype, device, loadIn, seed);
    }

    public ModelOptions withPooling(Pooling newPooling) {
        return new ModelOptions(task, labels, newPooling, dtype, device, loadIn, seed);
    }

    public ModelOptions withDtype(@Nullable Dtype newDtype) {
        return new ModelOptions(task, labels, pooling, newDtype, device, loadIn, seed);
    }

    public ModelOptions withDevice(DeviceSpec newDevice) {
        return new ModelOptions(task, labels, pooling, dtype, newDevice, loadIn, seed);
    }

    public ModelOptions withSeed(long newSeed) {
        return new ModelOptions(task, labels, pooling, dtype, device, loadIn, newSeed);
    }

    public ModelOptions withLoadIn(LoadIn newLoadIn) {
        return new ModelOptions(task, labels, pooling, dtype, device, newLoadIn, seed);
    }
}
