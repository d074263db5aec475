package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.compare.Comparison;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

class CompareReportTest {
    @TempDir
    Path output;

    private static CommandSpec spec(String rank) {
        CommandSpec spec = CommandSpec.create()
                .name("compare")
                .addOption(OptionSpec.builder("--ranks").type(String.class).build());
        new CommandLine(spec).parseArgs("--ranks", rank);
        return spec;
    }

    private String stopped(CommandSpec spec) throws IOException {
        StringWriter said = new StringWriter();
        spec.commandLine().setErr(new PrintWriter(said));
        int status = new CompareReport(spec, output).end(Comparison.Outcome.STOPPED, Map.of(), false);
        assertEquals(Interruption.STATUS, status);
        return said.toString();
    }

    @Test
    void aStoppedCallNamesItsSettingsUnlessTheyAreAnotherCalls() throws IOException {
        Path settings = output.resolve("config.yaml");
        String nothing = stopped(spec("4"));
        assertEquals("stopped; the same call goes on" + System.lineSeparator(), nothing);
        Settings.write(settings, spec("4"), Map.of());
        String own = stopped(spec("4"));
        assertTrue(own.startsWith("stopped; to go on: ") && own.contains(settings.toString()), own);
        String other = stopped(spec("8"));
        assertTrue(other.contains("the same call goes on (" + settings + " is of another one)"), other);
        assertFalse(other.contains("--config"), other);
        assertTrue(Files.exists(settings));
    }
}
