package org.loft4j.infer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.data.Encoded;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Says of texts, or of pairs of texts, which class they belong to. */
public final class TextClassifier {
    private final Model model;
    private final Tokenizer tokenizer;
    private final int maxLength;
    private final int batchSize;
    // a tokenizer that puts special tokens around a text has tokens for every text
    private final boolean addsTokens;

    /**
     * The model in evaluation mode and the tokenizer stay the caller's.
     *
     * @param maxLength longer texts are cut to so many tokens
     * @param batchSize texts that go through the model at once
     * @throws ConfigException if the model is not a classifier
     */
    public TextClassifier(Model model, Tokenizer tokenizer, int maxLength, int batchSize) {
        if (model.task() != Task.SEQUENCE_CLASSIFICATION) {
            throw new ConfigException("classification needs a classifier, got task " + model.task() + " of model_type "
                    + model.description().family());
        }
        Checks.atLeast("max_length", maxLength, 1);
        Checks.atLeast("batch_size", batchSize, 1);
        this.model = model;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        this.batchSize = batchSize;
        this.addsTokens = tokenizer.encode("", true).length > 0;
    }

    /**
     * What the model holds of one text.
     *
     * @param label the likeliest class
     * @param probability of that class
     * @param probabilities of all classes, in the order of the model's labels
     */
    public record Prediction(String label, double probability, List<Double> probabilities) {
        public Prediction {
            probabilities = List.copyOf(probabilities);
        }
    }

    /** Whether the tokenizer makes at least one token of a text, without which nothing can be said of it. */
    public boolean hasTokens(String text) {
        return addsTokens || tokenizer.encode(text, true).length > 0;
    }

    /**
     * One prediction a text, in the order of the texts.
     *
     * @throws ConfigException at a text without tokens; the message has its index
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Prediction> classify(List<String> texts) {
        return judge(texts.stream()
                .map(text -> new Encoded(tokenizer.encodeTruncated(text, maxLength), new long[0]))
                .toList());
    }

    /**
     * One prediction a pair of texts, in the order of the pairs. A pair that is too long loses tokens at the end of the longer text.
     *
     * @throws ConfigException at a pair of which a text has no tokens
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Prediction> classifyPairs(List<TextPair> pairs) {
        return judge(pairs.stream()
                .map(pair -> tokenizer.encodeTruncated(pair, maxLength))
                .toList());
    }

    private List<Prediction> judge(List<Encoded> rows) {
        for (int i = 0; i < rows.size(); i++) {
            if (rows.get(i).ids().length == 0) {
                throw new ConfigException("a text without tokens cannot be classified: the one with index " + i + " of "
                        + rows.size() + ", counted from 0");
            }
        }
        // rows of similar length share a batch, for less padding
        int[] order = IntStream.range(0, rows.size())
                .boxed()
                .sorted(Comparator.comparingInt(i -> rows.get(i).ids().length))
                .mapToInt(i -> i)
                .toArray();
        Prediction[] predictions = new Prediction[rows.size()];
        for (int start = 0; start < order.length; start += batchSize) {
            int[] batch = Arrays.copyOfRange(order, start, Math.min(order.length, start + batchSize));
            List<Prediction> some =
                    predict(Arrays.stream(batch).mapToObj(rows::get).toList());
            for (int i = 0; i < batch.length; i++) {
                predictions[batch[i]] = some.get(i);
            }
        }
        return Arrays.asList(predictions);
    }

    private List<Prediction> predict(List<Encoded> rows) {
        int columns = rows.stream().mapToInt(row -> row.ids().length).max().orElse(0);
        long[] ids = new long[rows.size() * columns];
        long[] mask = new long[ids.length];
        long[] types = new long[ids.length];
        Arrays.fill(ids, tokenizer.padId());
        for (int i = 0; i < rows.size(); i++) {
            Encoded row = rows.get(i);
            System.arraycopy(row.ids(), 0, ids, i * columns, row.ids().length);
            Arrays.fill(mask, i * columns, i * columns + row.ids().length, 1);
            if (row.tokenTypeIds() != null) {
                System.arraycopy(row.tokenTypeIds(), 0, types, i * columns, row.ids().length);
            }
        }
        boolean typed = rows.stream().anyMatch(row -> row.tokenTypeIds() != null);
        try (NativeScope scope = new NativeScope();
                NoGradGuard noGrad = new NoGradGuard()) {
            TokenInput input = new TokenInput(
                    onDevice(ids, rows.size(), columns),
                    onDevice(mask, rows.size(), columns),
                    typed ? onDevice(types, rows.size(), columns) : null);
            return predictions(model.logits(input), model.description());
        }
    }

    /** What logits {@code (rows, labels)} of a model say, one prediction a row. */
    static List<Prediction> predictions(Tensor logits, ModelDescription model) {
        List<String> labels = model.labels();
        double[] probabilities = Tensors.toDoubles(logits.softmax(-1, new ScalarTypeOptional(Dtype.F64.scalarType())));
        List<Prediction> predictions = new ArrayList<>();
        for (int start = 0; start < probabilities.length; start += labels.size()) {
            List<Double> row = new ArrayList<>();
            int best = 0;
            for (int i = 0; i < labels.size(); i++) {
                row.add(probabilities[start + i]);
                best = row.get(i) > row.get(best) ? i : best;
            }
            // of logits that are not finite no probability is a number
            FiniteLogits.require(row.get(best), model);
            predictions.add(new Prediction(labels.get(best), row.get(best), row));
        }
        return predictions;
    }

    private Tensor onDevice(long[] values, long rows, long columns) {
        return Tensors.of(values, rows, columns).to(model.description().device().torch(), Dtype.I64.scalarType());
    }
}
