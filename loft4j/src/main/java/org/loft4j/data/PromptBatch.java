package org.loft4j.data;

import java.util.List;

/** Prompts that a model is to answer before there is anything to learn. */
public record PromptBatch(List<PromptDataset.Prompt> prompts) implements MiniBatch {
    public PromptBatch {
        prompts = List.copyOf(prompts);
    }

    @Override
    public int rows() {
        return prompts.size();
    }

    /** None. */
    @Override
    public long[] labels() {
        return new long[0];
    }

    @Override
    public long tokens() {
        return prompts.stream().mapToLong(prompt -> prompt.ids().length).sum();
    }

    @Override
    public long targets() {
        return prompts.size();
    }
}
