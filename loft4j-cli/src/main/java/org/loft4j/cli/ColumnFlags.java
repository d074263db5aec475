package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.data.Columns;
import org.loft4j.data.RowFormat;
import picocli.CommandLine.Option;

/** Which columns make a row. */
final class ColumnFlags {
    @Option(names = "--text-column", paramLabel = "NAME", description = "Column of the text. Default: text.")
    @Nullable
    String text;

    @Option(
            names = "--text-pair-column",
            paramLabel = "NAME",
            description =
                    "Column of a second text, which a classifier reads behind the first, as the hypothesis to a premise."
                            + " Default: text_pair where there is one beside text.")
    @Nullable
    String textPair;

    @Option(
            names = "--prompt-column",
            paramLabel = "NAME",
            description = "Column of the prompt; with --completion-column where the answer is read. Default: prompt.")
    @Nullable
    String prompt;

    @Option(
            names = "--completion-column",
            paramLabel = "NAME",
            description = "Column of the completion, with --prompt-column. Default: completion.")
    @Nullable
    String completion;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            converter = Words.OfRowFormat.class,
            completionCandidates = WordLists.RowFormats.class,
            description =
                    "Which columns make a row: text, label (text and label), prompt (prompt and completion), messages,"
                            + " sharegpt (conversations), alpaca (instruction, input, output), preference (a prompt, chosen and rejected), judged (prompt, completion, and label, which is true or false), reward (a prompt alone, or messages that end with who asks, for --reward), match (anchor, positive, negative), tags (tokens and tags), or auto: what"
                            + " their names say. Default: auto.")
    RowFormat format = RowFormat.AUTO;

    /** Those of rows to learn from. */
    Columns learnt(@Nullable String label) {
        return new Columns(text, textPair, label, prompt, completion, format, true);
    }

    /** Those of rows that are asked: what is learnt of them is not read, whatever it is. */
    Columns asked() {
        return new Columns(text, textPair, null, prompt, completion, format, false);
    }
}
