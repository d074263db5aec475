package org.loft4j.optim;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;

/**
 * The tiles in which a matrix of W's size is worked on, so that nothing of that size is ever held. It is cut from both sides: in
 * strips of whole rows, a product would read all of its second operand for a few rows.
 */
final class Tiles {
    /**
     * The processor's: both sides small enough for its cache, large enough to be worth a call. Rows of a strip for thin products and
     * passes over what they make: with r ≤ 16 OpenBLAS makes no copies for a product as small as that, and what it makes stays in the
     * cache nearest to the core.
     */
    private static final Tiles PROCESSOR = new Tiles(512, 120, 1 << 20, 1 << 17);

    /** A device's, where a call costs more than a cache saves. */
    private static final Tiles DEVICE = new Tiles(4096, 4096, 1 << 24, 1 << 24);

    /** Below it a product reads its other operand too often. */
    private static final long NARROWEST = 32;

    private final long side;
    private final long strip;
    /** Elements that are made at once. */
    private final long most;
    /** Elements on which several passes follow each other. */
    private final long piece;

    /** Works on what lies in {@code [from, from + count)}, in a scope of its own. */
    interface Part {
        void accept(long from, long count);
    }

    /** Works on the same piece of each of several tensors. */
    interface Pieces {
        void accept(List<Tensor> pieces);
    }

    /** Works on some rows of a tile. */
    interface Strip {
        void accept(long from, Tensor rows);
    }

    private Tiles(long side, long strip, long most, long piece) {
        this.side = side;
        this.strip = strip;
        this.most = most;
        this.piece = piece;
    }

    /** Those of where a tensor is. */
    static Tiles of(Tensor tensor) {
        return on(DeviceSpec.of(tensor).kind());
    }

    static Tiles on(DeviceSpec.Kind kind) {
        return kind == DeviceSpec.Kind.CUDA ? DEVICE : PROCESSOR;
    }

    /** Elements of the largest tile of a matrix. */
    long area(long rows, long columns) {
        return Math.min(side, rows) * Math.min(side, columns);
    }

    /** Elements of the largest strip. */
    long stripArea(long rows, long columns) {
        return Math.min(strip, rows) * Math.min(side, columns);
    }

    /** A side of a matrix, tile by tile. */
    void along(long length, Part body) {
        each(length, side, body);
    }

    /** The same where each place has so many rows beside it, of which no more than a piece is made at once. */
    void along(long length, long rows, Part body) {
        each(length, Math.max(NARROWEST, Math.min(side, most / rows / NARROWEST * NARROWEST)), body);
    }

    /** A tile, some rows at a time. */
    void strips(Tensor tile, Strip body) {
        each(tile.size(0), strip, (from, count) -> body.accept(from, tile.narrow(0, from, count)));
    }

    /**
     * The elements of tensors of one shape, in pieces that stay in the cache from one pass to the next, or on a device in such as
     * make copies of them small beside what it holds. All at once where they do not lie in a row.
     */
    void elements(List<Tensor> tensors, Pieces body) {
        Tensor first = tensors.get(0);
        if (first.numel() <= piece || !tensors.stream().allMatch(tensor -> tensor.is_contiguous())) {
            body.accept(tensors);
            return;
        }
        List<Tensor> flat = tensors.stream().map(tensor -> tensor.view(-1)).toList();
        each(
                first.numel(),
                piece,
                (from, count) -> body.accept(flat.stream()
                        .map(tensor -> tensor.narrow(0, from, count))
                        .toList()));
    }

    private static void each(long length, long step, Part body) {
        for (long from = 0; from < length; from += step) {
            try (NativeScope scope = new NativeScope()) {
                body.accept(from, Math.min(step, length - from));
            }
        }
    }
}
