package org.loft4j.model;

import java.nio.file.Path;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Tensors;

/** A source's names, types and shapes: its tensors have no numbers, and cost nothing to read. */
record UnreadSource(TensorSource source) implements TensorSource {
    @Override
    public Path path() {
        return source.path();
    }

    @Override
    public Set<String> names() {
        return source.names();
    }

    @Override
    public TensorInfo info(String name) throws CheckpointException {
        return source.info(name);
    }

    @Override
    public Tensor read(String name) throws CheckpointException {
        TensorInfo info = info(name);
        return Tensors.empty(info.dtype(), DeviceSpec.META, info.shape());
    }

    @Override
    public Tensor read(String name, long start, long count) throws CheckpointException {
        TensorInfo info = info(name);
        long[] shape = info.shape().clone();
        shape[0] = count;
        return Tensors.empty(info.dtype(), DeviceSpec.META, shape);
    }

    @Override
    public void close() {
        source.close();
    }
}
