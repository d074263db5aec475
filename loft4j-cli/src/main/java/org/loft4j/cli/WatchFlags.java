package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.cli.report.Pasted;
import org.loft4j.cli.ui.UiServer;
import org.loft4j.nn.Task;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/** What a run shows of itself while it goes on. */
final class WatchFlags {
    static final int PORT_LIMIT = 65_535;

    /** Which language models that learn by rewards alone have a use for. */
    static final String LOG_COMPLETIONS = "--log-completions";

    @Option(
            names = "--ui",
            arity = "0..1",
            fallbackValue = "0",
            paramLabel = "PORT",
            description =
                    "Serve a page with live curves to this machine's browsers, on a free port or the one given, and say"
                            + " where. 'loft ui DIR' does the same from another terminal. Default: no page.")
    @Nullable
    Integer ui;

    @Option(
            names = "--sample-prompt",
            paramLabel = "TEXT",
            description =
                    "A text that a language model goes on with after each evaluation, always with the likeliest token; may be"
                            + " given several times. Default: none.")
    List<String> samplePrompts = List.of();

    @Option(
            names = "--sample-tokens",
            paramLabel = "N",
            description = "Tokens of a sample, unless the model ends it earlier. Default: ${DEFAULT-VALUE}.")
    int sampleTokens = 40;

    @Option(
            names = "--diagnostics-steps",
            paramLabel = "N",
            description =
                    "Steps between two looks at the norms and condition of an adapter's layers; 0 for steps that are"
                            + " logged, some 500 in a run at most. Default: ${DEFAULT-VALUE}.")
    long diagnosticsSteps = 0;

    @Option(
            names = LOG_COMPLETIONS,
            negatable = true,
            fallbackValue = "true",
            description =
                    "Write what the model answers, with its rewards, to completions.jsonl in the output directory: at steps that are"
                            + " logged (--logging-steps) and at evaluations. Default: ${DEFAULT-VALUE}.")
    boolean logCompletions = false;

    /** @param rewards whether there are some that judge answers */
    void check(Problems problems, ParseResult call, boolean rewards) {
        // a file of settings serves trainings without rewards too
        if (logCompletions && !rewards && call.hasMatchedOption(LOG_COMPLETIONS)) {
            problems.add(
                    "log_completions writes down answers that rewards judge, and there is none: leave it out, or name"
                            + " one (--reward)");
        }
        requirePort(problems, "ui", ui);
        if (sampleTokens < 1) {
            problems.add("sample_tokens must be at least 1, got " + sampleTokens);
        }
    }

    static void requirePort(Problems problems, String field, @Nullable Integer port) {
        if (port != null && (port < 0 || port > PORT_LIMIT)) {
            problems.add(field + " must be a port from 0 to " + PORT_LIMIT + ", got " + port);
        }
    }

    void apply(TrainConfig.Builder config) {
        config.diagnosticsSteps(diagnosticsSteps);
    }

    /** Says what cannot be shown for a task. */
    void warn(Task task, PrintWriter err) {
        if (!samplePrompts.isEmpty() && !task.writes()) {
            err.println("loft: --sample-prompt is for models that write text; no samples are made");
        }
    }

    /** The server, where one is wanted and can be had: no run ends, or is not begun, for want of a page. */
    @Nullable
    UiServer serve(Path output, PrintWriter err) {
        if (ui == null) {
            return null;
        }
        try {
            UiServer server = UiServer.start(List.of(output), ui);
            err.println("loft: watch at " + server.address());
            return server;
        } catch (ConfigException | IOException e) {
            err.println("loft: the run goes on without a page, which " + Pasted.command() + " ui "
                    + Pasted.quoted(output) + " serves as well: " + e.getMessage());
            return null;
        }
    }
}
