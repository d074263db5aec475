package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.LongSummaryStatistics;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.FunctionPreHook;
import org.bytedeco.pytorch.Node;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

/**
 * The gradient of a batch. On the processor its rows are shared out over the {@link Lanes}. Autograd would add up what the
 * lanes find in the order in which they find it; so a hook hands each gradient to {@link LaneSums} in its place. Each lane
 * draws its random numbers for itself, so the result depends on the number of threads alone, and on no training beside this one.
 */
final class LaneGradients implements AutoCloseable {
    /** Elements of all lanes that may wait to be added in any case: 4 MB. */
    private static final long LITTLE = 1L << 20;

    /** Else they may be this part of what is trained. */
    private static final long PART = 4;

    /** All lanes may hold a gradient of the largest leaf at once, which together may be so many times the model. */
    private static final long MOST_OF_LARGEST = 2;

    /** Hooks that a graph outside may still call, as it may be walked once more. */
    private static final Queue<Hook> OUTLIVED = new ConcurrentLinkedQueue<>();

    private final Model model;
    private final List<Tensor> leaves;
    private final boolean onProcessor;
    private final long mostLanes;
    private final long mostWaiting;
    private final List<Hook> hooks = new ArrayList<>();
    private final ThreadLocal<@Nullable Share> share = new ThreadLocal<>();

    /** @param leaves all that gets a gradient */
    LaneGradients(Model model, List<Tensor> leaves) {
        this.model = model;
        this.leaves = List.copyOf(leaves);
        LongSummaryStatistics elements =
                leaves.stream().mapToLong(Tensor::numel).summaryStatistics();
        this.onProcessor = model.description().device().kind() == DeviceSpec.Kind.CPU;
        this.mostLanes = onProcessor ? mostLanes(model, elements.getMax()) : 1;
        this.mostWaiting = mostWaiting(elements.getSum());
    }

    /**
     * So many lanes, or else one: each may hold a gradient of the largest leaf.
     *
     * @param largest elements of that leaf
     */
    static long mostLanes(Model model, long largest) {
        long most = Math.max(LITTLE, MOST_OF_LARGEST * model.weights().elements());
        // a lane adds up the head of a half type in float32 (nn.LanguageModelLoss)
        long numbers = model.description().dtype().isHalf() ? 2 : 1;
        return most / Math.max(1, numbers * largest);
    }

    /** Elements of all lanes together that may wait to be added, where so many are trained. */
    static long mostWaiting(long trained) {
        return Math.max(LITTLE, trained / PART);
    }

    /**
     * Makes the gradient that batches before have left, if it is of a half type, one in float32: what comes goes into it as it is, by
     * autograd and by {@link LaneSums}, and the optimizers take either. In bfloat16 a sum of equal shares stops to grow at the 256th,
     * since the next is less than half of its last digit.
     */
    private static void widen(Tensor leaf) {
        if (!Dtype.of(leaf).isHalf()) {
            return;
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor before = leaf.grad();
            if (before.defined() && Dtype.of(before).isHalf()) {
                leaf.mutable_grad().put(before.to(Dtype.F32.scalarType()));
            }
        }
    }

    /** Where the gradients of one lane go. */
    private record Share(LaneSums sums, int lane) {}

    /**
     * Adds a batch's part of the mean's gradient to the gradients, and returns its part of the mean.
     *
     * @param seed of the random numbers on the processor; a device draws from libtorch's generator
     */
    double backward(BatchLoss objective, BatchTensors batch, long seed) {
        leaves.forEach(LaneGradients::widen);
        List<BatchTensors> parts = batch.split(lanes(batch.rows()), model);
        if (parts.size() == 1) {
            try (RandomStream random = onProcessor ? stream(seed, 0) : null) {
                return objective.backward(model, batch);
            }
        }
        for (int i = hooks.size(); i < leaves.size(); i++) {
            hooks.add(new Hook(i));
        }
        double[] losses = new double[parts.size()];
        try (LaneSums sums = new LaneSums(leaves, parts.size(), mostWaiting / parts.size())) {
            Lanes.run(parts.size(), i -> {
                share.set(new Share(sums, i));
                sums.begin();
                try (RandomStream random = stream(seed, i)) {
                    losses[i] = objective.backward(model, parts.get(i));
                } catch (RuntimeException | Error e) {
                    sums.fail();
                    throw e;
                } finally {
                    sums.end(i);
                    share.remove();
                }
            });
            sums.deliver();
        }
        return Arrays.stream(losses).sum();
    }

