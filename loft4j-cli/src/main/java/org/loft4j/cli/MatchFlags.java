package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.data.MatchPrompts;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.Task;
import picocli.CommandLine.Option;

/** What stands before texts that belong together. */
final class MatchFlags {
    @Option(
            names = "--query-prompt",
            paramLabel = "WORDS",
            description =
                    "Of sentence embeddings: words before each anchor, such as 'query: '. Default: the prompt 'query' of the"
                            + " adapter, or the model (config_sentence_transformers.json), else its default one, else none.")
    @Nullable
    String query;

    @Option(
            names = "--document-prompt",
            paramLabel = "WORDS",
            description =
                    "Of sentence embeddings: words before each positive and negative, such as 'passage: '. Default: the"
                            + " prompt 'document', 'passage' or 'corpus' of the adapter, or the model, else its default one, else none.")
    @Nullable
    String document;

    /** @throws ConfigException if a prompt is given and the task has none */
    void requireFits(Task task) {
        if (task != Task.SENTENCE_EMBEDDING && (query != null || document != null)) {
            throw new ConfigException((query != null ? "--query-prompt" : "--document-prompt")
                    + " is of sentence embeddings, and the model is for " + task.word() + ": leave it out");
        }
    }

    /** @param files of the adapter or the model; null where there are none */
    MatchPrompts of(@Nullable SentenceFiles files) {
        return new MatchPrompts(
                query != null ? query : files == null ? "" : files.queryPrompt(),
                document != null ? document : files == null ? "" : files.documentPrompt());
    }

    /** Says what stands before texts, in words; empty for nothing. */
    static String words(MatchPrompts prompts) {
        if (prompts.equals(MatchPrompts.NONE)) {
            return "";
        }
        return "before each anchor stands " + words(prompts.query()) + ", before what it is compared with "
                + words(prompts.document());
    }

    /** A prompt, in quotes. */
    static String words(String prompt) {
        return prompt.isEmpty() ? "nothing" : '"' + Shown.text(prompt) + '"';
    }
}
