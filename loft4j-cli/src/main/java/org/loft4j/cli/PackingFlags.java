package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Examples;
import org.loft4j.data.PackedDataset;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenized;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.Task;
import picocli.CommandLine.Option;

/** How rows share the rows of a batch. */
final class PackingFlags {
    @Option(
            names = "--packing",
            arity = "0..1",
            fallbackValue = "blocks",
            paramLabel = "PACKING",
            converter = Words.OfPacking.class,
            completionCandidates = WordLists.Packings.class,
            description =
                    "How the rows of a language model share rows of --max-length tokens. blocks, which --packing alone means: texts"
                            + " one after the other, cut into blocks. examples: whole rows of any kind, which see nothing of"
                            + " each other; the loss is that of unpacked rows, without the cost of padding. Default: none.")
    Packing packing = Packing.NONE;

    /**
     * The rows as they are learnt from.
     *
     * @param format how conversations are written; null where there are none
     * @param kind word for the rows in messages
     */
    Examples encode(
            TrainingRows rows,
            List<Row> some,
            Tokenizer tokenizer,
            @Nullable ChatFormat format,
            int maxLength,
            String kind,
            PrintWriter err)
            throws IOException {
        if (rows.arePreferences() && packing != Packing.NONE) {
            throw new ConfigException("--packing " + packing
                    + " and preferences exclude each other: the answers to prompts are compared, each in a row of its own;"
                    + " leave --packing out");
        }
        if (rows.areMatches() && packing != Packing.NONE) {
            throw new ConfigException("--packing " + packing
                    + " and texts that belong together exclude each other: each text is compared with the others by itself;"
                    + " leave --packing out");
        }
        if (rows.task() == Task.SEQ2SEQ_LM && packing != Packing.NONE) {
            throw new ConfigException("--packing " + packing + " and an encoder-decoder ("
                    + rows.task().word()
                    + ") exclude each other: what is written looks at one text, which lies in a row of its own; leave"
                    + " --packing out");
        }
        Tokenized examples = rows.encode(some, tokenizer, format, maxLength, packing == Packing.BLOCKS, kind, err);
        return packing == Packing.EXAMPLES ? new PackedDataset(examples.texts(), maxLength) : examples;
    }
}
