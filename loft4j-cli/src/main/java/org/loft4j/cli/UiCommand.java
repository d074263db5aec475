package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.loft4j.cli.ui.UiServer;
import org.loft4j.io.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code loft ui}. */
@Command(
        name = "ui",
        description =
                "Serves a page with the curves of runs, live while they go on, to the browsers of this machine. Reads the"
                        + " directories and writes nothing. Ctrl-C ends it.",
        footerHeading = "%nExamples:%n",
        footer = {"  loft ui run", "  loft ui runs --port 8080", "  loft ui run-a run-b"})
final class UiCommand implements Verb {
    @Parameters(
            paramLabel = "DIR",
            arity = "0..*",
            description =
                    "Directories of runs, or above them: every run below is shown, later ones too. Default: this one.")
    List<Path> directories = List.of(Path.of("."));

    @Option(names = "--port", paramLabel = "PORT", description = "Where to listen; 0 for any free port. Default: 0.")
    int port = 0;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        WatchFlags.requirePort(problems, "port", port);
        for (Path directory : directories) {
            if (!Files.isDirectory(directory)) {
                problems.add(directory
                        + ": there is no such directory; give the output directory of a run, or one above it");
            }
        }
    }

    @Override
    public int run() throws IOException, InterruptedException {
        CountDownLatch over = new CountDownLatch(1);
        try (UiServer server = UiServer.start(directories, port);
                Interruption interruption = new Interruption(over::countDown)) {
            PrintWriter out = spec.commandLine().getOut();
            String address = server.address().toString();
            out.println(
                    common.json ? Json.text(Map.of("url", address)) : "watch at " + address + "   (Ctrl-C ends it)");
            out.flush();
            over.await();
        }
        return ExitCode.OK;
    }
}
