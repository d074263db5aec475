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
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.cli.compare.Baseline;
import org.loft4j.cli.compare.Comparison;
import org.loft4j.cli.compare.ComparisonSettings;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.SummaryFiles;
import org.loft4j.cli.compare.TrialData;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.ModelReference;
import org.loft4j.model.Models;
import org.loft4j.nn.ModelOptions;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft compare}. */
@Command(
        name = "compare",
        description =
                "Trains methods at several ranks, learning rates and seeds on the same data, and sets their results side by"
                        + " side. Learning rates are chosen on the validation data, results are those of the test data; with --folds the rows of --data are both, fold by fold. The same call goes"
                        + " on where it was stopped; started several times at once, the processes share the runs.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft compare --model models/MiniLM --data train.csv --eval-data valid.csv --test-data test.csv \\",
            "      --methods loft,lora,full --ranks 4,16 --learning-rates 1e-4,3e-4,1e-3 --seeds 0,1,2 \\",
            "      --output compared",
            "  loft compare --model models/MiniLM --data train.csv --eval-data valid.csv --test-data test.csv \\",
            "      --methods loft,lora:alpha=64:label=LoRA-64 --learning-rates 3e-4 \\",
            "      --learning-rates lora-64=1e-3,3e-3 --output compared",
            "  loft compare --model models/SmolLM2 --data sums.jsonl --eval-data valid.jsonl \\",
            "      --test-data test.jsonl --chat --reward exact --methods loft,lora --output compared",
            "  loft compare --model models/MiniLM --data few.csv --folds 5 --methods loft,lora --output compared",
            "  loft compare --output compared --report-only"
        })
