package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.reproduce.Experiment;
import org.loft4j.cli.reproduce.ExperimentName;
import org.loft4j.cli.reproduce.ReproduceSettings;
import org.loft4j.cli.reproduce.Reproduction;
import org.loft4j.io.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code loft reproduce}. */
@Command(
        name = "reproduce",
        description = {
            "Runs an experiment again, of the paper or of this project: prints its table, draws its picture, and writes what"
                    + " was run, where and with which seeds."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft reproduce full-rank",
            "  loft reproduce matrix-factorization --output mf",
            "  loft reproduce rank --model models/MiniLM --data train.csv --eval-data valid.csv \\",
            "      --test-data test.csv --seeds 0,1,2 --learning-rate 3e-4,1e-3 --output rank-on-mine"
        })
final class ReproduceCommand implements Verb {
    @Parameters(
            paramLabel = "NAME",
            description =
                    "full-rank, matrix-factorization, memory; or on a real task: alpha, rank, ablation, distance.")
    String name = "";

    @Option(
            names = "--seeds",
            split = ",",
            paramLabel = "N",
            description = "Seeds, with commas between them. Default: 0,1,2; on a real task 0,1.")
    List<Long> seeds = List.of();

    @Option(
            names = "--methods",
            split = ",",
            paramLabel = "METHOD",
            description = "Methods of distance, as 'loft compare' reads them. Default:"
                    + " loft,loft-simple,loft-muon,lora,dora,lora-pro.")
    List<String> methods = List.of();

    @Option(
            names = "--ranks",
            split = ",",
            paramLabel = "N",
            description = "Ranks of the low-rank factors, with commas between them. Default: the experiment's own.")
    List<Integer> ranks = List.of();

    @Option(
            names = "--learning-rate",
            split = ",",
            paramLabel = "X",
            description = "Learning rates, with commas between them. Default: the experiment's own.")
    List<Double> learningRates = List.of();

    @Option(
            names = "--max-steps",
            paramLabel = "N",
            description = "Optimizer steps of each run; 0: as many as the experiment has. Default: ${DEFAULT-VALUE}.")
    long maxSteps;

    @Option(
            names = "--quick",
            description = "A smaller experiment, to see that it works; on a real task a few steps of a few runs.")
    boolean quick;

    @Option(
            names = "--output",
            paramLabel = "DIR",
            description = "Directory for NAME.json, NAME.png and NAME.html. Default: reproduce/NAME.")
    @Nullable
    Path output;

    @Mixin(name = "Real task")
    TaskFlags task;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    private @Nullable ExperimentName experiment;
    private @Nullable ReproduceSettings settings;

    @Override
    public void check(Problems problems) {
        experiment = problems.of(() -> ExperimentName.parse(name));
        if (experiment == null || experiment.onTask()) {
            task.check(problems);
        }
        if (experiment != null) {
            refuseIdle(problems, experiment);
        }
        settings = problems.of(() -> new ReproduceSettings(seeds, methods, ranks, learningRates, maxSteps, quick));
    }

    /** What was given for another experiment: nobody shall take the numbers for those of another rank, say. */
    private void refuseIdle(Problems problems, ExperimentName chosen) {
        List<String> idle = spec.options().stream()
                .filter(spec.commandLine().getParseResult()::hasMatchedOption)
                .map(OptionSpec::longestName)
                .filter(option -> !takes(chosen, option))
                .toList();
        if (!idle.isEmpty()) {
            problems.add(
                    "reproduce " + chosen.word() + " makes nothing of " + String.join(", ", idle) + ": leave that out");
        }
    }

    private static boolean takes(ExperimentName chosen, String option) {
        if (TaskFlags.OPTIONS.contains(option)) {
            return chosen.onTask();
        }
        return switch (option) {
            case "--methods" -> chosen == ExperimentName.DISTANCE;
            case "--ranks" -> chosen.onTask() || chosen == ExperimentName.MEMORY;
            case "--learning-rate" -> chosen.onTask() || chosen == ExperimentName.MATRIX_FACTORIZATION;
            case "--seeds", "--max-steps" -> chosen != ExperimentName.MEMORY;
            default -> true;
        };
    }

    @Override
    public int run() throws IOException {
        ExperimentName chosen = Objects.requireNonNull(experiment);
        Path directory = output == null ? Path.of("reproduce", chosen.word() + (quick ? "-quick" : "")) : output;
        Experiment ready = chosen.with(
                Objects.requireNonNull(settings), task.source(quick, chosen.comparison(directory)), directory);
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter told = common.json ? spec.commandLine().getErr() : out;
        Reproduction reproduction = new Reproduction(chosen, ready, directory, told);
        if (!chosen.onTask()) {
            print(reproduction.run(), out);
            return ExitCode.OK;
        }
        try (Interruption interruption = new Interruption(ready::requestStop)) {
            Map<String, Object> tree = reproduction.run();
            print(tree, out);
            // without a stop the rest is with other processes
            return tree == null && interruption.asked() ? Interruption.STATUS : ExitCode.OK;
        }
    }

    private void print(@Nullable Map<String, Object> tree, PrintWriter out) throws IOException {
        if (tree != null && common.json) {
            out.println(Json.text(tree));
        }
    }
}
