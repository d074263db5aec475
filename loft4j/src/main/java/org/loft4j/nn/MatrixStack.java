package org.loft4j.nn;

import java.util.List;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.Tensor;

/** Several matrices {@code (out, in)} of one shape that lie in one tensor, or do so elsewhere. */
public sealed interface MatrixStack {
    /** How many there are. */
    int count();

    /** The matrices by number, for one pass. */
    IntFunction<WeightMatrix> open();

    /** One of the matrices, which lives as long as they all do. */
    WeightMatrix at(int number);

    /**
     * Matrices as they are.
     *
     * @param tensor {@code (count, out, in)}, owned by the model's weights
     * @param transposed whether it is {@code (count, in, out)} instead
     */
    record Dense(Tensor tensor, boolean transposed) implements MatrixStack {
        @Override
        public int count() {
            return Math.toIntExact(tensor.size(0));
        }

        @Override
        public IntFunction<WeightMatrix> open() {
            IntFunction<Tensor> slices = Experts.slices(tensor);
            return transposed ? i -> new TransposedWeight(slices.apply(i)) : i -> new DenseWeight(slices.apply(i));
        }

        @Override
        public WeightMatrix at(int number) {
            return new StackedWeight(tensor, number, transposed);
        }
    }

    /**
     * Matrices in fewer bits.
     *
     * @param count how many there are
     * @param rows {@code (count·out, in)}, those of one matrix after those of the other
     */
    record Packed(int count, QuantizedWeight rows) implements MatrixStack {
        @Override
        public IntFunction<WeightMatrix> open() {
            long each = rows.out() / count;
            return i -> rows.part(i * each, each);
        }

        @Override
        public WeightMatrix at(int number) {
            long each = rows.out() / count;
            return rows.part(number * each, each);
        }
    }

    /** Matrices that each lie by themselves. */
    record Apart(List<WeightMatrix> matrices) implements MatrixStack {
        public Apart {
            matrices = List.copyOf(matrices);
        }

        @Override
        public int count() {
            return matrices.size();
        }

        @Override
        public IntFunction<WeightMatrix> open() {
            return matrices::get;
        }

        @Override
        public WeightMatrix at(int number) {
            return matrices.get(number);
        }
    }
}
