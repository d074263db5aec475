package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import org.junit.jupiter.api.Test;
import org.loft4j.DataException;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

class FailureTest {
    /** As that of the samples, in a listener. */
    @Test
    void aFaultOfAFileIsOneWhereItCannotBeDeclared() {
        StringWriter said = new StringWriter();
        CommandLine command = new CommandLine(CommandSpec.create().name("train")).setErr(new PrintWriter(said, true));
        command.parseArgs();
        String fault = "run/samples.jsonl: cannot be written: No space left on device";
        assertEquals(1, Failure.report(new UncheckedIOException(fault, new IOException(fault)), command));
        assertEquals("train: " + fault, said.toString().strip());
    }

    /** Such as the images of a folder that cannot be read. */
    @Test
    void aFaultOfSeveralLinesIsToldInFull() {
        StringWriter told = new StringWriter();
        CommandLine command = new CommandLine(CommandSpec.create().name("train")).setErr(new PrintWriter(told, true));
        command.parseArgs();
        assertEquals(
                1,
                Failure.report(new DataException("2 of 9 images", "cannot be used:\n  a.png: b\n  c.png: d"), command));
        assertEquals(
                "train: 2 of 9 images: cannot be used:\n  a.png: b\n  c.png: d",
                told.toString().strip());
    }
}
