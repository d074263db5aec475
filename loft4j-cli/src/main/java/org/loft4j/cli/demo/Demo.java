package org.loft4j.cli.demo;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.AtomicFiles;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.NativeHeap;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Evaluator;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainListener;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/**
 * Trains a real pretrained encoder on a real task, method after method on the same batches, and shows what came out. The task:
 * does this sentence contain an error? Half the sentences do, and each has its own correction beside it, so that neither its
 * topic nor its length tells; the rules that the test sentences break are other ones than those of the training sentences.
 */
public final class Demo {
    private static final String TASK =
            "Task: does this sentence contain an error? Every sentence with an error stands beside its own correction, so"
                    + " that a bag of words is near chance (0.53). The test sentences break rules that no training sentence breaks.";
    private static final String DATA =
            ". Data: the example sentences of LanguageTool 6.6 (LGPL-2.1), fetched, not redistributed.";
    private static final String JUDGED =
            "All methods saw the same batches in the same order, began with the same weights and are judged after the last"
                    + " step. Seconds are those of the training steps alone; memory is the largest resident"
                    + " size of the process after a step.";

    private final DemoSettings settings;
    private final PrintWriter out;
    private final Supplier<TrainListener> progress;
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final AtomicReference<@Nullable TrainingRun> running = new AtomicReference<>();

    /**
     * @param out gets what a person reads
     * @param progress makes what shows the progress of one run
     */
    public Demo(DemoSettings settings, PrintWriter out, Supplier<TrainListener> progress) {
        this.settings = settings;
        this.out = out;
        this.progress = progress;
    }

    /** Ends the demo after the step in progress. May be called from any thread. */
    public void requestStop() {
        stopped.set(true);
        TrainingRun run = running.get();
        if (run != null) {
            run.requestStop();
        }
    }

    /** Whether someone asked for the end. */
    public boolean isStopped() {
        return stopped.get();
    }

    /** Runs the demo to its end, or until someone asks for a stop: then the runs that had been finished by then. */
    public List<DemoRun> run() throws IOException {
        DeviceSpec device = DeviceSpec.parse(settings.device());
        say("Model and data, kept in " + settings.cache());
        DemoAssets assets = DemoAssets.prepare(settings.cache(), settings.model(), this::say);
        DemoData data = DemoData.read(assets.model(), assets.data(), settings);
        int sentences = Math.toIntExact(data.training().train().rows());
        say(String.format(
                Locale.ROOT,
                "  %,d sentences to learn from, %,d to test by, half of them with an error; none of the test's rules is learnt from",
                sentences,
                data.test().size()));

        List<DemoRun> runs = new ArrayList<>();
        for (Method method : settings.methods()) {
            DemoRun run = stopped.get() ? null : train(method, assets.model(), data, device);
            if (run == null) {
                say("Stopped. What a run had learnt by then is in " + settings.output());
                return runs;
            }
            runs.add(run);
        }
        say("");
        out.print(DemoTable.text(runs));
        say(DemoTable.uncertainty(runs.get(0)));
        DemoTable.notes(runs).forEach(this::say);
        say("");
        finish(assets, data, device, runs);
        return runs;
    }

    /** One method's run; null if it was stopped. */
    private @Nullable DemoRun train(Method method, Path directory, DemoData data, DeviceSpec device)
            throws IOException {
        TrainConfig config = settings.training(
                method, Math.toIntExact(data.training().train().rows()));
        say(String.format(
                Locale.ROOT,
                "Training %s: %,d steps of %d sentences, learning rate %s",
                DemoRun.title(method) + (method.usesAdapter() ? " at rank " + settings.rank() : ""),
                config.maxSteps(),
                config.batchSize(),
                config.learningRate()));
        ModelOptions options = new ModelOptions(
                Task.SEQUENCE_CLASSIFICATION, data.labels().names(), Pooling.AUTO, Dtype.F32, device, settings.seed());
        // what the run before has left must not count as this one's memory
        System.gc();
        NativeHeap.trim();
        try (Model model = Models.open(directory, options);
                TrainingRun run = TrainingRun.open(
                        model,
                        data.training(),
                        config,
                        settings.adapter(method),
                        output(method),
                        OnExisting.OVERWRITE)) {
            run.addListener(progress.get());
            DemoListener listener = new DemoListener(System::nanoTime);
            run.addListener(listener);
            running.set(run);
            if (stopped.get()) {
                run.requestStop();
            }
            TrainResult result = run.run();
            running.set(null);
            if (result.outcome() == TrainResult.Outcome.INTERRUPTED) {
                return null;
            }
            Evaluation test =
                    new Evaluator(model, data.training().padId(), config.evalBatchSize()).evaluate(data.test());
            return new DemoRun(
                    method,
                    config.learningRate(),
                    run.trainable().elements(),
                    listener.loss(),
                    listener.accuracy(),
                    test,
                    listener.seconds(),
                    result.peakResidentBytes(),
                    result.skippedSteps(),
                    result.divergence() == null ? null : result.divergence().what());
        }
    }

