package org.loft4j.cli;

import java.io.PrintWriter;
import picocli.CommandLine.Option;

/** What becomes of rows that cannot be used. */
final class FaultFlags {
    @Option(
            names = "--skip-faulty-rows",
            description =
                    "Leave out rows that cannot be used, such as those without an answer, and say how many there are and where."
                            + " Without it the first one ends the call.")
    boolean skip;

    FaultyRows rows(PrintWriter err) {
        return skip ? new FaultyRows(true, err) : FaultyRows.END;
    }
}
