package org.loft4j.data;

/**
 * A prompt and the answer to it; the loss is taken on the answer only.
 *
 * @param prompt what is given to the model
 * @param completion what it should write
 * @param origin where it was read
 */
public record PromptCompletion(String prompt, String completion, Origin origin) implements Row {
    /** A row that a program made itself. */
    public PromptCompletion(String prompt, String completion) {
        this(prompt, completion, Origin.MEMORY);
    }
}
