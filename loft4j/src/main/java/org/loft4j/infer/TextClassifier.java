package org.loft4j.infer;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/** Says of texts, or of pairs of texts, which class they belong to. */
public final class TextClassifier {
    private final Model model;
    private final TextLogits logits;

    /**
     * The model in evaluation mode and the tokenizer stay the caller's.
     *
     * @param maxLength longer texts are cut to so many tokens
     * @param batchSize texts that go through the model at once
     * @throws ConfigException if the model is not a classifier, has one output alone, or labels of which a text may have several
     */
    public TextClassifier(Model model, Tokenizer tokenizer, int maxLength, int batchSize) {
        if (model.task() != Task.SEQUENCE_CLASSIFICATION) {
            throw new ConfigException("classification needs a classifier, got task " + model.task() + " of model_type "
                    + model.description().family());
        }
        if (model.isRegression()) {
            throw new ConfigException(
                    "the model has one output, which is a number and no class: it is told by a Scorer, or a TextScorer");
        }
        if (model.isMultiLabel()) {
            throw new ConfigException(
                    "a text may have several of the model's labels: they are told by a Labeler, or a TextLabeler");
        }
        this.model = model;
        this.logits = new TextLogits(model, tokenizer, maxLength, batchSize);
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
        return logits.hasTokens(text);
    }

    /** Whether it makes one of each text of a pair. */
    public boolean hasTokens(TextPair pair) {
        return logits.hasTokens(pair);
    }

    /** How many texts, or pairs of texts, have lost tokens to the greatest length so far. */
    public long textsCut() {
        return logits.cut();
    }

    /**
     * One prediction a text, in the order of the texts.
     *
     * @throws ConfigException at a text without tokens; the message has its index
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Prediction> classify(List<String> texts) {
        return logits.ofTexts(texts, some -> predictions(some, model.description()));
    }

    /**
     * One prediction a pair of texts, in the order of the pairs. A pair that is too long loses tokens at the end of the longer text.
     *
     * @throws ConfigException at a pair of which a text has no tokens
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Prediction> classifyPairs(List<TextPair> pairs) {
        return logits.ofPairs(pairs, some -> predictions(some, model.description()));
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
}
