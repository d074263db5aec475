package org.loft4j.optim;

import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.bytedeco.pytorch.AutoDispatchBelowADInplaceOrView;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;

/**
 * What an optimizer moves, each independent of all others: side by side on the processor; all in a row on a device, which the
 * host does not wait for. No operation notes anything for autograd, which takes a tenth of a short one; only what is trained counts
 * up its version, by which others tell that it has been written.
 */
final class InLanes<T> {
    private final List<List<T>> parts;
    private final Function<? super T, List<Tensor>> trained;

    /** @param trained tells which tensors one moves */
    InLanes(List<T> all, Function<? super T, List<Tensor>> trained) {
        boolean onProcessor =
                all.stream().flatMap(one -> trained.apply(one).stream()).noneMatch(Tensor::is_cuda);
        this.parts = onProcessor ? all.stream().map(List::of).toList() : List.of(all);
        this.trained = trained;
    }

    /** Writes each, in a scope of its own. */
    void each(Consumer<? super T> work) {
        run(part -> {
            for (T one : parts.get(part)) {
                try (NativeScope scope = new NativeScope()) {
                    work.accept(one);
                    for (Tensor written : trained.apply(one)) {
                        written.unsafeGetTensorImpl().bump_version();
                    }
                }
            }
        });
    }

    /** The sum of what all add, each in a scope of its own, in an order that does not depend on which lane is first. */
    double sum(BiConsumer<? super T, NormSum> work) {
        double[] sums = new double[parts.size()];
        run(part -> {
            NormSum sum = new NormSum();
            for (T one : parts.get(part)) {
                try (NativeScope scope = new NativeScope()) {
                    work.accept(one, sum);
                }
            }
            sums[part] = sum.value();
        });
        return Arrays.stream(sums).sum();
    }

    private void run(IntConsumer work) {
        Lanes.run(parts.size(), part -> {
            try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
                work.accept(part);
            }
        });
    }
}
