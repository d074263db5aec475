package org.loft4j.cli;

import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Columns;
import org.loft4j.data.RowFormat;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/** Which columns make a row. */
final class ColumnFlags {
    private static final List<String> NAMES =
            List.of("--text-column", "--text-pair-column", "--prompt-column", "--completion-column", "--format");

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

    /** Refuses what says of rows how they are read where the call reads none; a file of settings serves other calls too. */
    static void requireRows(Problems problems, ParseResult call, @Nullable Object data) {
        String idle = data != null
                ? ""
                : NAMES.stream().filter(call::hasMatchedOption).collect(Collectors.joining(", "));
        if (!idle.isEmpty()) {
            problems.add(idle + (idle.contains(",") ? " say" : " says")
                    + " how the rows of --data are read, and the call has none: give --data, or leave it out");
        }
    }

    /** Those of rows that are asked: what is learnt of them is not read, whatever it is. */
    Columns asked() {
        return new Columns(text, textPair, null, prompt, completion, format, false);
    }
}
