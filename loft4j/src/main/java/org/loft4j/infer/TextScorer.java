package org.loft4j.infer;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Tensors;

/**
 * Tells the number that a model of one output gives a text, or a pair of texts: that of a regression, or the relevance of a
 * reranker. It is the logit itself, through no sigmoid.
 */
public final class TextScorer {
    private final Model model;
    private final TextLogits logits;

    /**
     * The model in evaluation mode and the tokenizer stay the caller's.
     *
     * @param maxLength longer texts are cut to so many tokens
     * @param batchSize texts that go through the model at once
     * @throws ConfigException if the model has not one output
     */
    public TextScorer(Model model, Tokenizer tokenizer, int maxLength, int batchSize) {
        if (!model.isRegression()) {
            throw new ConfigException("a score needs a model of texts with one output, got task " + model.task()
                    + " with " + model.description().labels().size() + " labels");
        }
        this.model = model;
        this.logits = new TextLogits(model, tokenizer, maxLength, batchSize);
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
     * One number a text, in the order of the texts.
     *
     * @throws ConfigException at a text without tokens; the message has its index
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Double> score(List<String> texts) {
        return logits.ofTexts(texts, this::scores);
    }

    /**
     * One number a pair of texts, in the order of the pairs. A pair that is too long loses tokens at the end of the longer text.
     *
     * @throws ConfigException at a pair of which a text has no tokens
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Double> scorePairs(List<TextPair> pairs) {
        return logits.ofPairs(pairs, this::scores);
    }

    /**
     * One number a conversation, in their order: {@link org.loft4j.data.ChatFormat#written} makes a text of one. None is cut.
     *
     * @param ids of each text with the special tokens that the chat template writes and no others, as {@link Tokenizer#encode} gives
     *     them
     * @throws ConfigException at one that has no tokens, or more than the greatest length
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Double> scoreWritten(List<long[]> ids) {
        return logits.ofWritten(ids, this::scores);
    }

    private List<Double> scores(Tensor some) {
        List<Double> scores = new ArrayList<>();
        for (double score : Tensors.toDoubles(some.flatten())) {
            FiniteLogits.require(score, model.description());
            scores.add(score);
        }
        return scores;
    }
}
