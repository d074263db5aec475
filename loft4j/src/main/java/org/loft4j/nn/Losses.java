package org.loft4j.nn;

import java.util.Arrays;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * Losses as Transformers computes them, at least in float32: cross entropy, with targets of {@link #IGNORED} left out, the
 * squared error of regression, the cross entropy of the right one among texts that are ranked, and the binary cross entropy of labels of which a text may have several. The mean forms are NaN when no target is left; the sum forms are 0 then.
 *
 * <p>With label smoothing ε a target's loss is {@code (1 − ε)·−log p(target)} and ε times the mean of {@code −log p} over all
 * classes or tokens (Szegedy et al. 2016, section 7), as Transformers' {@code LabelSmoother} has it.
 */
public final class Losses {
    /** A label that asks for no loss. */
    public static final long IGNORED = -100;

    private static final long MEAN = 1;
    private static final long SUM = 2;

    private Losses() {}

    /**
     * Mean cross entropy of a classifier.
     *
     * @param logits {@code (batch, labels)}
     * @param labels int64 {@code (batch)}
     */
    public static Tensor classification(Tensor logits, Tensor labels) {
        return classification(logits, labels, MEAN, 0, null);
    }

    /**
     * The sum whose mean over the rows, without smoothing and weights, is {@link #classification(Tensor, Tensor)}.
     *
     * @param smoothing ε in [0, 1)
     * @param weights what a row of each class counts, {@code (labels)} in {@link #dtype}: {@code Σ w[y]·−log p(y)}, and of smoothing
     *     each class' part by its own weight, as {@code CrossEntropyLoss} has it; null for 1
     */
    public static Tensor classificationSum(Tensor logits, Tensor labels, double smoothing, @Nullable Tensor weights) {
        return classification(logits, labels, SUM, smoothing, weights);
    }

    /**
     * Mean squared error of a regression: {@code 1/n Σ (logit − score)²}.
     *
     * @param logits {@code (batch, 1)}
     * @param scores numbers {@code (batch)}
     */
    public static Tensor regression(Tensor logits, Tensor scores) {
        return regression(logits, scores, MEAN);
    }

    /** The sum whose mean over the rows is {@link #regression(Tensor, Tensor)}. */
    public static Tensor regressionSum(Tensor logits, Tensor scores) {
        return regression(logits, scores, SUM);
    }

    /**
     * The sum over groups of texts, of each of which the first is the right one: {@code −log(exp z₁ / Σ exp zᵢ)}. Of two texts that is
     * {@code −log σ(z₁ − z₂)}, by which rewards are learnt (Bradley and Terry 1952; Ouyang et al. 2022, arXiv 2203.02155, equation 1), of
     * one passage among others the localised contrastive loss of rerankers (Gao, Dai and Callan 2021, arXiv 2101.08751).
     *
     * @param logits {@code (batch, 1)}, group after group
     * @param groups how many rows each has
     * @throws ShapeException if they are not as many rows as there are
     */
    public static Tensor rankingSum(Tensor logits, int[] groups) {
        long rows = Arrays.stream(groups).asLongStream().sum();
        if (rows != logits.numel()) {
            throw new ShapeException("groups of " + rows + " texts need as many logits, got " + logits.numel());
        }
        int widest = Arrays.stream(groups).max().orElse(0);
        long[] places = new long[groups.length * widest];
        double[] absent = new double[places.length];
        int start = 0;
        for (int group = 0; group < groups.length; group++) {
            for (int i = 0; i < widest; i++) {
                boolean there = i < groups[group];
                places[group * widest + i] = there ? start + i : start;
                absent[group * widest + i] = there ? 0 : Double.NEGATIVE_INFINITY;
            }
            start += groups[group];
        }
        Device device = DeviceSpec.of(logits).torch();
        Tensor wide = wide(logits).flatten();
        Tensor z = wide.index_select(0, Tensors.of(places, places.length).to(device, Dtype.I64.scalarType()))
                .view(groups.length, widest)
                .add(Tensors.of(absent, groups.length, widest).to(device, wide.scalar_type()));
        return z.logsumexp(1).sub(z.select(1, 0)).sum();
    }

    /**
     * Mean binary cross entropy of a classifier whose texts may have several labels: over texts and labels,
     * {@code −y log σ(z) − (1 − y) log(1 − σ(z))}, as {@code BCEWithLogitsLoss} computes it.
     *
     * @param logits {@code (batch, labels)}
     * @param targets 1 for the labels of each text, 0 for the others, {@code (batch, labels)}
     */
    public static Tensor multiLabel(Tensor logits, Tensor targets) {
        return multiLabel(logits, targets, MEAN, null);
    }

    /**
     * The sum over the rows of the mean over the labels, whose mean over the rows, without weights, is {@link #multiLabel(Tensor, Tensor)}.
     *
     * @param weights of the term of each label that a text has, {@code w·−y log σ(z)}, {@code (labels)} in {@link #dtype}; null for 1
     */
    public static Tensor multiLabelSum(Tensor logits, Tensor targets, @Nullable Tensor weights) {
        return multiLabel(logits, targets, SUM, weights).div(new Scalar((double) logits.size(1)));
    }

    /**
     * Mean cross entropy of a classifier of tokens.
     *
     * @param logits {@code (batch, seq, labels)}
     * @param labels int64 {@code (batch, seq)}
     */
    public static Tensor tokenClassification(Tensor logits, Tensor labels) {
        return tokenClassification(logits, labels, MEAN, 0, null);
    }

    /**
     * The sum whose mean over the labels that are not ignored is {@link #tokenClassification(Tensor, Tensor)} without smoothing and weights,
     * which are those of {@link #classificationSum}.
     */
    public static Tensor tokenClassificationSum(
            Tensor logits, Tensor labels, double smoothing, @Nullable Tensor weights) {
        return tokenClassification(logits, labels, SUM, smoothing, weights);
    }

    /**
     * Mean cross entropy of a language model: position t is scored on the label at t + 1.
     *
     * @param logits {@code (batch, seq, vocabulary)}
     * @param labels int64 {@code (batch, seq)}, not shifted
     */
    public static Tensor causalLm(Tensor logits, Tensor labels) {
        return causalLm(logits, labels, MEAN, 0);
    }

    /**
     * The sum whose mean over the targets, the labels that are not ignored and not the first of a row, is {@link #causalLm(Tensor, Tensor)}
     * without smoothing.
     *
     * @param smoothing ε in [0, 1)
     */
    public static Tensor causalLmSum(Tensor logits, Tensor labels, double smoothing) {
        return causalLm(logits, labels, SUM, smoothing);
    }

    private static Tensor classification(
            Tensor logits, Tensor labels, long reduction, double smoothing, @Nullable Tensor weights) {
        Shapes.require("logits", logits, -1, -1);
        Shapes.require("labels", labels, logits.size(0));
        return crossEntropy(logits, labels, reduction, smoothing, weights);
    }

    private static Tensor regression(Tensor logits, Tensor scores, long reduction) {
        Shapes.require("logits", logits, -1, 1);
        Shapes.require("scores", scores, logits.size(0));
        Tensor wide = wide(logits).squeeze(1);
        return torch.mse_loss(wide, scores.to(wide.scalar_type()), reduction);
    }

    private static Tensor multiLabel(Tensor logits, Tensor targets, long reduction, @Nullable Tensor weights) {
        Shapes.require("logits", logits, -1, -1);
        Shapes.require("targets", targets, logits.size(0), logits.size(1));
        Tensor wide = wide(logits);
        return torch.binary_cross_entropy_with_logits(
                wide, targets.to(wide.scalar_type()), new TensorOptional(), optional(weights), reduction);
    }

    private static Tensor tokenClassification(
            Tensor logits, Tensor labels, long reduction, double smoothing, @Nullable Tensor weights) {
        Shapes.require("logits", logits, -1, -1, -1);
        Shapes.require("labels", labels, logits.size(0), logits.size(1));
        return crossEntropy(logits.flatten(0, 1), labels.flatten(), reduction, smoothing, weights);
    }

    private static Tensor causalLm(Tensor logits, Tensor labels, long reduction, double smoothing) {
        Shapes.require("logits", logits, -1, -1, -1);
        Shapes.require("labels", labels, logits.size(0), logits.size(1));
        if (labels.size(1) < 2) {
            throw new ShapeException("a language model is scored on sequences of at least 2 tokens, got 1");
        }
        // The labels move instead of the logits: a slice of the logits would have to be copied to be flattened.
        Tensor none = torch.full_like(labels.narrow(1, 0, 1), new Scalar(IGNORED));
        Tensor shifted =
                torch.cat(new org.bytedeco.pytorch.TensorVector(labels.narrow(1, 1, labels.size(1) - 1), none), 1);
        return crossEntropy(logits.flatten(0, 1), shifted.flatten(), reduction, smoothing, null);
    }

    private static Tensor crossEntropy(
            Tensor logits, Tensor labels, long reduction, double smoothing, @Nullable Tensor weights) {
        return torch.cross_entropy_loss(wide(logits), labels, optional(weights), reduction, IGNORED, smoothing);
    }

    private static TensorOptional optional(@Nullable Tensor weights) {
        return weights == null ? new TensorOptional() : new TensorOptional(weights);
    }

    /** What losses of such logits are computed in. */
    public static Dtype dtype(Tensor logits) {
        return Dtype.of(logits).isHalf() ? Dtype.F32 : Dtype.of(logits);
    }

    private static Tensor wide(Tensor logits) {
        return logits.to(dtype(logits).scalarType());
    }
}
