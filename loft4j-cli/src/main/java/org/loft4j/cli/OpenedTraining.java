package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Arrays;
import org.loft4j.cli.WatchedRun.Samples;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.StreamingDataset;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.train.ClassWeights;
import org.loft4j.train.MemoryEstimate;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;

/**
 * A training whose model and data are open: it takes a few steps to tell what it would be, or goes to its end, and tells of itself.
 *
 * @param left what becomes of the settings that the call leaves to others
 * @param json whether its end is told to scripts
 */
record OpenedTraining(
        TrainingStart start,
        Model model,
        TrainData data,
        TrainConfig config,
        LeftSettings left,
        RunFlags run,
        WatchFlags watch,
        boolean json) {
    /** Writes nothing but what it tells. */
    int dryRun(MemoryEstimate memory) throws IOException {
        TrainingRun.requireFits(model, data, config);
        ClassWeights weights = config.loss().classWeights().counted(model, data.train());
        LossFlags.tell(config, weights, err());
        EmbeddingFlags.tell(config, model, err());
        // before the steps: they may be more than the machine can hold
        say("loft: trying a few steps; a run takes about " + Quantities.bytes(memory.total()) + " of memory"
                + Budget.place(model.description().device()));
        DryRun dry = DryRun.of(model, data, config, weights, start.lora(left.shape()), start.adapter(), memory);
        print(json ? Json.text(dry.tree(run.output)) + "\n" : dry.text(run.output));
        return ExitCode.OK;
    }

    /** Trains to the end, or until it is stopped; the exit status says which. */
    int train(Samples samples, RewardFlags.Judging judging) throws IOException {
        watch.warn(model.task(), err());
        TrainReport report = new TrainReport(run.output, config);
        try (TrainingRun training = start.begin(model, data, config, start.lora(left.shape()), run)) {
            // of a run that goes on they were looked at when it began
            if (training.step() == 0) {
                check();
            }
            try (Interruption interruption = report.interruption(training, judging, run.stopDeadline, this::say)) {
                if (!training.isFinished()) {
                    judging.start();
                    Settings.write(
                            run.output.resolve(TrainCommand.SETTINGS), verb(), left.of(config, start), left.keys());
                }
                training.begin();
                err().println(report.start(model, data, training));
                LossFlags.tell(config, training.classWeights(), err());
                EmbeddingFlags.tell(config, model, err());
                training.addListener(Terminal.progress(err()));
                TrainResult result = WatchedRun.run(training, watch, samples, run.output, err());
                print(json ? Json.text(report.tree(result)) + "\n" : report.end(result, model, data));
                return switch (result.outcome()) {
                    case INTERRUPTED -> Interruption.STATUS;
                    case DIVERGED -> ExitCode.SOFTWARE;
                    default -> TrainReport.isOfNoUse(result) ? ExitCode.SOFTWARE : ExitCode.OK;
                };
            }
        }
    }

    /** Looks at what else shows only when the run comes to it. */
    private void check() throws IOException {
        if (data.train() instanceof StreamingDataset rows) {
            StreamedRows.check(rows, model, data.maxLength(), err());
        }
        for (Object some : Arrays.asList(data.train(), data.eval())) {
            if (some instanceof ImageDataset images) {
                images.requireReadable();
            }
        }
    }

    private void print(String text) {
        PrintWriter out = verb().commandLine().getOut();
        out.print(text);
        out.flush();
    }

    private void say(String message) {
        err().println(message);
        err().flush();
    }

    private PrintWriter err() {
        return verb().commandLine().getErr();
    }

    private CommandSpec verb() {
        return left.shape().verb();
    }
}
