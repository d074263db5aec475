package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * {@code y = x·Wᵀ + b} with a matrix that is widened a tile at a time, and never kept for the backward pass: autograd would
 * hold the whole of it from the one to the other. {@code ∂x = ∂y·W} is an {@link AutogradFunction}'s.
 *
 * <p>The forward pass goes by tiles of rows and the backward pass by tiles of columns, so each number of either is one dot
 * product, rounded once, as with a matrix that is stored as it is.
 */
final class TiledProduct {
    /** Elements that are widened at once on the processor, and stay in its cache. */
    private static final long TILE = 1 << 20;

    /** The same for few rows, whose product is no more work than the widening; with smaller ones its calls take a third of the time. */
    private static final long TILE_OF_FEW = 1 << 19;

    /** The same on a device, where each of a tile's calls costs more than a cache saves. */
    private static final long DEVICE_TILE = 1 << 26;

    /** Elements that lanes widen at once, all of them together. */
    private static final long IN_LANES = 1 << 23;

    /** Where a tile of columns may begin. */
    private static final long ALIGNMENT = 64;

    private TiledProduct() {}

    interface Tile {
        void visit(long start, long count);
    }

    /**
     * Visits all rows, or columns, in tiles, each in a scope of its own.
     *
     * @param length how many there are
     * @param width elements of one
     * @param multiple what the start of every tile is a multiple of
     * @param device where what is visited is
     */
    static void eachTile(long length, long width, long multiple, DeviceSpec device, Tile tile) {
        eachTile(length, width, multiple, device.kind() == DeviceSpec.Kind.CUDA ? DEVICE_TILE : TILE, tile);
    }

    /** The same with so many elements in a tile at most, unless one row has more. */
    static void eachTile(long length, long width, long multiple, long elements, Tile tile) {
        long step = step(width, multiple, elements);
        for (long start = 0; start < length; start += step) {
            try (NativeScope scope = new NativeScope()) {
                tile.visit(start, Math.min(step, length - start));
            }
        }
    }

    /** Elements of {@code (out, in)} that are widened at once at most; the least are some columns, which are many where there are many rows. */
    static long widenedAtOnce(DeviceSpec device, long out, long in) {
        long tile = device.kind() == DeviceSpec.Kind.CUDA ? DEVICE_TILE : Math.min(IN_LANES, TILE * Lanes.count());
        return Math.min(out * in, Math.max(tile, ALIGNMENT * out));
    }

    private static long step(long width, long multiple, long elements) {
        return Math.max(1, elements / Math.max(1, width) / multiple) * multiple;
    }

    /**
     * Visits tiles that have nothing to do with each other, on the processor in lanes: looking codes up is the work of one thread.
     * Where the smallest tiles of all lanes were too much memory, or are too few for them, one follows the other.
     */
    private static void eachTileInLanes(
            long length, long width, long multiple, long elements, DeviceSpec device, Tile tile) {
        long step = step(width, multiple, Math.min(elements, IN_LANES / Lanes.count()));
        int tiles = Math.toIntExact((length + step - 1) / step);
        int lanes = Lanes.forRows(tiles);
        if (device.kind() == DeviceSpec.Kind.CUDA) {
            eachTile(length, width, multiple, device, tile);
        } else if (lanes == 1 || lanes * step * width > IN_LANES) {
            eachTile(length, width, multiple, elements, tile);
        } else {
            Lanes.runIfFree(tiles, i -> tile.visit(i * step, Math.min(step, length - i * step)));
        }
    }

    /** @param x {@code (…, in)} */
    static Tensor of(QuantizedWeight weight, Tensor x, @Nullable Tensor bias) {
        long[] shape = Shapes.of(x);
        int last = shape.length - 1;
        if (last < 0 || shape[last] != weight.in()) {
            throw new ShapeException("a layer takes (…, " + weight.in() + "), got " + Shapes.text(shape));
        }
        Tensor rows = last == 1 ? x : x.reshape(-1, weight.in());
        // whether or not a gradient is wanted now: what is computed twice has the same digits
        boolean learns = bias != null && bias.requires_grad();
        Tensor y = Tensors.empty(weight.dtype(), weight.device(), rows.size(0), weight.out());
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            multiply(weight, rows, learns ? null : bias, y);
        }
        AutogradFunction.lead(
                "a quantised layer has no second derivative: load the model unquantised",
                y,
                List.of(rows),
                List.of(),
                (none, gradient) -> List.of(gradientOfInput(weight, gradient)));
        if (learns) {
            y.add_(bias);
        }
        shape[last] = weight.out();
        return last == 1 ? y : y.view(shape);
    }

    private static void multiply(QuantizedWeight weight, Tensor rows, @Nullable Tensor bias, Tensor y) {
        boolean half = Dtype.of(rows).isHalf();
        if (LaneProduct.areFew(rows) && (!half || Inference.isOpen())) {
            multiplyFew(weight, half ? rows.to(ScalarType.Float) : rows, bias, y);
            return;
        }
        eachTileInLanes(weight.out(), weight.in(), 1, TILE, weight.device(), (start, count) -> {
            Tensor tile = weight.rows(start, count);
            Tensor part = y.narrow(1, start, count);
            if (bias == null) {
                torch.mm_out(part, rows, tile.t());
            } else {
                torch.addmm_out(part, bias.narrow(0, start, count), rows, tile.t());
            }
        });
    }

    /**
     * For few rows, of an answer in a half type too: to round what is widened, and multiply it so, takes longer than the rest. Tiles
     * have whole strips, so the numbers do not depend on the cuts.
     *
     * @param rows in float32 at least
     */
    private static void multiplyFew(QuantizedWeight weight, Tensor rows, @Nullable Tensor bias, Tensor y) {
        long strip = LaneProduct.unit(rows);
        eachTileInLanes(weight.out(), weight.in(), strip, TILE_OF_FEW, weight.device(), (start, count) -> {
            Tensor tile = weight.wideRows(start, count).to(rows.scalar_type());
            Tensor part = torch.empty(new long[] {rows.size(0), count}, rows.options(), null);
            LaneProduct.multiplyFew(rows, tile, part);
            y.narrow(1, start, count).copy_(bias == null ? part : part.add_(bias.narrow(0, start, count)));
        });
    }

    /**
     * {@code ∂x = ∂y·W}.
     *
     * @param gradient of y, {@code (…, out)}
     */
    static Tensor gradientOfInput(QuantizedWeight weight, Tensor gradient) {
        long[] shape = Shapes.of(gradient);
        Tensor rows = gradient.reshape(-1, weight.out());
        Tensor x = Tensors.empty(weight.dtype(), weight.device(), rows.size(0), weight.in());
        eachTileInLanes(
                weight.in(),
                weight.out(),
                ALIGNMENT,
                TILE,
                weight.device(),
                (start, count) -> torch.mm_out(x.narrow(1, start, count), rows, weight.columns(start, count)));
        shape[shape.length - 1] = weight.in();
        return x.view(shape);
    }
}
