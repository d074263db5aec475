package org.loft4j.train;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Advantages;
import org.loft4j.data.Batch;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.RowFacts;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.KtoLoss;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Tensors;

/**
 * The mean loss over several batches, taken in shares that add up to it, so that the size of the batches does not matter:
 * a language model's loss is the mean over all target tokens, a classifier's and a regression's over all examples,
 * where a text may have several labels over examples and labels, that of preferences over the pairs, or over the answers that are
 * judged one by one, that of texts to rank over their groups, that of answers which a reward has judged as {@link GrpoLoss} says.
 *
 * @param task which loss
 * @param total number of target tokens, examples or preferences in all batches, each as often as its class weighs
 * @param lossScale multiplies the gradients, and not the loss that is told
 * @param smoothing label smoothing, in [0, 1)
 * @param preferences how they are learnt
 * @param classWeights {@link ClassWeights}; null for none
 * @param rewards how answers are learnt that a reward has judged
 * @param zero of answers that are judged one by one, the reward that strange ones have in all batches: {@link KtoLoss#zero}
 */
record BatchLoss(
        Task task,
        double total,
        double lossScale,
        double smoothing,
        PreferenceLoss preferences,
        double @Nullable [] classWeights,
        GrpoLoss rewards,
        double zero) {
    BatchLoss(
            Task task,
            double total,
            double lossScale,
            double smoothing,
            PreferenceLoss preferences,
            double @Nullable [] classWeights) {
        this(task, total, lossScale, smoothing, preferences, classWeights, GrpoLoss.USUAL, 0);
    }

    /** The same where strange answers have another reward than 0. */
    BatchLoss withZero(double other) {
        return new BatchLoss(task, total, lossScale, smoothing, preferences, classWeights, rewards, other);
    }

    /** The same of answers that a reward has judged, if the batches hold such ones. */
    BatchLoss withRewards(GrpoLoss loss, List<? extends MiniBatch> batches) {
        if (!(batches.get(0) instanceof Batch first && first.facts() instanceof Advantages)) {
            return this;
        }
        long answers = batches.stream().mapToLong(MiniBatch::rows).sum();
        long tokens = batches.stream().mapToLong(MiniBatch::targets).sum();
        double all = loss.total(answers, tokens);
        return new BatchLoss(task, all, lossScale, smoothing, preferences, classWeights, loss, zero);
    }

    static BatchLoss over(
            Task task,
            List<? extends MiniBatch> batches,
            double lossScale,
            double smoothing,
            PreferenceLoss preferences,
            double @Nullable [] classWeights) {
        double total = 0;
        for (MiniBatch batch : batches) {
            // where a text may have several labels, their weights do not make it one of more texts
            boolean several = batch.labels().length == 0;
            total += classWeights == null || several
                    ? batch.targets()
                    : ClassWeights.total(classWeights, batch.labels());
        }
        return new BatchLoss(task, total, lossScale, smoothing, preferences, classWeights);
    }

    /**
     * Adds this batch's part of the mean's gradient to the gradients of what is trained, and returns its part of the mean; zero
     * if there is no target at all.
     */
    double backward(Model model, BatchTensors batch) {
        double scale = total > 0 ? 1 / total : 1;
        RowFacts facts = batch.facts();
        if (facts instanceof Advantages advantages) {
            return scale
                    * rewards.backward(
                            (Decoder) model,
                            batch.input(),
                            batch.labels(),
                            advantages.ofRows(),
                            advantages.reference(),
                            scale * lossScale);
        }
        if (facts instanceof RowFacts.Judged judged) {
            return scale
                    * preferences
                            .kto()
                            .backward(
                                    (Decoder) model,
                                    batch.input(),
                                    batch.labels(),
                                    judged.reference(),
                                    judged.signs(),
                                    zero,
                                    scale * lossScale);
        }
        if (facts instanceof RowFacts.Pairs pairs) {
            return scale
                    * preferences.backward(
                            (Decoder) model,
                            batch.input(),
                            batch.labels(),
                            pairs.reference(),
                            scale * lossScale,
                            smoothing);
        }
        if (task.writes()) {
            return scale
                    * new LanguageModelLoss((Decoder) model)
                            .backward(batch.input(), batch.labels(), scale * lossScale, smoothing);
        }
        Tensor logits = model.logits(batch.input());
        Tensor share = sum(task, logits, batch, smoothing, weights(logits)).mul(new Scalar(scale * lossScale));
        share.backward();
        return share.item_double() / lossScale;
    }

    /** The weights where the logits are; null for none. */
    private @Nullable Tensor weights(Tensor logits) {
        return classWeights == null
                ? null
                : Tensors.of(classWeights, classWeights.length)
                        .to(DeviceSpec.of(logits).torch(), Losses.dtype(logits).scalarType());
    }

    /** The sum over the batch, from the logits, by which a model is judged. */
    static Tensor sum(Task task, Tensor logits, BatchTensors batch) {
        return sum(task, logits, batch, 0, null);
    }

    private static Tensor sum(
            Task task, Tensor logits, BatchTensors batch, double smoothing, @Nullable Tensor weights) {
        if (batch.facts() instanceof RowFacts.Groups groups) {
            return Losses.rankingSum(logits, groups.sizes());
        }
        Tensor labels = batch.labels();
        return switch (task) {
            case CAUSAL_LM, SEQ2SEQ_LM -> Losses.causalLmSum(logits, labels, smoothing);
            case TOKEN_CLASSIFICATION -> Losses.tokenClassificationSum(logits, labels, smoothing, weights);
            case SEQUENCE_CLASSIFICATION ->
                // a single output is a number, as Transformers has it
                logits.size(1) == 1
                        ? Losses.regressionSum(logits, labels)
                        : labels.dim() == 2
                                ? Losses.multiLabelSum(logits, labels, weights)
                                : Losses.classificationSum(logits, labels, smoothing, weights);
            case IMAGE_CLASSIFICATION ->
                labels.dim() == 2
                        ? Losses.multiLabelSum(logits, labels, weights)
                        : Losses.classificationSum(logits, labels, smoothing, weights);
            // their loss is one of all batches, whose gradient comes in place of labels: MatchGradients
            case SENTENCE_EMBEDDING ->
                logits.to(labels.scalar_type()).mul(labels).sum();
        };
    }
}
