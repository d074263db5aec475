package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.data.Batch;
import org.loft4j.data.ImageBatch;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.PromptBatch;
import org.loft4j.data.RowFacts;
import org.loft4j.data.SourceTargetBatch;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.SourceTargetInput;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Tensors;

/**
 * A batch on the device of the model; belongs to the open scope.
 *
 * @param input ids, a mask where something is padded, and token types of pairs; texts to read and to write; or pixels
 * @param labels int64 {@code (batch)} for classification, {@code (batch, seq)} where each token has one; float32 {@code (batch)}
 *     for regression, {@code (batch, labels)} where a text may have several labels; for sentence embeddings {@code (batch)}, or the
 *     gradient of each vector {@code (batch, hidden)}
 * @param facts what a loss asks of the rows beside their labels; null for nothing
 */
record BatchTensors(
        ModelInput input, Tensor labels, @Nullable RowFacts facts) {
    private BatchTensors(ModelInput input, Tensor labels) {
        this(input, labels, null);
    }

    /** The same input with other labels, one row for each of its own. */
    BatchTensors withLabels(Tensor others) {
        return new BatchTensors(input, others, facts);
    }

    /**
     * @throws ShapeException if a label is none of the model's
     * @throws ConfigException if the texts of the batch have several labels and the model's one, or the other way round
     */
    static BatchTensors of(MiniBatch batch, Model model) {
        if (batch instanceof ImageBatch images) {
            return of(images, model);
        }
        if (batch instanceof PromptBatch) {
            throw new ConfigException(
                    "prompts have no answers yet that could be learnt or judged: a TrainingRun has them answered, and Rollouts"
                            + " for a Trainer");
        }
        if (batch instanceof SourceTargetBatch both) {
            return of(both, model);
        }
        return of((Batch) batch, model);
    }

    /** What is written stands behind the token that writing begins with, of which nothing is told. */
    private static BatchTensors of(SourceTargetBatch batch, Model model) {
        if (!(model instanceof EncoderDecoder writer)) {
            throw new ConfigException("the batch has texts to read and to write, and the model is opened for "
                    + model.task().word() + ": an encoder-decoder learns them (" + Task.SEQ2SEQ_LM.word() + ")");
        }
        BatchTensors source = of(batch.source(), model);
        Batch target = batch.target();
        DeviceSpec device = model.description().device();
        long[] first = writer.beginsWithLast() ? lastOf(target) : new long[] {writer.startId()};
        return new BatchTensors(
                new SourceTargetInput(
                        TokenInput.of(source.input), on(device, behind(first, target.inputIds(), target))),
                on(device, behind(new long[] {Losses.IGNORED}, known(target.labels(), model), target)));
    }

    /** The last token of each row. */
    private static long[] lastOf(Batch target) {
        long[] last = new long[target.rows()];
        for (int row = 0; row < last.length; row++) {
            int start = row * target.columns();
            int end = start + target.columns() - 1;
            while (end > start && target.attentionMask()[end] == 0) {
                end--;
            }
            last[row] = target.inputIds()[end];
        }
        return last;
    }

    /** @param first one for each row, or one for all */
    private static Tensor behind(long[] first, long[] values, Batch shape) {
        int columns = shape.columns();
        long[] all = new long[shape.rows() * (columns + 1)];
        for (int row = 0; row < shape.rows(); row++) {
            all[row * (columns + 1)] = first[first.length == 1 ? 0 : row];
            System.arraycopy(values, row * columns, all, row * (columns + 1) + 1, columns);
        }
        return Tensors.of(all, shape.rows(), columns + 1L);
    }

    private static BatchTensors of(ImageBatch batch, Model model) {
        DeviceSpec device = model.description().device();
        float[] scores = batch.scores();
        requireAlike(scores != null, model, "an image");
        Tensor labels = scores == null
                ? Tensors.of(known(batch.labels(), model), batch.rows())
                : Tensors.of(scores, batch.rows(), scores.length / batch.rows());
        Tensor pixels = Tensors.of(batch.pixels(), batch.rows(), batch.channels(), batch.height(), batch.width());
        return new BatchTensors(new ImageInput(on(device, pixels)), on(device, labels));
    }

    /** @param example one of the batch, in words */
    private static void requireAlike(boolean several, Model model, String example) {
        if (several != model.isMultiLabel()) {
            throw new ConfigException(
                    several
                            ? "the batch has several labels " + example
                                    + " (scores of the shape (rows, labels)), and the model was opened for one:"
                                    + " open it with withMultiLabel(true)"
                            : "the batch has one label " + example
                                    + ", and the model was opened for several: they are the scores of the batch,"
                                    + " (rows, labels), 1 for those that it has and 0 for the others");
        }
    }

    /** The labels of a batch, after a look at them: libtorch has no words for the ones that a program's own data may hold, and a device none at all. */
    private static long[] known(long[] labels, Model model) {
        if (model.task() == Task.SENTENCE_EMBEDDING) {
            return labels;
        }
        List<String> classes = model.description().labels();
        long bound = classes.isEmpty() ? model.description().vocabularySize() : classes.size();
        for (long label : labels) {
            if (label != Losses.IGNORED && (label < 0 || label >= bound)) {
                throw new ShapeException("labels must lie in 0 … " + (bound - 1) + ", or be " + Losses.IGNORED
                        + " where nothing is learnt, got " + label);
            }
        }
        return labels;
    }

    private static BatchTensors of(Batch batch, Model model) {
        DeviceSpec device = model.description().device();
        if (batch.segments() != null) {
            long[] segments = Arrays.stream(batch.segments()).asLongStream().toArray();
            return new BatchTensors(
                    TokenInput.packed(on(device, Tensors.of(batch.inputIds(), 1, batch.columns())), segments),
                    on(device, Tensors.of(known(batch.labels(), model), 1, batch.columns())));
        }
        long[] types = batch.tokenTypeIds();
        boolean padded = batch.tokens() < (long) batch.rows() * batch.columns();
        Tensor ids = on(device, Tensors.of(batch.inputIds(), batch.rows(), batch.columns()));
        float[] scores = batch.scores();
        boolean several = scores != null && scores.length > batch.rows();
        requireAlike(several, model, "a text");
        Tensor labels = scores != null
                ? several
                        ? Tensors.of(scores, batch.rows(), scores.length / batch.rows())
                        : Tensors.of(scores, batch.rows())
                : model.task().isOneLabelEach() || model.task() == Task.SENTENCE_EMBEDDING
                        ? Tensors.of(known(batch.labels(), model), batch.rows())
                        : Tensors.of(known(batch.labels(), model), batch.rows(), batch.columns());
        return new BatchTensors(
                new TokenInput(
                        ids,
                        padded ? on(device, Tensors.of(batch.attentionMask(), batch.rows(), batch.columns())) : null,
                        types == null ? null : on(device, Tensors.of(types, batch.rows(), batch.columns()))),
                on(device, labels),
                batch.facts());
    }

    /** Number of rows, or of examples that lie end to end, or of preferences or groups: what stays whole where a batch is split. */
    long rows() {
        long[] segments = input instanceof TokenInput tokens ? tokens.segments() : null;
        if (segments != null) {
            return segments.length;
        }
        return facts == null ? labels.size(0) : facts.count();
    }

    /** Tokens of the longest row, or of the longest example, of texts to read and to write of the former; 1 for images. */
    long length() {
        if (input instanceof ImageInput) {
            return 1;
        }
        TokenInput tokens = input instanceof SourceTargetInput both ? both.source() : TokenInput.of(input);
        long[] segments = tokens.segments();
        return segments == null
                ? tokens.inputIds().size(1)
                : Arrays.stream(segments).max().orElseThrow();
    }

    /**
     * The parts that lanes take: the batch by itself where there is one lane, or where the rotation of all positions depends on
     * the longest row, so that shorter rows by themselves would be read otherwise.
     */
    List<BatchTensors> split(int lanes, Model model) {
        List<BatchTensors> parts = lanes > 1 ? split(lanes) : List.of(this);
        boolean alike = parts.stream()
                .allMatch(part -> !(model instanceof Decoder decoder) || decoder.outlives(part.length(), length()));
        return parts.size() > 1 && alike ? parts : List.of(this);
    }

    /** The rows as several batches, in order and as even as can be; of examples end to end the examples. */
    List<BatchTensors> split(int parts) {
        long[] segments = input instanceof TokenInput tokens ? tokens.segments() : null;
        if (segments != null) {
            return splitSegments((TokenInput) input, segments, parts);
        }
        long rows = rows();
        List<BatchTensors> split = new ArrayList<>();
        for (long part = 0; part < Math.min(parts, rows); part++) {
            split.add(some(rows * part / Math.min(parts, rows), rows * (part + 1) / Math.min(parts, rows)));
        }
        return split;
    }

    /** Those of what stays whole from one to before another. */
    private BatchTensors some(long begin, long behind) {
        if (facts == null) {
            return tensors(begin, behind - begin);
        }
        int first = Math.toIntExact(begin);
        int end = Math.toIntExact(behind);
        BatchTensors some = tensors(facts.start(first), facts.start(end) - facts.start(first));
        return new BatchTensors(some.input, some.labels, facts.some(first, end));
    }

    private BatchTensors tensors(long from, long count) {
        Tensor of = labels.narrow(0, from, count);
        if (input instanceof ImageInput images) {
            return new BatchTensors(new ImageInput(images.pixelValues().narrow(0, from, count)), of);
        }
        if (input instanceof SourceTargetInput both) {
            // of what is written, too, the longest of these rows may be shorter than that of all
            long columns =
                    of.ne(new Scalar(Losses.IGNORED)).sum(0).nonzero().max().item_long() + 1;
            Tensor target = both.targetIds().narrow(0, from, count).narrow(1, 0, columns);
            return new BatchTensors(
                    new SourceTargetInput(some(both.source(), from, count), target), of.narrow(1, 0, columns));
        }
        TokenInput some = some(TokenInput.of(input), from, count);
        // one label for each token; the columns of several labels of a text are no tokens
        boolean ofTokens = of.dim() == 2 && !of.is_floating_point();
        return new BatchTensors(some, ofTokens ? of.narrow(1, 0, some.inputIds().size(1)) : of);
    }

    /** Some rows, of which the longest may be shorter than that of all. */
    private static TokenInput some(TokenInput tokens, long from, long count) {
        Tensor ids = tokens.inputIds().narrow(0, from, count);
        Tensor types =
                tokens.tokenTypeIds() == null ? null : tokens.tokenTypeIds().narrow(0, from, count);
        Tensor whole = tokens.attentionMask();
        if (whole == null) {
            return new TokenInput(ids, null, types);
        }
        Tensor mask = whole.narrow(0, from, count);
        long longest = Math.max(mask.sum(0).nonzero().max().item_long() + 1, Math.min(2, whole.size(1)));
        boolean padded = mask.sum().item_long() < count * longest;
        return new TokenInput(
                ids.narrow(1, 0, longest),
                padded ? mask.narrow(1, 0, longest) : null,
                types == null ? null : types.narrow(1, 0, longest));
    }

    /** A part ends with the example that brings it to its share of the tokens. */
    private List<BatchTensors> splitSegments(TokenInput tokens, long[] segments, int parts) {
        List<BatchTensors> split = new ArrayList<>();
        long all = tokens.inputIds().size(1);
        long begin = 0;
        long end = 0;
        int first = 0;
        for (int i = 0; i < segments.length; i++) {
            end += segments[i];
            // a single token predicts nothing, and stays with its neighbours
            boolean enough = end * parts >= all * (split.size() + 1) && end - begin > 1 && all - end != 1;
            if (enough || i == segments.length - 1) {
                split.add(new BatchTensors(
                        TokenInput.packed(
                                tokens.inputIds().narrow(1, begin, end - begin),
                                Arrays.copyOfRange(segments, first, i + 1)),
                        labels.narrow(1, begin, end - begin)));
                begin = end;
                first = i + 1;
            }
        }
        return split;
    }

    private static Tensor on(DeviceSpec device, Tensor tensor) {
        return device.kind() == DeviceSpec.Kind.CPU ? tensor : tensor.to(device.torch(), tensor.scalar_type());
    }
}
