package org.loft4j.train;

import org.loft4j.adapter.LoraConfig;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;

/**
 * What the loss of a language model takes, in bytes: logits are made for some positions at a time ({@link
 * org.loft4j.nn.LanguageModelLoss}).
 *
 * @param onProcessor whether their gradient is found block by block, each of which fits a cache, in the place of the logits
 * @param lanes at work at once
 */
record LossMemory(Model model, MemoryPlan plan, boolean onProcessor, long lanes) {
    /** Logits of a language model at once. */
    private static final long CHUNK = 1 << 23;

    private static final long LEAST_ROWS = 256;
    private static final int FLOAT = 4;

    /** Where the model learns of so many positions. */
    long training(long tokens) {
        if (!model.task().writes()) {
            return 0;
        }
        boolean adapted = plan.lora() != null
                && plan.lora().layers(model).containsKey(model.head().path());
        // what took the head over may need its output again
        long ofLogit = onProcessor ? (adapted ? 2L : 1L) * size() : judged() + 2L * size();
        long most = plan.load().judged() ? Math.max(ofLogit, judged()) : ofLogit;
        return logits(tokens) * most + hidden(tokens);
    }

    /** Where it is asked what it holds of them. */
    long judging(long tokens) {
        return model.task().writes() ? logits(tokens) * judged() + hidden(tokens) : 0;
    }

    private long logits(long tokens) {
        long vocabulary = model.head().outFeatures();
        return vocabulary * Math.min(tokens, Math.max(LEAST_ROWS, CHUNK / vocabulary));
    }

    /** Bytes of a logit that is only looked at: the product, what scales it, in half types that in float32, and its logarithm. */
    private long judged() {
        long copies = 0;
        if (model instanceof Decoder decoder) {
            double temperature = plan.config().loss().rewards().draw().temperature();
            copies = decoder.logitScale().at(temperature).copies();
        }
        return (1 + copies) * size() + (half() ? 2L : 1L) * Math.max(size(), FLOAT);
    }

    private long hidden(long tokens) {
        return 2 * tokens * model.stateSize() * size();
    }

    /** The gradient of the head while its parts are added up, by each lane for itself; in half types in float32. */
    long head(long tokens) {
        LoraConfig lora = plan.lora();
        boolean learnt = model.task().writes()
                && (lora == null || lora.saves(model.head().path()));
        if (!learnt) {
            return 0;
        }
        long numbers = model.head().outFeatures() * model.stateSize();
        boolean parts = tokens > logits(tokens) / model.head().outFeatures();
        return lanes * numbers * (half() && parts ? FLOAT + size() : size());
    }

    private boolean half() {
        return model.description().dtype().isHalf();
    }

    private int size() {
        return model.description().dtype().bytes();
    }
}
