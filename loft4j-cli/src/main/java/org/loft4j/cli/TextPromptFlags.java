package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.model.SentenceFiles;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/** What stands before texts of which vectors are made. */
final class TextPromptFlags {
    @Option(
            names = "--query-prompt",
            paramLabel = "WORDS",
            description =
                    "Put these words before each --query, such as 'query: '. Default: as in training, else the prompt 'query' of the"
                            + " model's files (config_sentence_transformers.json), else their default one, else none.")
    @Nullable
    String queryPrompt;

    @Option(
            names = "--prompt",
            paramLabel = "WORDS",
            description =
                    "Put these words before each text, such as 'passage: '. Default: as in training, else the prompt 'document',"
                            + " 'passage' or 'corpus' of the model's files, else their default one, else none.")
    @Nullable
    String prompt;

    @Option(
            names = "--prompt-name",
            paramLabel = "NAME",
            description = "Put the words before each text that the model's files have by this name. Default: none.")
    @Nullable
    String promptName;

    /**
     * @param searches whether there is a query
     * @param call its words: a file of settings serves verbs that have queries as well
     */
    void check(Problems problems, boolean searches, ParseResult call) {
        if (!searches && call.hasMatchedOption("--query-prompt")) {
            problems.add("--query-prompt stands before a --query, and there is none: give --prompt for the texts");
        }
        if (prompt != null && promptName != null) {
            problems.add("--prompt and --prompt-name exclude each other");
        }
    }

    /** @param files of sentence-transformers beside the model; null for none */
    String ofQueries(@Nullable SentenceFiles files) {
        if (queryPrompt != null) {
            return queryPrompt;
        }
        return files == null ? "" : files.queryPrompt();
    }

    /** The same of each text. */
    String ofTexts(@Nullable SentenceFiles files) {
        if (prompt != null) {
            return prompt;
        }
        if (files == null && promptName != null) {
            throw new ConfigException("--prompt-name " + promptName
                    + " needs config_sentence_transformers.json beside the model, and there is none: give --prompt");
        }
        if (files == null) {
            return "";
        }
        return promptName == null ? files.documentPrompt() : files.prompt(promptName);
    }
}
