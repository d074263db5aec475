package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * Coordinates in an earlier basis, in which a history may stay while the basis moves: {@code x = Q·y}, where x are coordinates in
 * the basis of now and y those that are kept. For matrices {@code P = Q·P'·Qᵀ}, so {@code aᵀ·P·a = (Qᵀ·a)ᵀ·P'·(Qᵀ·a)}: to turn a few
 * vectors takes the place of carrying over many matrices. The maps are on the processor, wherever the factors are, since how far they
 * have led is asked in every step.
 */
final class KeptCoordinates implements AutoCloseable {
    /** {@code ‖Q‖²} and {@code ‖Q⁻¹‖²} may be this many times those of the identity, so that little is lost to rounding. */
    private static final double FARTHEST = 2;

    /** Q and its inverse, float64 {@code (2, r, r)}. */
    private final Tensor maps;

    KeptCoordinates(int rank) {
        try (NativeScope scope = new NativeScope()) {
            maps = NativeScope.keep(Tensors.zeros(Dtype.F64, DeviceSpec.CPU, 2, rank, rank));
            renew();
        }
    }

    /**
     * {@code Q ← C·Q}; false where that leads too far, and Q stays.
     *
     * @param c on the processor
     */
    boolean move(Tensor c) {
        Tensor map = c.mm(map());
        Tensor inverse = torch.linalg_inv_ex(map).get0();
        Tensor both = torch.cat(new TensorVector(map, inverse)).view(Shapes.of(maps));
        double[] lengths = Tensors.toDoubles(both.mul(both).sum(1, 2));
        // of a singular map the inverse is not a number, or infinite
        if (!(Math.max(lengths[0], lengths[1]) <= FARTHEST * maps.size(1))) {
            return false;
        }
        maps.copy_(both);
        return true;
    }

    /** From now on the coordinates of the basis of now; what was kept has been carried over by {@link #map}. */
    void renew() {
        maps.copy_(torch.eye(maps.size(1), maps.options()));
    }

    /** Q, float64 {@code (r, r)}, on the processor. */
    Tensor map() {
        return maps.select(0, 0);
    }

    /** {@code Q⁻¹·x}: coordinates of now as they are kept. */
    Tensor kept(Tensor x) {
        return maps.select(0, 1).to(x).mm(x);
    }

    /** {@code Qᵀ·a} for each column: its product with what is kept is that of a with what that is now. */
    Tensor dual(Tensor a) {
        return map().t().to(a).mm(a);
    }

    /** Adds what is saved. */
    void addState(String prefix, Map<String, Tensor> all) {
        all.put(prefix + ".kept_in", maps);
    }

    @Override
    public void close() {
        maps.close();
    }
}
