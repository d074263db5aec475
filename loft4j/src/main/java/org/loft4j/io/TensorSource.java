package org.loft4j.io;

import java.nio.file.Path;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;

/** Named tensors on disk: one safetensors file, or a model directory of several. */
public interface TensorSource extends AutoCloseable {
    /** The file or directory, for messages. */
    Path path();

    /** Names of all tensors, sorted. */
    Set<String> names();

    /**
     * Type and shape of a tensor, without reading it.
     *
     * @throws CheckpointException if no tensor has the name
     */
    TensorInfo info(String name) throws CheckpointException;

    /**
     * Reads a tensor into memory of its own on the CPU. It belongs to the open {@link org.loft4j.tensor.NativeScope}.
     *
     * @throws CheckpointException if no tensor has the name, or its data cannot be read
     */
    Tensor read(String name) throws CheckpointException;

    /**
     * Reads some rows of a tensor, {@code (count, …)}, as {@link #read} would the whole.
     *
     * @param start the first of them
     */
    Tensor read(String name, long start, long count) throws CheckpointException;

    /** Closes the files. Tensors that were read stay valid. */
    @Override
    void close();
}