    /**
     * Gives zeros to what no batch of a step has led to: the layers of experts that no token went through. To the optimizers, and the
     * norm that clips, they are like any other.
     */
    void fill() {
        if (model.mixtures().isEmpty()) {
            return;
        }
        for (Tensor leaf : leaves) {
            try (NativeScope scope = new NativeScope()) {
                if (!leaf.grad().defined()) {
                    leaf.mutable_grad().put(torch.zeros_like(leaf));
                }
            }
        }
    }

    /**
     * The vectors of a batch's texts, one after the other, that {@link #backward} will find: the rows are shared out in the same way, and
     * the same random numbers are drawn. Nothing is kept for a gradient.
     *
     * @param seed the one of {@link #backward}
     */
    double[] vectors(BatchTensors batch, long seed) {
        return found(batch, seed, part -> Tensors.toDoubles(model.logits(part.input())));
    }

    /**
     * The log-probabilities of a batch's answers, one for each row. Nothing is kept for a gradient.
     *
     * @param seed as {@link #backward} takes it
     */
    double[] logProbabilities(BatchTensors batch, long seed) {
        return found(
                batch,
                seed,
                part -> new LanguageModelLoss((Decoder) model)
                        .judgeRows(part.input(), part.labels())
                        .logProbabilities());
    }

    /**
     * The log-probabilities of the tokens of a batch of answers as their loss has them, row by row. Nothing is kept for a gradient.
     *
     * @param seed as {@link #backward} takes it
     */
    double[] tokenLogProbabilities(GrpoLoss loss, BatchTensors batch, long seed) {
        return found(batch, seed, part -> loss.logProbabilities((Decoder) model, part.input(), part.labels()));
    }

    private double[] found(BatchTensors batch, long seed, Function<BatchTensors, double[]> look) {
        List<BatchTensors> parts = batch.split(lanes(batch.rows()), model);
        double[][] found = new double[parts.size()][];
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            Lanes.run(parts.size(), i -> {
                try (RandomStream random = onProcessor ? stream(seed, i) : null) {
                    found[i] = look.apply(parts.get(i));
                }
            });
        }
        return Arrays.stream(found).flatMapToDouble(Arrays::stream).toArray();
    }

    private static RandomStream stream(long seed, int lane) {
        return RandomStream.open(Seeds.derive(seed, "lane", lane));
    }

    private int lanes(long rows) {
        int lanes = Lanes.forRows(rows);
        return lanes > mostLanes ? 1 : lanes;
    }

    /** The node of the graphs that adds to a leaf's gradient; it is the same one as long as somebody holds it. */
    private static Node accumulator(Tensor leaf) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode recording = new AutoGradMode(true)) {
            return NativeScope.keep(torch.alias(leaf).grad_fn().next_edge(0).function());
        }
    }

    /**
     * Takes the gradient of one leaf before it is added up: from a lane nothing reaches the leaf. What is native of it belongs to
     * the node and calls this object, which it does not keep.
     */
    private final class Hook extends FunctionPreHook {
        private final int leaf;
        private final Node accumulator;

        private Hook(int leaf) {
            this.leaf = leaf;
            this.accumulator = accumulator(leaves.get(leaf));
            accumulator.add_pre_hook(this);
        }

        @Override
        public TensorVector apply(TensorVector arrivals) {
            Share mine = share.get();
            Tensor arrival = arrivals.get(0);
            if (mine == null || !arrival.defined()) {
                return arrivals;
            }
            try (NativeScope scope = new NativeScope()) {
                Tensor gradient = new Tensor(arrival);
                arrival.reset();
                mine.sums.add(mine.lane, leaf, gradient);
            }
            return arrivals;
        }

        /** Lets go of the node, with which what is native goes, unless somebody holds a graph that leads to the leaf. */
        private void remove() {
            accumulator.close();
            Tensor held = leaves.get(leaf);
            if (held.isNull() || !held.requires_grad()) {
                return;
            }
            try (Node present = accumulator(held);
                    NativeScope scope = new NativeScope()) {
                if (present.pre_hooks().size() > 0) {
                    OUTLIVED.add(this);
                }
            }
        }
    }

    @Override
    public void close() {
        hooks.forEach(Hook::remove);
        hooks.clear();
    }
}