    private Path output(Method method) {
        return settings.output().resolve(method.word());
    }

    private void finish(DemoAssets assets, DemoData data, DeviceSpec device, List<DemoRun> runs) throws IOException {
        List<DemoRun> whole = runs.stream().filter(run -> run.failure() == null).toList();
        List<String> commands = whole.isEmpty()
                ? List.of()
                : NextCommands.of(assets, settings, whole.get(0).method());
        byte[] chart = LearningCurves.figure(runs).draw(this::say);
        if (chart != null) {
            AtomicFiles.write(settings.output().resolve("curves.png"), chart);
            say("Learning curves  " + settings.output().resolve("curves.png"));
        }
        Path report = settings.output().resolve("report.html");
        Files.writeString(report, DemoReport.html(about(runs), runs, described(data, device), chart, commands));
        say("Report           " + report);
        for (DemoRun run : whole) {
            say(String.format(
                    "%-16s %s",
                    run.method().usesAdapter() ? "Adapter" : "Model",
                    output(run.method()) + (run.method().usesAdapter() ? "  (PEFT's format)" : "")));
        }
        if (!commands.isEmpty()) {
            say("");
            say("Next:");
            commands.forEach(command -> say("  " + command));
        }
    }

    private List<String> about(List<DemoRun> runs) {
        List<String> about = new ArrayList<>(
                List.of(TASK, "Model: " + settings.model().about() + DATA, JUDGED, DemoTable.uncertainty(runs.get(0))));
        about.addAll(DemoTable.notes(runs));
        return about;
    }

    private Map<String, String> described(DemoData data, DeviceSpec device) {
        int sentences = Math.toIntExact(data.training().train().rows());
        TrainConfig config = settings.training(settings.methods().get(0), sentences);
        Map<String, String> map = new LinkedHashMap<>();
        map.put("model", settings.model().word());
        map.put("methods", settings.methods().stream().map(Method::word).collect(Collectors.joining(", ")));
        if (settings.methods().stream().anyMatch(Method::usesAdapter)) {
            map.put("rank", String.valueOf(settings.rank()));
            map.put("alpha", settings.alpha());
        }
        map.put("adapted layers", "all linear layers but the head, which is trained in full");
        map.put("training sentences", String.valueOf(sentences));
        map.put(
                "validation and test sentences",
                evalSize(data) + " and " + data.test().size());
        map.put(
                "steps",
                config.maxSteps() + " of " + config.batchSize() + " sentences"
                        + (settings.quick() ? " (--quick)" : ""));
        map.put(
                "schedule",
                "linear to 0 after a warm-up over " + Math.round(100 * config.warmupRatio()) + " % of the steps");
        map.put("learning rate of the head", String.valueOf(config.headLearningRate()));
        map.put("weight decay, gradient norm", config.weightDecay() + ", at most " + config.maxGradNorm());
        map.put("seed", String.valueOf(settings.seed()));
        map.put("device, threads", device + ", " + Engine.threads());
        map.put(
                "Java",
                System.getProperty("java.version") + " on " + System.getProperty("os.name") + " "
                        + System.getProperty("os.arch"));
        return map;
    }

    private static int evalSize(DemoData data) {
        return data.training().eval() == null ? 0 : data.training().eval().size();
    }

    private void say(String line) {
        out.println(line);
        out.flush();
    }
}
