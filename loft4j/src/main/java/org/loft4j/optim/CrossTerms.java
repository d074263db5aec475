package org.loft4j.optim;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Algebra of symmetric r×r matrices that are packed as their upper triangles, {@code vech(P)}: a column of
 * {@code r(r+1)/2} numbers. The second moment of LoFT is one such matrix for each row of B and each column of A (block 4).
 */
final class CrossTerms {
    /** Up to this rank one product of {@code r(r+1)/2} rows takes no longer than two of r rows and the copies between them. */
    private static final long AT_ONCE = 16;

    private record Place(int rank, DeviceSpec device) {}

    /** Made once for a rank and a device, and kept: all pairs use the same indices. */
    private static final Map<Place, CrossTerms> MADE = new ConcurrentHashMap<>();

    /** Row and column of each packed entry, k ≤ l. */
    private final Tensor rowIndex;

    private final Tensor columnIndex;
    /** Where each entry of the full matrix, row after row, is packed. */
    private final Tensor fullIndex;

    /** Where each packed entry is in the full matrix. */
    private final Tensor packedIndex;

    /** Row of each entry in {@code (a, 2·a)}: the column, in the second half off the diagonal, where an entry occurs twice. */
    private final Tensor doubledIndex;
    /** 1 on the diagonal, 2 off it: how often an entry occurs in the full matrix. */
    private final Tensor multiplicity;
    /** 0 on the diagonal, 1 off it. */
    private final Tensor offDiagonal;

    static CrossTerms of(int rank, DeviceSpec device) {
        return MADE.computeIfAbsent(new Place(rank, device), place -> new CrossTerms(rank, device));
    }

    private CrossTerms(int rank, DeviceSpec device) {
        int packed = packedSize(rank);
        long[] rows = new long[packed];
        long[] columns = new long[packed];
        long[] doubled = new long[packed];
        long[] full = new long[rank * rank];
        long[] places = new long[packed];
        double[] off = new double[packed];
        int at = 0;
        for (int k = 0; k < rank; k++) {
            for (int l = k; l < rank; l++) {
                full[k * rank + l] = at;
                full[l * rank + k] = at;
                places[at] = (long) k * rank + l;
                rows[at] = k;
                columns[at] = l;
                doubled[at] = k == l ? l : rank + l;
                off[at++] = k == l ? 0 : 1;
            }
        }
        try (NativeScope scope = new NativeScope()) {
            rowIndex = NativeScope.keep(Tensors.of(rows, packed).to(device.torch(), ScalarType.Long));
            columnIndex = NativeScope.keep(Tensors.of(columns, packed).to(device.torch(), ScalarType.Long));
            fullIndex = NativeScope.keep(Tensors.of(full, full.length).to(device.torch(), ScalarType.Long));
            packedIndex = NativeScope.keep(Tensors.of(places, packed).to(device.torch(), ScalarType.Long));
            doubledIndex = NativeScope.keep(Tensors.of(doubled, packed).to(device.torch(), ScalarType.Long));
            offDiagonal = NativeScope.keep(Tensors.of(off, packed, 1).to(device.torch(), ScalarType.Double));
            multiplicity = NativeScope.keep(offDiagonal.add(new Scalar(1.0)));
        }
    }

    static int packedSize(int rank) {
        return rank * (rank + 1) / 2;
    }

    /**
     * The basis quadratically, {@code vech₂(a·aᵀ)} for each column a: {@code vech(P)ᵀ·vech₂(a·aᵀ) = aᵀ·P·a}.
     *
     * @param basis {@code (r, columns)}
     * @return {@code (r(r+1)/2, columns)}
     */
    Tensor squared(Tensor basis) {
        Tensor doubled = torch.cat(new TensorVector(basis, basis.mul(new Scalar(2.0))));
        return basis.index_select(0, rowIndex).mul_(doubled.index_select(0, doubledIndex));
    }

    /**
     * What packed matrices are multiplied by for their products with a symmetric one: {@code paired(S)·vech(P) = tr(P·S)}.
     *
     * @param s {@code (r, r)}
     * @return {@code (1, r(r+1)/2)}
     */
    Tensor paired(Tensor s) {
        Tensor entries = s.index_select(0, rowIndex).gather(1, columnIndex.unsqueeze(1));
        return entries.mul_(multiplicity.to(s.scalar_type())).t();
    }

    /** {@code P[i] ← β₂·P[i] + (1 − β₂)·g̃[i]·g̃[i]ᵀ} for every column i of g̃, {@code (r, length)}. */
    void accumulate(Tensor packed, Tensor grad, double beta2) {
        packed.mul_(new Scalar(beta2))
                .addcmul_(grad.index_select(0, rowIndex), grad.index_select(0, columnIndex), new Scalar(1 - beta2));
    }

    /**
     * What carries packed matrices over, {@code P ↦ C·P·Cᵀ}, on columns of {@code vech(P)}: up to {@link #AT_ONCE} one product with
     * the matrix T of {@link #congruence}, which has r⁴/4 numbers, above it one with C from each side.
     *
     * @param c {@code (r, r)}, wherever it is
     * @param device of the packed matrices
     * @param type that is computed in
     */
    UnaryOperator<Tensor> carry(Tensor c, Device device, ScalarType type) {
        if (c.size(0) <= AT_ONCE) {
            Tensor t = congruence(c.to(device, c.scalar_type())).to(type);
            return t::mm;
        }
        Tensor narrow = c.to(device, type);
        return packed -> bothSides(narrow, packed);
    }

    private Tensor bothSides(Tensor c, Tensor packed) {
        long r = c.size(0);
        Tensor left = c.mm(packed.index_select(0, fullIndex).view(r, -1));
        Tensor both = c.expand(r, r, r).bmm(left.view(r, r, -1));
        return both.view(r * r, -1).index_select(0, packedIndex);
    }

    /**
     * The matrix T of {@code P ↦ C·P·Cᵀ} on packed columns: {@code T·vech(P) = vech(C·P·Cᵀ)}, with
     * {@code T[(k,l),(i,j)] = C_ki·C_lj + [i≠j]·C_kj·C_li}.
     *
     * @param c {@code (r, r)}
     * @return {@code (r(r+1)/2, r(r+1)/2)}
     */
    private Tensor congruence(Tensor c) {
        // made as its transpose, since whole rows are copied fastest
        Tensor ofRow = c.index_select(0, rowIndex).t().contiguous();
        Tensor ofColumn = c.index_select(0, columnIndex).t().contiguous();
        Tensor straight = ofRow.index_select(0, rowIndex).mul_(ofColumn.index_select(0, columnIndex));
        Tensor crossed = ofRow.index_select(0, columnIndex).mul_(ofColumn.index_select(0, rowIndex));
        return straight.addcmul_(crossed, offDiagonal).t();
    }
}
