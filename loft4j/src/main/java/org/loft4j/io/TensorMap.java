package org.loft4j.io;

import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/** Tensors in memory as a source, such as the weights of a model that an adapter was merged into. They stay their owner's. */
public final class TensorMap implements TensorSource {
    private final Path path;
    private final Map<String, Tensor> tensors;

    /** @param path what messages name, such as the model's directory */
    public TensorMap(Path path, Map<String, Tensor> tensors) {
        this.path = path;
        this.tensors = new TreeMap<>(tensors);
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    @Override
    public TensorInfo info(String name) throws CheckpointException {
        Tensor tensor = find(name);
        Dtype dtype = Dtype.of(tensor);
        return new TensorInfo(name, dtype, Shapes.of(tensor), tensor.numel() * dtype.bytes());
    }

    /** A view of the tensor, without its gradient. */
    @Override
    public Tensor read(String name) throws CheckpointException {
        return find(name).detach();
    }

    /** A view of the rows, without their gradient. */
    @Override
    public Tensor read(String name, long start, long count) throws CheckpointException {
        return find(name).detach().narrow(0, start, count);
    }

    private Tensor find(String name) throws CheckpointException {
        Tensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new CheckpointException(path, "there is no tensor " + JsonFault.quote(name));
        }
        return tensor;
    }

    /** Does nothing: the tensors are not this object's. */
    @Override
    public void close() {}
}
