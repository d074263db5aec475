package org.loft4j.train;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;

/**
 * The mean loss over several batches, taken in shares that add up to it, so that the size of the batches does not matter:
 * a language model's loss is the mean over all target tokens, a classifier's and a regression's over all examples,
 * where a text may have several labels over examples and labels, that of preferences over the pairs.
 *
 * @param task which loss
 * @param count number of target tokens, examples or preferences in all batches
 * @param lossScale multiplies the gradients, and not the loss that is told
 * @param smoothing label smoothing, in [0, 1)
 * @param beta of preferences
 */
record BatchLoss(Task task, long count, double lossScale, double smoothing, double beta) {
    static BatchLoss over(
            Task task, List<? extends MiniBatch> batches, double lossScale, double smoothing, double beta) {
        long count = 0;
        for (MiniBatch batch : batches) {
            count += batch.targets();
        }
        return new BatchLoss(task, count, lossScale, smoothing, beta);
    }

    /**
     * Adds this batch's part of the mean's gradient to the gradients of what is trained, and returns its part of the mean; zero
     * if there is no target at all.
     */
    double backward(Model model, BatchTensors batch) {
        double scale = 1.0 / Math.max(1, count);
        double[] reference = batch.reference();
        if (reference != null) {
            return scale
                    * new PreferenceLoss(beta, smoothing)
                            .backward((Decoder) model, batch.input(), batch.labels(), reference, scale * lossScale);
        }
        if (task == Task.CAUSAL_LM) {
            return scale
                    * new LanguageModelLoss((Decoder) model)
                            .backward(batch.input(), batch.labels(), scale * lossScale, smoothing);
        }
        Tensor share = sum(task, model.logits(batch.input()), batch.labels(), smoothing)
                .mul(new Scalar(scale * lossScale));
        share.backward();
        return share.item_double() / lossScale;
    }

    /** The sum over the batch, from the logits, by which a model is judged. */
    static Tensor sum(Task task, Tensor logits, Tensor labels) {
        return sum(task, logits, labels, 0);
    }

    private static Tensor sum(Task task, Tensor logits, Tensor labels, double smoothing) {
        return switch (task) {
            case CAUSAL_LM -> Losses.causalLmSum(logits, labels, smoothing);
            case TOKEN_CLASSIFICATION -> Losses.tokenClassificationSum(logits, labels, smoothing);
            case SEQUENCE_CLASSIFICATION ->
                // a single output is a number, as Transformers has it
                logits.size(1) == 1
                        ? Losses.regressionSum(logits, labels)
                        : labels.dim() == 2
                                ? Losses.multiLabelSum(logits, labels)
                                : Losses.classificationSum(logits, labels, smoothing);
            case IMAGE_CLASSIFICATION -> Losses.classificationSum(logits, labels, smoothing);
            // their loss is one of all batches, whose gradient comes in place of labels: MatchGradients
            case SENTENCE_EMBEDDING ->
                logits.to(labels.scalar_type()).mul(labels).sum();
        };
    }
}
