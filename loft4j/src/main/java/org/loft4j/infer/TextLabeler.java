package org.loft4j.infer;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.Threshold;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/** Says of texts, or of pairs of texts, which labels they have, where they may have several, or none. */
public final class TextLabeler {
    private final Model model;
    private final TextLogits logits;
    private final double leastLogit;

    /**
     * The model in evaluation mode and the tokenizer stay the caller's.
     *
     * @param maxLength longer texts are cut to so many tokens
     * @param batchSize texts that go through the model at once
     * @throws ConfigException if a text has one label of the model, or none of it is a label
     */
    public TextLabeler(Model model, Tokenizer tokenizer, int maxLength, int batchSize) {
        this(model, tokenizer, maxLength, batchSize, Threshold.HALF);
    }

    /** The same with a threshold of one's own. */
    public TextLabeler(Model model, Tokenizer tokenizer, int maxLength, int batchSize, Threshold threshold) {
        if (!model.isMultiLabel()) {
            throw new ConfigException("several labels a text need a model that was trained for them (problem_type"
                    + " multi_label_classification), got task " + model.task().word() + " with "
                    + model.description().labels().size() + " labels of which a text has one");
        }
        this.model = model;
        this.leastLogit = threshold.logit();
        this.logits = new TextLogits(model, tokenizer, maxLength, batchSize);
    }

    /**
     * What the model holds of one text or image.
     *
     * @param labels those whose probability is above the threshold, one half by default, the likeliest first; empty for none
     * @param indices of these among the model's labels
     * @param probabilities of all labels, each by itself, in the order of the model's labels
     */
    public record LabelSet(List<String> labels, List<Integer> indices, List<Double> probabilities) {
        public LabelSet {
            labels = List.copyOf(labels);
            indices = List.copyOf(indices);
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
     * The labels of each text, in the order of the texts.
     *
     * @throws ConfigException at a text without tokens; the message has its index
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<LabelSet> label(List<String> texts) {
        return logits.ofTexts(texts, some -> sets(some, model.description(), leastLogit));
    }

    /**
     * The labels of each pair of texts, in the order of the pairs. A pair that is too long loses tokens at the end of the longer text.
     *
     * @throws ConfigException at a pair of which a text has no tokens
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<LabelSet> labelPairs(List<TextPair> pairs) {
        return logits.ofPairs(pairs, some -> sets(some, model.description(), leastLogit));
    }

    /**
     * What logits {@code (rows, labels)} tell.
     *
     * @param leastLogit above which a label is told
     */
    static List<LabelSet> sets(Tensor some, ModelDescription described, double leastLogit) {
        List<String> labels = described.labels();
        double[] all = Tensors.toDoubles(some.to(Dtype.F64.scalarType()));
        List<LabelSet> sets = new ArrayList<>();
        for (int from = 0; from < all.length; from += labels.size()) {
            int first = from;
            List<Double> probabilities = new ArrayList<>();
            List<Integer> told = new ArrayList<>();
            for (int k = 0; k < labels.size(); k++) {
                double logit = all[from + k];
                FiniteLogits.require(logit, described);
                probabilities.add(1 / (1 + Math.exp(-logit)));
                if (logit > leastLogit) {
                    told.add(k);
                }
            }
            told.sort((a, b) -> Double.compare(all[first + b], all[first + a]));
            sets.add(new LabelSet(told.stream().map(labels::get).toList(), told, probabilities));
        }
        return sets;
    }
}
