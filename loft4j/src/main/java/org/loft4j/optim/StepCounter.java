package org.loft4j.optim;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The number of steps taken, kept in a tensor so that it is saved and loaded with the rest of the state. */
final class StepCounter implements AutoCloseable {
    private final Tensor count;

    StepCounter() {
        try (NativeScope scope = new NativeScope()) {
            count = NativeScope.keep(Tensors.of(new long[] {0}, 1));
        }
    }

    /** Steps taken so far. */
    long taken() {
        return Tensors.toLongs(count)[0];
    }

    /** Counts one more step and returns its number, from 1. */
    long next() {
        try (NativeScope scope = new NativeScope()) {
            LongPointer value = new LongPointer(count.data_ptr());
            value.put(value.get() + 1);
            return value.get();
        }
    }

    Tensor tensor() {
        return count;
    }

    @Override
    public void close() {
        count.close();
    }
}
