package org.loft4j.nn;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * {@code y = x·Wᵀ + b} with a matrix that is widened a tile at a time, and never kept for the backward pass: autograd would
 * hold the whole of it from the one to the other.
 *
 * <p>The product is computed outside autograd. What autograd sees is {@code y + sum(x[:, :0])}, a sum of no numbers: it
 * changes nothing, but leads from y to x. A hook on y takes up {@code ∂y} as it comes by, and a hook on x writes
 * {@code ∂x = ∂y·W} over the zeros that arrive there. One engine thread runs the four nodes in between in a row, since none
 * is created later and none waits for another, so what a thread has taken up belongs to the x that it reaches next.
 *
 * <p>The forward pass goes by tiles of rows and the backward pass by tiles of columns, so each number of either is one dot
 * product, rounded once, as with a matrix that is stored as it is.
 */
final class TiledProduct implements AutoCloseable {
    /** Elements that are widened at once. */
    private static final long TILE = 1 << 20;

    /** Where a tile of columns may begin. */
    private static final long ALIGNMENT = 64;

    private final QuantizedWeight weight;
    private final Map<Long, Tensor> arrived = new ConcurrentHashMap<>();
    private final VoidTensorHook onOutput = NativeScope.keep(new OutputHook());
    private final VoidTensorHook onInput = NativeScope.keep(new InputHook());

    TiledProduct(QuantizedWeight weight) {
        this.weight = weight;
    }

    interface Tile {
        void visit(long start, long count);
    }

    /**
     * Visits all rows, or columns, in tiles, each in a scope of its own.
     *
     * @param length how many there are
     * @param width elements of one
     * @param multiple what the start of every tile is a multiple of
     */
    static void eachTile(long length, long width, long multiple, Tile tile) {
        long step = Math.max(1, TILE / Math.max(1, width) / multiple) * multiple;
        for (long start = 0; start < length; start += step) {
            try (NativeScope scope = new NativeScope()) {
                tile.visit(start, Math.min(step, length - start));
            }
        }
    }

    /** @param x {@code (…, in)} */
    Tensor apply(Tensor x, @Nullable Tensor bias) {
        long[] shape = Shapes.of(x);
        int last = shape.length - 1;
        if (last < 0 || shape[last] != weight.in()) {
            throw new ShapeException("a layer takes (…, " + weight.in() + "), got " + Shapes.text(shape));
        }
        Tensor rows = last == 1 ? x : x.reshape(-1, weight.in());
        boolean learns = GradMode.is_enabled() && bias != null && bias.requires_grad();
        Tensor y = Tensors.empty(weight.dtype(), weight.device(), rows.size(0), weight.out());
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            multiply(rows, learns ? null : bias, y);
        }
        if (GradMode.is_enabled() && rows.requires_grad()) {
            Tensor origin = torch.alias(rows);
            origin.register_hook(onInput);
            y.add_(origin.narrow(1, 0, 0).sum());
            y.register_hook(onOutput);
        }
        if (learns) {
            y.add_(bias);
        }
        shape[last] = weight.out();
        return last == 1 ? y : y.view(shape);
    }

    private void multiply(Tensor rows, @Nullable Tensor bias, Tensor y) {
        eachTile(weight.out(), weight.in(), 1, (start, count) -> {
            Tensor tile = weight.rows(start, count).t();
            Tensor part = y.narrow(1, start, count);
            if (bias == null) {
                torch.mm_out(part, rows, tile);
            } else {
                torch.addmm_out(part, bias.narrow(0, start, count), rows, tile);
            }
        });
    }

    /**
     * What a hook is called with is a copy of the engine's handle, of which the scope around the step would become the owner:
     * each hook closes its own, so that a gradient goes when the engine is done with it.
     */
    private final class OutputHook extends VoidTensorHook {
        @Override
        public void call(TensorBase arrival) {
            try (arrival) {
                if (GradMode.is_enabled()) {
                    throw new IllegalStateException(
                            "a quantised layer has no second derivative: load the model unquantised");
                }
                try (NativeScope scope = new NativeScope()) {
                    Tensor gradient = NativeScope.keep(new Tensor(arrival));
                    Tensor lost = arrived.put(key(gradient), gradient);
                    if (lost != null) {
                        lost.close();
                    }
                }
            }
        }
    }

    private final class InputHook extends VoidTensorHook {
        @Override
        public void call(TensorBase zeros) {
            try (zeros;
                    NativeScope scope = new NativeScope()) {
                Tensor gradient = new Tensor(zeros);
                Tensor taken = arrived.remove(key(gradient));
                if (taken == null || taken.size(0) != gradient.size(0)) {
                    throw new IllegalStateException("a gradient came back to a layer that none had left");
                }
                try (taken) {
                    multiply(taken, gradient);
                }
            }
        }
    }

    /** {@code ∂x = ∂y·W}. */
    private void multiply(Tensor output, Tensor input) {
        eachTile(
                weight.in(),
                weight.out(),
                ALIGNMENT,
                (start, count) -> torch.mm_out(input.narrow(1, start, count), output, weight.columns(start, count)));
    }

    /** The engine has one thread for each accelerator, and works in the caller's thread for the CPU. */
    private static long key(Tensor tensor) {
        return tensor.is_cuda()
                ? -1L - tensor.device().index()
                : Thread.currentThread().getId();
    }

    @Override
    public void close() {
        onOutput.close();
        onInput.close();
        arrived.values().forEach(Tensor::close);
        arrived.clear();
    }
}
