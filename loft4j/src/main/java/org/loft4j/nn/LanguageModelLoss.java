package org.loft4j.nn;

import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.Function;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * The cross entropy of a language model and its gradient, without the logits of all positions: they are made for some
 * positions at a time, and only where there is a target. The numbers are those of {@link Losses#causalLmSum}.
 *
 * <p>The gradient of the logits is {@code softmax(z) − onehot(target)}, so each part goes back through the head as soon as
 * its logits are there, and what is left of it is the gradient of its hidden states. These go back through the model
 * together, once.
 */
public final class LanguageModelLoss {
    /** Logits in memory at once, unless that were too few positions. */
    static final long CHUNK = 1 << 23;

    /** Logits whose gradient is taken at once, in the cache: 1 MB in float32. */
    static final long BLOCK = 1 << 18;

    /** A probability above it has all its digits, in float32 as well. */
    private static final double SMALLEST = 1e-30;

    /** A product with fewer rows would take much longer for each: the matrix comes through the caches for so few. */
    static final long LEAST_ROWS = 256;

    private final Decoder model;
    private final long chunk;
    private final LogitScale scale;

    private LanguageModelLoss(Decoder model, long chunk, LogitScale scale) {
        if (!model.task().writes()) {
            throw new ConfigException("a model with task " + model.task() + " has no loss over a vocabulary");
        }
        this.model = model;
        this.chunk = chunk;
        this.scale = scale;
    }

    public LanguageModelLoss(Decoder model) {
        this(
                model,
                HalfRows.downFrom(
                        Math.max(
                                leastRows(),
                                CHUNK / Lanes.atWork() / model.head().outFeatures()),
                        model.description()),
                model.logitScale());
    }

    /** The same of {@code softmax(z / T)}. */
    LanguageModelLoss at(double temperature) {
        return new LanguageModelLoss(model, chunk, scale.at(temperature));
    }

    /** Lanes share the memory, down to a size at which a product is still worth its while. */
    private static long leastRows() {
        return Math.max(LEAST_ROWS / Lanes.atWork(), LEAST_ROWS / 8);
    }

    /** With another number of positions at a time. */
    public static LanguageModelLoss ofRows(Decoder model, long positions) {
        return new LanguageModelLoss(model, Checks.atLeast("positions at a time", positions, 1), model.logitScale());
    }

    /**
     * How well targets are told.
     *
     * @param sum of their cross entropies
     * @param right how many of them have the largest logit
     */
    public record Judged(double sum, long right) {}

    /**
     * The sum over all targets, without gradients, and how many are told right.
     *
     * @param labels int64 {@code (batch, seq)}, not shifted; {@link Losses#IGNORED} asks for no loss
     * @param each is told in the same pass what the model holds of each row; null for no one
     */
    public Judged judge(ModelInput input, Tensor labels, @Nullable Consumer<Rows> each) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Targets targets = Targets.of(model.hiddenStates(input), labels);
            double[] all = new double[each == null ? 0 : Math.toIntExact(targets.count())];
            double sum = 0;
            long right = 0;
            for (long start = 0; start < targets.count(); start += chunk) {
                try (NativeScope part = new NativeScope()) {
                    Targets some = targets.some(start, chunk);
                    Tensor logits = logits(some);
                    Tensor told = logProbabilities(logits, some);
                    sum -= total(told);
                    if (each != null) {
                        double[] own = Tensors.toDoubles(told.to(Dtype.F64.scalarType()));
                        System.arraycopy(own, 0, all, Math.toIntExact(start), own.length);
                    }
                    right += logits.argmax(new LongOptional(-1), false)
                            .eq(some.labels())
                            .sum()
                            .item_long();
                }
            }
            if (each != null) {
                each.accept(new Tokens(all, targets.rows()).together(labels.size(0)));
            }
            return new Judged(sum, right);
        }
    }

    /**
     * What a model holds of each row.
     *
     * @param logProbabilities of its targets together
     * @param targets how many these are
     */
    public record Rows(double[] logProbabilities, int[] targets) {
        /** The targets of a row, 1 where it has none, for the mean of them. */
        int tokens(int row) {
            return Math.max(1, targets[row]);
        }
    }

    /**
     * What a model holds of each target.
     *
     * @param logProbabilities row by row, in the order of their columns
     * @param rows the row of the batch that each is in
     */
    public record Tokens(double[] logProbabilities, int[] rows) {
        private Rows together(long count) {
            double[] sums = new double[Math.toIntExact(count)];
            int[] counts = new int[sums.length];
            for (int i = 0; i < rows.length; i++) {
                sums[rows[i]] += logProbabilities[i];
                counts[rows[i]]++;
            }
            return new Rows(sums, counts);
        }
    }

    /** What the model holds of each row, without gradients; labels are as {@link #judge} takes them. */
    public Rows judgeRows(ModelInput input, Tensor labels) {
        return judgeTokens(input, labels).together(labels.size(0));
    }

    /**
     * What the model holds of each target, without gradients.
     *
     * @param labels as {@link #judge} takes them
     */
    public Tokens judgeTokens(ModelInput input, Tensor labels) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return judgeTokens(Targets.of(model.hiddenStates(input), labels));
        }
    }

    private Tokens judgeTokens(Targets targets) {
        double[] all = new double[Math.toIntExact(targets.count())];
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            for (long start = 0; start < targets.count(); start += chunk) {
                try (NativeScope scope = new NativeScope()) {
                    Targets part = targets.some(start, chunk);
                    double[] some = Tensors.toDoubles(
                            logProbabilities(logits(part), part).to(Dtype.F64.scalarType()));
                    System.arraycopy(some, 0, all, Math.toIntExact(start), some.length);
                }
            }
        }
        return new Tokens(all, targets.rows());
    }

    private Tensor logits(Targets targets) {
        return scale.logits(model.head().forward(HalfRows.filled(targets.hidden())))
                .narrow(0, 0, targets.count());
    }

    /** {@code (count)} */
    private static Tensor logProbabilities(Tensor logits, Targets targets) {
        return wide(logits)
                .log_softmax(-1)
                .gather(1, targets.labels().unsqueeze(1))
                .squeeze(1);
    }

    /**
     * Adds {@code scale} times the gradient of the sum, {@link Losses#causalLmSum}, to the gradients of all that asks for them, and
     * returns the sum.
     *
     * @param labels as {@link #judge} takes them
     * @param smoothing ε in [0, 1)
     */
    public double backward(ModelInput input, Tensor labels, double scale, double smoothing) {
        try (NativeScope scope = new NativeScope()) {
            Targets targets = Targets.of(model.hiddenStates(input), labels);
            double[] scales = new double[Math.toIntExact(targets.count())];
            Arrays.fill(scales, scale);
            return backward(targets, scales, smoothing);
        }
    }

    /**
     * Adds the gradient of a sum of cross entropies that do not count alike to the gradients of all that asks for them.
     *
     * @param labels as {@link #judge} takes them
     * @param weights of the targets of each row
     */
    public void backward(ModelInput input, Tensor labels, double[] weights) {
        try (NativeScope scope = new NativeScope()) {
            Targets targets = Targets.of(model.hiddenStates(input), labels);
            backward(targets, each(targets.rows(), weights), 0);
        }
    }

    /** What is said of rows, of each of their targets. */
    private static double[] each(int[] rows, double[] ofRows) {
        return Arrays.stream(rows).mapToDouble(row -> ofRows[row]).toArray();
    }

    /**
     * Adds the gradient of a function of the rows' log-probabilities to the gradients of all that asks for them, and returns what the
     * model holds of the rows. The head's product is made twice, once to know that.
     *
     * @param labels as {@link #judge} takes them
     * @param slopes the derivatives of the function by each row's log-probability, where these are given
     */
    public Rows backward(ModelInput input, Tensor labels, Function<Rows, double[]> slopes) {
        long rows = labels.size(0);
        return backwardTokens(input, labels, tokens -> each(tokens.rows(), slopes.apply(tokens.together(rows))))
                .together(rows);
    }

    /**
     * The same of a function of the targets' log-probabilities.
     *
     * @param slopes the derivatives of the function by each of them, where these are given
     */
    public Tokens backwardTokens(ModelInput input, Tensor labels, Function<Tokens, double[]> slopes) {
        try (NativeScope scope = new NativeScope()) {
            Targets targets = Targets.of(model.hiddenStates(input), labels);
            Tokens tokens = judgeTokens(targets);
            // the cross entropy is −log p
            double[] scales =
                    Arrays.stream(slopes.apply(tokens)).map(slope -> -slope).toArray();
            backward(targets, scales, 0);
            return tokens;
        }
    }

    /** @param scales of each target */
    private double backward(Targets targets, double[] scales, double smoothing) {
        try (HeadSum ofHead = new HeadSum()) {
            Tensor hidden = targets.hidden();
            Tensor gradient = torch.empty_like(hidden);
            double sum = 0;
            // once without targets as well: what asks for a gradient gets zeros then
            for (long start = 0; start < Math.max(1, targets.count()); start += chunk) {
                try (NativeScope part = new NativeScope()) {
                    Targets some = targets.some(start, chunk).asLeaf(hidden.requires_grad());
                    int first = Math.toIntExact(start);
                    double[] own = Arrays.copyOfRange(scales, first, first + Math.toIntExact(some.count()));
                    sum += headBackward(some, own, smoothing, ofHead);
                    if (hidden.requires_grad()) {
                        gradient.narrow(0, start, some.count())
                                .copy_(some.hidden().grad());
                    }
                }
            }
            ofHead.deliver();
            if (hidden.requires_grad()) {
                backward(hidden, gradient);
            }
            return sum;
        }
    }

    /** One part: returns its sum, and adds to the gradients of the head and of the hidden states. */
    private double headBackward(Targets targets, double[] scales, double smoothing, HeadSum ofHead) {
        Linear head = model.head();
        Tensor weight = addedByUs(head);
        Linear used = weight == null ? head : new Linear(head.path(), weight.detach(), head.bias());
        Tensor hidden = HalfRows.filled(targets.hidden());
        Tensor product = used.forward(hidden);
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            // what took the head over may need its output again
            Tensor gradient = head.override() == null ? product.detach() : torch.empty_like(product);
            Tensor factor = factor(scales, product);
            double sum = 0;
            long rows = blockRows(product);
            for (long start = 0; start < targets.count(); start += rows) {
                try (NativeScope block = new NativeScope()) {
                    Targets some = targets.some(start, rows);
                    Tensor logits = scale.logits(product.detach().narrow(0, start, some.count()));
                    Tensor ofLogits = wide(logits).softmax(-1);
                    Tensor at = some.labels().unsqueeze(1);
                    Tensor chosen = ofLogits.gather(1, at);
                    // what is nearly zero has lost its digits, or is not a number
                    boolean exact = chosen.min().item_double() > SMALLEST;
                    sum += exact
                            ? -total(chosen.log())
                            : -total(wide(logits).log_softmax(-1).gather(1, at));
                    ofLogits.scatter_add_(1, at, torch.full_like(chosen, new Scalar(smoothing - 1)));
                    if (smoothing > 0) {
                        // −log p + ε·(z(target) − mean z), whose gradient has ε·(onehot − 1/vocabulary) more
                        sum += smoothing * aboveMean(logits, at);
                        ofLogits.sub_(new Scalar(smoothing / logits.size(1)));
                    }
                    Tensor own = factor.dim() == 0 ? factor : factor.narrow(0, start, some.count());
                    Tensor ofProduct = scale.gradient(ofLogits, logits);
                    torch.mul_out(gradient.narrow(0, start, some.count()), ofProduct, own);
                }
            }
            gradient.narrow(0, targets.count(), hidden.size(0) - targets.count())
                    .zero_();
            if (product.requires_grad()) {
                backward(product, gradient);
            }
            if (weight != null && canTake(weight.grad())) {
                HeadSum.addProduct(weight.grad(), gradient, hidden);
            } else if (weight != null) {
                ofHead.add(weight, gradient, hidden);
            }
            return sum;
        }
    }

    /** What the gradient of each target's logits is multiplied by: one number for all, or {@code (count, 1)}. */
    private static Tensor factor(double[] scales, Tensor product) {
        if (Arrays.stream(scales).allMatch(scale -> scale == scales[0])) {
            return torch.scalar_tensor(
                    new Scalar(scales.length == 0 ? 0 : scales[0]), Tensors.options(Dtype.F64, DeviceSpec.of(product)));
        }
        Dtype type = Dtype.of(product).isHalf() ? Dtype.F32 : Dtype.of(product);
        return Tensors.of(scales, scales.length, 1).to(product.device(), type.scalarType());
    }

    /** On the processor what fits the caches of the cores that work on it, elsewhere all. */
    private static long blockRows(Tensor logits) {
        boolean onProcessor = DeviceSpec.of(logits).kind() == DeviceSpec.Kind.CPU;
        return Math.max(1, onProcessor ? BLOCK * Lanes.count() / logits.size(1) : logits.size(0));
    }

    /**
     * The weight of the head, if we add up its gradient: autograd would make each part's as a matrix of its own before it is added,
     * and add in half types, which have too few digits for it.
     */
    private static @Nullable Tensor addedByUs(Linear head) {
        if (head.override() != null || !head.matrix().isWritable()) {
            return null;
        }
        Tensor weight = head.weight();
        boolean learns = weight.requires_grad() && weight.is_leaf();
        boolean half = Dtype.of(weight).isHalf();
        return learns && (half || Lanes.inside() || weight.grad().defined()) ? weight : null;
    }

    /** Whether parts go into a gradient as they come. In a lane it is not for us to write. */
    private static boolean canTake(Tensor gradient) {
        return !Lanes.inside() && gradient.defined() && !Dtype.of(gradient).isHalf();
    }

    static void backward(Tensor of, Tensor gradient) {
        of.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
    }

    /** How far the logits of the targets lie above the mean of all, summed over the positions. */
    private static double aboveMean(Tensor logits, Tensor at) {
        return total(logits.gather(1, at)) - wide(logits).sum().item_double() / logits.size(1);
    }

    private static double total(Tensor x) {
        return x.to(Dtype.F64.scalarType()).sum().item_double();
    }

    private static Tensor wide(Tensor logits) {
        return switch (Dtype.of(logits)) {
            case F32, F64 -> logits;
            default -> logits.to(Dtype.F32.scalarType());
        };
    }
}
