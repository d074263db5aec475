package org.loft4j.cli;

import org.loft4j.nn.Pooling;
import picocli.CommandLine.Option;

/** What an encoder makes of a text. */
final class EncoderFlags {
    @Option(
            names = "--pooling",
            paramLabel = "POOLING",
            converter = Words.OfPooling.class,
            completionCandidates = WordLists.Poolings.class,
            description =
                    "How an encoder makes one vector of a text: pooler, cls, mean, or auto: as config.json says, else the pooler"
                            + " if the weights have one, else the mean. Default: auto.")
    Pooling pooling = Pooling.AUTO;
}
