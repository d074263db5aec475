package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;
import org.loft4j.tensor.Seeds;

/**
 * The gradient of a batch. On the processor its rows are shared out over the {@link Lanes}. Autograd would add up what the
 * lanes find in the order in which they find it; so a hook puts each lane's share by, and at the end they are added in the
 * order of the rows. Each lane draws its random numbers for itself, so the result depends on the number of threads alone.
 */
final class LaneGradients implements AutoCloseable {
    /** Elements that all shares may have together in any case: 4 MB. */
    private static final long LITTLE = 1L << 20;

    /** Else they may have this part of what the model has: adapters do, a model that is trained itself does not. */
    private static final long PART_OF_MODEL = 4;

    private final Model model;
    private final List<Tensor> leaves;
    private final long mostLanes;
    private final List<Hook> hooks = new ArrayList<>();
    private final ThreadLocal<@Nullable Tensor @Nullable []> share = new ThreadLocal<>();

    /** @param leaves all that gets a gradient */
    LaneGradients(Model model, List<Tensor> leaves) {
        this.model = model;
        this.leaves = List.copyOf(leaves);
        long elements = leaves.stream().mapToLong(Tensor::numel).sum();
        boolean onProcessor = model.description().device().kind() == DeviceSpec.Kind.CPU;
        long most = Math.max(LITTLE, model.weights().elements() / PART_OF_MODEL);
        this.mostLanes = onProcessor ? most / Math.max(1, elements) : 1;
    }

    /**
     * Adds a batch's part of the mean's gradient to the gradients, and returns its part of the mean.
     *
     * @param seed of the random numbers in the lanes
     */
    double backward(BatchLoss objective, BatchTensors batch, long seed) {
        int lanes = lanes(batch.rows());
        List<BatchTensors> parts = lanes > 1 ? batch.split(lanes) : List.of(batch);
        if (parts.size() == 1 || !parts.stream().allMatch(part -> readsAlike(part, batch))) {
            return objective.backward(model, batch);
        }
        for (int i = hooks.size(); i < leaves.size(); i++) {
            hooks.add(new Hook(i));
        }
        double[] losses = new double[parts.size()];
        List<@Nullable Tensor[]> shares = new ArrayList<>();
        parts.forEach(part -> shares.add(new Tensor[leaves.size()]));
        @Nullable Tensor[] before = new Tensor[leaves.size()];
        Arrays.setAll(before, i -> copyOfGradient(leaves.get(i)));
        shares.add(0, before);
        try {
            Lanes.run(parts.size(), i -> {
                share.set(shares.get(i + 1));
                try (RandomStream random = RandomStream.open(Seeds.derive(seed, "lane", i))) {
                    losses[i] = objective.backward(model, parts.get(i));
                } finally {
                    share.remove();
                }
            });
            add(shares);
        } finally {
            shares.stream().flatMap(Arrays::stream).forEach(LaneGradients::free);
        }
        return Arrays.stream(losses).sum();
    }

    /** Where the rotation of all positions depends on the longest row, shorter rows by themselves would be read otherwise. */
    private boolean readsAlike(BatchTensors part, BatchTensors whole) {
        return !(model instanceof Decoder decoder) || decoder.outlives(part.length(), whole.length());
    }

    /** Fewer rows than lanes leave cores idle, which pays while not too many do. */
    private int lanes(long rows) {
        int lanes = Lanes.count();
        return rows * 2 < lanes || lanes > mostLanes ? 1 : (int) Math.min(lanes, rows);
    }

    private static @Nullable Tensor copyOfGradient(Tensor leaf) {
        Tensor gradient = leaf.grad();
        return gradient.defined() ? NativeScope.keep(gradient.clone()) : null;
    }

    private void add(List<@Nullable Tensor[]> shares) {
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            for (int leaf = 0; leaf < leaves.size(); leaf++) {
                Tensor sum = leaves.get(leaf).grad();
                if (!sum.defined()) {
                    continue;
                }
                sum.zero_();
                for (@Nullable Tensor[] one : shares) {
                    if (one[leaf] != null) {
                        sum.add_(one[leaf]);
                    }
                }
            }
        }
    }

    private static void free(@Nullable Tensor tensor) {
        if (tensor != null) {
            tensor.close();
        }
    }

    /** Hears of the gradient of one leaf before it is added up. */
    private final class Hook extends VoidTensorHook {
        private final int leaf;
        private final int position;

        private Hook(int leaf) {
            this.leaf = leaf;
            NativeScope.keep(this);
            this.position = leaves.get(leaf).register_hook(this);
        }

        @Override
        public void call(TensorBase arrival) {
            // the handle is ours to close, as in nn.TiledProduct
            try (arrival) {
                @Nullable Tensor[] mine = share.get();
                if (mine == null) {
                    return;
                }
                try (NativeScope scope = new NativeScope();
                        AutoGradMode frozen = new AutoGradMode(false)) {
                    Tensor gradient = new Tensor(arrival);
                    Tensor sum = mine[leaf] == null ? gradient.clone() : mine[leaf].add(gradient);
                    free(mine[leaf]);
                    mine[leaf] = NativeScope.keep(sum);
                }
            }
        }

        private void remove() {
            leaves.get(leaf).remove_hook(position);
            close();
        }
    }

    @Override
    public void close() {
        hooks.forEach(Hook::remove);
        hooks.clear();
    }
}
