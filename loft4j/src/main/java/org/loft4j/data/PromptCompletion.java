package org.loft4j.data;

/**
 * A prompt and the answer to it; the loss is taken on the answer only.
 *
 * @param prompt what is given to the model
 * @param turn what the user says where a chat template writes the prompt; mostly the prompt itself
 * @param completion what it should write; empty where rows are asked alone
 * @param origin where it was read
 */
public record PromptCompletion(String prompt, String turn, String completion, Origin origin) implements Row {
    /** A prompt that the user would say as it stands. */
    public PromptCompletion(String prompt, String completion, Origin origin) {
        this(prompt, prompt, completion, origin);
    }

    /** A row that a program made itself. */
    public PromptCompletion(String prompt, String completion) {
        this(prompt, completion, Origin.MEMORY);
    }
}