final class CompareCommand implements Verb {
    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description = ModelFlags.MODEL + " Required, but with --report-only.")
    @Nullable
    ModelReference model;

    @Option(
            names = "--output",
            paramLabel = "DIR",
            required = true,
            description = "Where runs and summary go. Finished runs that it holds are not run again. Required.")
    Path output;

    @Option(
            names = "--methods",
            paramLabel = "METHOD",
            split = ",",
            description = "What is compared, with commas between. An entry may have settings of its own:"
                    + " METHOD:OPTION=VALUE:…, and a name by label=NAME. Default: loft,lora,full.")
    List<String> methods = List.of("loft", "lora", "full");

    @Option(
            names = "--ranks",
            paramLabel = "R",
            split = ",",
            description = "Ranks of the adapters. full is run once for each rate and seed. Default: 16.")
    List<Integer> ranks = List.of(16);

    @Option(
            names = "--learning-rates",
            paramLabel = "[NAME=]RATES",
            description =
                    "Peak learning rates with commas between, for all methods; or, after NAME=, for the one of that name."
                            + " May be given several times. Default: each method's own default, and a twentieth of it for preferences, of orpo a quarter, and for rewards.")
    List<String> learningRates = new ArrayList<>();

    @Option(
            names = "--seeds",
            paramLabel = "SEED",
            split = ",",
            description = "Of the order of the data, dropout and new weights. Default: 0.")
    List<Long> seeds = List.of(0L);

    @Option(
            names = "--sweep-seeds",
            paramLabel = "N",
            description =
                    "Seeds, from the first, that every learning rate is tried with; the others are run at the best rate"
                            + " alone. Default: ${DEFAULT-VALUE}.")
    int sweepSeeds = 1;

    @Option(
            names = "--metric",
            paramLabel = "NAME",
            description =
                    "What chooses the learning rate and is reported: accuracy, loss, matthews, macro_f1, micro_f1, perplexity or token_accuracy,"
                            + " f1, precision or recall of entities or of the second of two classes, roc_auc of two classes,"
                            + " micro_roc_auc or macro_roc_auc of several labels a text, pearson, spearmanr or mse of regression,"
                            + " margin of preferences, mrr of rankings, reward of answers that rewards judge, and accuracy_at_1, recall_at_10 or mrr_at_10 of sentence embeddings."
                            + " Default: accuracy for a classifier, micro_f1 where a text may have several labels, mrr_at_10 for sentence embeddings, reward for --reward, loss for a language model, preferences and regression.")
    @Nullable
    String metric;

    @Option(
            names = "--baseline",
            paramLabel = "METHOD",
            description =
                    "What the others are set against, by runs with the same seed: an entry of --methods by its method or"
                            + " name; at the same rank, or without one. Default: ${DEFAULT-VALUE}.")
    String baseline = Baseline.DEFAULT;

    @Option(names = "--keep-weights", description = "Keep the adapter, or the model, of each run.")
    boolean keepWeights;

    @Option(
            names = "--save-steps",
            paramLabel = "N",
            description =
                    "Steps between two checkpoints of a run, from which it goes on after a kill; 0 for none but the one of"
                            + " Ctrl-C. Default: ${DEFAULT-VALUE}.")
    long saveSteps = 0;

    @Option(
            names = "--report-only",
            description =
                    "Run nothing: sum up what the output directory holds, by another --metric or --baseline if that is given.")
    boolean reportOnly;

    @Mixin(name = "Held-out rows")
    FoldFlags held;

    @Mixin(name = "Task")
    LearntFlags learnt;

    @Mixin(name = "Encoders")
    EncoderFlags encoder;

    @Mixin(name = "Data")
    DataFlags data;

    @Mixin(name = "Rows with faults")
    FaultFlags faults;

    @Mixin(name = "Packing")
    PackingFlags packing;

    @Mixin(name = "Translation")
    LanguageFlags languages;

    @Mixin(name = "Conversations")
    ChatFlags chat;

    @Mixin(name = "Preferences")
    PreferenceLossFlags preference;

    @Mixin(name = "Rewards")
    GrpoFlags reward;

    @Mixin(name = "Sentence embeddings")
    EmbeddingFlags embedding;

    @Mixin(name = "Adapter")
    AdapterFlags adapter;

    @Mixin(name = "Loss")
    LossFlags loss;

    @Mixin(name = "Optimizer")
    OptimizerFlags optimizer;

    @Mixin(name = "Length")
    LengthFlags length;

    @Mixin(name = "Device")
    DeviceFlags device;

    @Mixin(name = "Precision")
    LoadInFlags loadIn;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        if (reportOnly) {
            ModelFlags.requireDirectory(problems, "--output", output);
            CompareReport.check(problems, spec);
            return;
        }
        Path file = output.resolve(TrainCommand.SETTINGS);
        problems.of(() ->
                SummaryFiles.requireNoOthers(output, Settings.areOf(file, output) ? null : TrainCommand.SETTINGS));
        FoldFlags.require(problems, "--model=MODEL", model);
        ModelFlags.requireModel(problems, spec, model);
        held.check(problems);
        learnt.check(problems);
        // it says which rows there are
        reward.check(problems, data, false, packing.packing);
        data.check(problems);
        chat.check(problems);
        device.check(problems);
        ComparisonSettings settings =
                problems.of(() -> settings(metric == null ? "loss" : metric, method -> method.learningRate(1)));
        if (settings != null) {
            settings.contenders().forEach(contender -> loadIn.check(problems, contender.method()));
            reward.check(problems, settings.contenders());
        }
    }

    /** @param usual the default learning rate of a method */
    private ComparisonSettings settings(String chosenMetric, ToDoubleFunction<Method> usual) {
        Problems problems = new Problems();
        List<Contender> contenders = methods.stream()
                .flatMap(entry -> Stream.ofNullable(problems.of(() -> Contender.parse(entry))))
                .toList();
        LearningRates rates = problems.of(() -> LearningRates.parse(learningRates, optimizer.learningRate));
        Map<String, List<Double>> perContender = rates == null ? null : problems.of(() -> rates.of(contenders, usual));
        if (perContender == null || !problems.messages().isEmpty()) {
            throw new ConfigException(String.join("\n", problems.messages()));
        }
        List<Method> taking = contenders.stream().map(Contender::method).toList();
        return new ComparisonSettings(
                contenders,
                ranks,
                perContender,
                seeds,
                sweepSeeds,
                chosenMetric,
                baseline,
                method -> training(method, taking),
                (rank, rslora) -> adapter.lora(rank, LoraConfig.defaultAlpha(rank, rslora), rslora),
                output,
                keepWeights,
                held.folds());
    }

    /** What some methods alone have goes to those, be they of this call or of one before. */
    private TrainConfig.Builder training(Method method, List<Method> taking) {
        TrainConfig.Builder config = TrainConfig.builder(method);
        preference.apply(config);
        reward.apply(config);
        embedding.apply(config);
        loss.apply(config);
        optimizer.apply(config);
        config.loft(loft -> loft.among(method, taking)).peers(peers -> peers.among(method, taking));
        length.apply(config);
        return config.saveSteps(saveSteps > 0 ? saveSteps : Long.MAX_VALUE);
    }

    @Override
    public int run() throws IOException {
        if (reportOnly) {
            new CompareReport(spec, output).again(metric, baseline, common.json);
            return ExitCode.OK;
        }
        Path directory = HubAccess.resolve(spec, Objects.requireNonNull(model));
        LearntTask aim = learnt.of(directory, Models.defaultTask(directory), embedding.prompts, data.format(data.data));
        TaskOptions.require(spec, aim);
        String chosenMetric = metric != null ? metric : reward.areGiven() ? "reward" : aim.usualMetric();
        long hiddenSize = Models.hiddenSize(directory);
        ComparisonSettings plain = settings(chosenMetric, method -> method.learningRate(hiddenSize));
        plain.commonConfigs().forEach(aim::require);
        String warning =
                LearningRates.parse(learningRates, optimizer.learningRate).warning(plain.contenders(), hiddenSize);
        if (warning != null) {
            err().println("loft: " + warning);
        }
        FaultyRows faulty = faults.rows(err());
        TrainingRows rows = preference.settle(
                TrainingRows.read(aim, data, held.evalData, 0, 0, faulty), data.columns.format, err());
        UsualRate rate = UsualRate.of(rows, preference);
        ComparisonSettings settings =
                rate.equals(UsualRate.PLAIN) ? plain : settings(chosenMetric, method -> rate.of(method, hiddenSize));
        if (!settings.rates().equals(plain.rates())) {
            err().println("loft: " + rate.share() + LearningRates.usual(settings));
        }
        List<Row> test = held.testData == null
                ? null
                : HeldOutRows.alike(
                        faulty.read(held.testData, aim.columns(data), "test").rows(),
                        rows.train().get(0));
        LearntClasses.tellOfTest(rows, test, err());
        reward.require(rows.all(test == null ? List.of() : test));
        // answers are made texts by it as long as there are runs
        try (Tokenizer opened = Tokenizer.open(directory);
                RewardFlags.Judging judging = reward.judging()) {
            Tokenizer tokenizer = languages.of(opened);
            return compare(directory, rows, encode(directory, tokenizer, rows, test, judging), settings, judging);
        }
    }

    private int compare(
            Path directory,
            TrainingRows rows,
            TrialData encoded,
            ComparisonSettings settings,
            RewardFlags.Judging judging)
            throws IOException {
        Files.createDirectories(output);
        rows.tellOfKind(err());
        learnt.tell(rows.learnt(), err());
        ModelOptions options = rows.options(new ModelOptions(
                rows.task(),
                List.of(),
                encoder.pooling,
                device.dtype(),
                device.device(),
                loadIn.value(),
                adapter.inFull(),
                false,
                0));
        Comparison comparison = new Comparison(
                settings,
                directory,
                options,
                encoded,
                // only then: a call that is refused must not replace the settings of those before
                new CompareProgress(
                        err(),
                        settings.metric(),
                        held.testData != null,
                        () -> Settings.write(output.resolve(TrainCommand.SETTINGS), spec, resolved(settings)),
                        judging::start));
        Runnable stop = () -> {
            err().println("\nloft: ending what is in progress, then leaving; once more ends at once");
            // first: a program that judges may have gone with the same Ctrl-C
            comparison.requestStop();
            judging.leave();
        };
        try (Interruption interruption = new Interruption(stop, Interruption.Deadline.NONE, judging::kill)) {
            Comparison.Outcome outcome = comparison.run();
            return new CompareReport(spec, output).end(outcome, resolved(settings), common.json);
        }
    }

    /** What the call left to defaults, by key. */
    private Map<String, Object> resolved(ComparisonSettings settings) {
        Map<String, Object> resolved = new LinkedHashMap<>(chat.resolved());
        if (learningRates.isEmpty()) {
            resolved.put("learning_rates", LearningRates.words(settings));
        }
        resolved.put("metric", settings.metric());
        return resolved;
    }

    private TrialData encode(
            Path directory,
            Tokenizer tokenizer,
            TrainingRows rows,
            @Nullable List<Row> test,
            RewardFlags.Judging judging)
            throws IOException {
        int maxLength = RowLength.of(data.maxLength, RowLength.USUAL, Models.maxPositions(directory), err());
        ChatFormat format = rows.learnt().takesConversations()
                ? chat.of(rows.learnt())
                        .format(directory, rows.all(test == null ? List.of() : test), Comparison.chatDate(output))
                : null;
        ComparedRows compared = new ComparedRows(
                rows, packing, tokenizer, format, reward.promptLength(maxLength), maxLength, judging, err());
        return held.folds() > 0
                ? compared.inFolds(held.folds(), test, seeds.get(0))
                : compared.ofFiles(Objects.requireNonNull(test));
    }

    private PrintWriter err() {
        return spec.commandLine().getErr();
    }
}
