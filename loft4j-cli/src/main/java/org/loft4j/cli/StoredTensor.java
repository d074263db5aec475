package org.loft4j.cli;

import java.util.Arrays;
import java.util.List;
import org.loft4j.io.ForeignTensor;
import org.loft4j.io.TensorInfo;

/**
 * A tensor of a file, of whatever type.
 *
 * @param type as torch names it, or as the file does where no tensor here can be of it
 * @param shape sizes by dimension
 */
record StoredTensor(String name, String type, long[] shape, long elements, long bytes) {
    /** Of all together. */
    static long elements(List<StoredTensor> tensors) {
        return tensors.stream().mapToLong(StoredTensor::elements).sum();
    }

    /** Of all together. */
    static long bytes(List<StoredTensor> tensors) {
        return tensors.stream().mapToLong(StoredTensor::bytes).sum();
    }

    static StoredTensor of(TensorInfo info) {
        return new StoredTensor(info.name(), info.dtype().torchName(), info.shape(), info.elements(), info.bytes());
    }

    static StoredTensor of(String name, ForeignTensor tensor) {
        long elements = Arrays.stream(tensor.shape()).reduce(1, (a, b) -> a * b);
        return new StoredTensor(name, tensor.type(), tensor.shape(), elements, tensor.bytes());
    }
}
