package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.WatchedRun.Samples;
import org.loft4j.cli.compare.Trial;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Examples;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.TrainingSet;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.train.MemoryEstimate;
import org.loft4j.train.MemoryPlan;
import org.loft4j.train.MemoryPlan.Load;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainableCheck;
import org.loft4j.train.TrainingRun;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code loft train}. */
@Command(
        name = "train",
        description =
                "Fine-tunes a model on rows of text, or on images. Ctrl-C finishes the step, saves, and says how to go on.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft train --model models/MiniLM --data train.csv --eval-data valid.csv --output run",
            "  loft train --model HuggingFaceTB/SmolLM2-135M --data train.jsonl --method lora --rank 8 \\",
            "      --learning-rate 2e-4 --output run",
            "  loft train --model google/vit-base-patch16-224-in21k --data photos --eval-share 0.1 \\",
            "      --augment crop,flip --output run",
            "  loft train --adapter run --data more.csv --output run2",
            "  loft train --config run/config.yaml --resume"
        })
final class TrainCommand implements Verb {
    static final String SETTINGS = "config.yaml";

    @Mixin(name = "Model")
    ModelFlags model;

    @Mixin(name = "Task")
    LearntFlags learnt;

    @Mixin(name = "Encoders")
    EncoderFlags encoder;

    @Mixin(name = "Data")
    DataFlags data;

    @Mixin(name = "Packing")
    PackingFlags packing;

    @Mixin(name = "Translation")
    LanguageFlags languages;

    @Mixin(name = "Rows with faults")
    FaultFlags faults;

    @Mixin(name = "Streaming")
    StreamFlags stream;

    @Mixin(name = "Conversations")
    ChatFlags chat;

    @Mixin(name = "Preferences")
    PreferenceLossFlags preference;

    @Mixin(name = "Rewards")
    GrpoFlags reward;

    @Mixin(name = "Sentence embeddings")
    EmbeddingFlags embedding;

    @Mixin(name = "Images")
    ImageFlags images;

    @Mixin(name = "Images in training")
    AugmentFlags augment;

    @Mixin(name = "Held-out data")
    EvalFlags eval;

    @Mixin(name = "Method")
    MethodFlags method;

    @Mixin(name = "Adapter")
    AdapterFlags adapter;

    @Mixin(name = "Loss")
    LossFlags loss;

    @Mixin(name = "Optimizer")
    OptimizerFlags optimizer;

    @Mixin(name = "Length")
    LengthFlags length;

    @Mixin(name = "Run")
    RunFlags run;

    @Mixin(name = "Watching")
    WatchFlags watch;

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
        model.check(problems);
        learnt.check(problems);
        // it says which rows there are
        reward.check(problems, data, stream.streaming, packing.packing);
        data.check(problems);
        stream.check(problems, packing.packing);
        if (faults.skip && stream.streaming) {
            problems.add(
                    "--skip-faulty-rows and --streaming exclude each other: whether a row can be used shows only when it is"
                            + " tokenized, and how many there are must be known before; 'loft data check' tells all that cannot");
        }
        chat.check(problems);
        images.check(problems);
        eval.check(problems, spec.commandLine().getParseResult());
        Path start = model.adapter == null ? null : model.adapter.directory();
        run.check(problems, spec, common.config, start, method.method);
        run.requireKept(problems, data.data, eval.file);
        watch.check(problems, spec.commandLine().getParseResult(), reward.areGiven());
        if (run.dryRun && stream.streaming) {
            problems.add("--dry-run reads all rows, which --streaming is there to avoid: leave one of them out");
        }
        problems.of(augment::augmentation);
        if (method.fromScratch && method.method != Method.FULL) {
            problems.add("--from-scratch needs --method full: an adapter on weights that nobody keeps is of no use");
        }
        device.check(problems);
        loadIn.check(problems, method.method);
        problems.of(this::config);
        problems.of(() -> method.checked(adapter, spec.commandLine().getParseResult()));
    }

    TrainConfig config() {
        return settings(learnt.problem).build();
    }

    /** With the rate of the model's width, if none is given. */
    private TrainConfig config(Path directory, LearntTask aim, UsualRate rate) throws IOException {
        TrainConfig.Builder config = settings(aim.problem());
        if (optimizer.learningRate == null) {
            config.learningRate(rate.of(method.method, Models.hiddenSize(directory)));
        }
        return config.build();
    }

    /** @param problem what the labels of texts are; null where nothing says it */
    private TrainConfig.Builder settings(@Nullable ProblemType problem) {
        TrainConfig.Builder config = TrainConfig.builder(method.method);
        preference.apply(config);
        reward.apply(config);
        embedding.apply(config);
        loss.apply(config);
        optimizer.apply(config);
        length.apply(config);
        run.apply(config, problem);
        watch.apply(config);
        return config;
    }

    @Override
    public int run() throws IOException {
        TrainingStart start = TrainingStart.of(model, learnt, embedding.prompts, data, shape(), run.output);
        LearntTask aim = start.aim();
        TrainConfig plain = config(start.directory(), aim, UsualRate.PLAIN);
        Task task = aim.task();
        TaskOptions.require(spec, aim);
        aim.require(plain);
        if (task == Task.IMAGE_CLASSIFICATION) {
            return runOnImages(start, plain);
        }
        PreferenceLoss.Kind preferred = plain.loss().preferences().kind();
        StreamedRows streamed =
                stream.streaming ? StreamedRows.read(aim, data, eval.file, eval.share, run.seed, preferred) : null;
        TrainingRows read = streamed != null
                ? streamed.known()
                : TrainingRows.read(aim, data, eval.file, eval.share, run.seed, faults.rows(err()));
        start.require(read.classes(), err());
        read.tellShape(err());
        TrainingRows rows = preference.settle(read, data.columns.format, err());
        UsualRate rate = UsualRate.of(rows, preference);
        TrainConfig config = rate.equals(UsualRate.PLAIN) ? plain : config(start.directory(), aim, rate);
        if (config.learningRate() != plain.learningRate()) {
            err().println("loft: " + rate.share() + " of the usual learning rate, "
                    + Trial.rateText(config.learningRate()) + "; --learning-rate names another");
        }
        learnt.tell(start, err());
        LearntClasses.tellOfRows(task, learnt.asked, rows.train(), err());
        ModelOptions options = rows.options(options(start));
        int maxLength = start.maxLength(data.maxLength, err());
        reward.require(rows.all(List.of()));
        int rowLength = reward.promptLength(maxLength);
        try (Tokenizer opened = start.found().openTokenizer()) {
            Tokenizer tokenizer = languages.of(opened);
            ChatFormat format = aim.takesConversations()
                    ? chat.of(aim).format(start.found(), rows.all(List.of()), run.chatDate())
                    : null;
            ChatFlags.tell(format, rows.train(), task == Task.CAUSAL_LM ? tokenizer : null, err());
            TrainingSet train = streamed != null
                    ? streamed.encode(tokenizer, format, maxLength, stream.shuffleBuffer())
                    : packing.encode(rows, rows.train(), tokenizer, format, rowLength, "training", err());
            Examples held = rows.eval() == null
                    ? null
                    : packing.encode(rows, rows.eval(), tokenizer, format, rowLength, "held-out", err());
            return runOnTexts(
                    start,
                    options,
                    rows,
                    new TrainData(train, held, tokenizer.padId(), maxLength),
                    config,
                    format,
                    tokenizer);
        }
    }

    private int runOnTexts(
            TrainingStart start,
            ModelOptions options,
            TrainingRows rows,
            TrainData learnt,
            TrainConfig config,
            @Nullable ChatFormat format,
            Tokenizer tokenizer)
            throws IOException {
        try (RewardFlags.Judging judging = reward.judging()) {
            TrainData encoded =
                    judging.judges() ? learnt.withRewards(judging.rewards().withLogged(watch.logCompletions)) : learnt;
            boolean mayStream = !stream.streaming
                    && packing.packing == Packing.NONE
                    && !faults.skip
                    && rows.mayBeStreamed(config.loss().preferences().kind());
            MemoryPlan.Rows onHeap = rows.onHeap(encoded, mayStream);
            Function<TrainConfig, Load> largest = some -> BatchSizes.largest(encoded, some);
            MemoryEstimate memory =
                    memory(start, options, largest, onHeap, shapes -> TrainingRun.requireFits(shapes, encoded, config));
            // rows that are streamed are tokenized while the model learns
            try (Model opened = open(start, options)) {
                if (run.dryRun) {
                    judging.start();
                    return opened(start, opened, encoded, config).dryRun(memory);
                }
                Samples samples = opened.task().writes()
                        ? Samples.of(watch, format, opened, tokenizer, run.output)
                        : Samples.NONE;
                return opened(start, opened, encoded, config).train(samples, judging);
            }
        }
    }

    /**
     * By the shapes alone, so that a run that is too large is refused, or warned of, before its weights are read. {@code fits}
     * refuses what does not fit the model.
     */
    private MemoryEstimate memory(
            TrainingStart start,
            ModelOptions options,
            Function<TrainConfig, Load> largest,
            MemoryPlan.Rows rows,
            Consumer<Model> fits)
            throws IOException {
        try (NativeScope scope = new NativeScope();
                Model shapes = Models.outline(start.directory(), ofShapes(options))) {
            if (!method.method.usesAdapter()) {
                TrainableCheck.requireFull(shapes);
            }
            fits.accept(shapes);
            MemoryPlan plan = new MemoryPlan(
                    config(),
                    start.lora(shape(), shapes),
                    loadIn.value(),
                    largest.apply(config()),
                    MemoryPlan.Attention.of(start.directory()),
                    rows);
            return new Budget(options.device(), shapes, plan, settings(null), largest).hold(run.maxMemory(), err());
        }
    }

    /** For a model without numbers: where there is no checkpoint nothing else says their type. */
    private ModelOptions ofShapes(ModelOptions options) {
        return method.fromScratch && device.dtype() == null ? options.withDtype(Dtype.F32) : options;
    }

    private int runOnImages(TrainingStart start, TrainConfig config) throws IOException {
        TrainingImages.requireNoFlagsOfTexts(stream, faults);
        TrainingImages rows = TrainingImages.read(start.aim(), data, images, eval, run.seed);
        start.require(rows.classes(), err());
        err().println("loft: " + rows.shape());
        ModelOptions options = options(start)
                .withLabels(rows.classes().labels().names())
                .withMultiLabel(start.aim().multiLabel())
                .withNewClasses(rows.classes().anew());
        long states = TrainingImages.states(start.directory(), ofShapes(options));
        MemoryEstimate memory = memory(start, options, some -> rows.largest(some, states), rows.onHeap(), shapes -> {});
        try (Model opened = open(start, options)) {
            TrainData encoded = rows.encode(opened, start.directory(), augment.augmentation());
            OpenedTraining training = opened(start, opened, encoded, config);
            return run.dryRun ? training.dryRun(memory) : training.train(Samples.NONE, RewardFlags.Judging.NONE);
        }
    }

    private AdapterShape shape() {
        return new AdapterShape(spec, method, adapter);
    }

    private ModelOptions options(TrainingStart start) throws IOException {
        return new ModelOptions(
                start.aim().task(),
                List.of(),
                start.pooling(encoder.pooling),
                device.dtype(),
                device.device(),
                loadIn.value(),
                start.inFull(shape(), loadIn.value()),
                false,
                run.seed);
    }

    private Model open(TrainingStart start, ModelOptions options) throws IOException {
        Model opened = start.open(options, method.fromScratch);
        DeviceFlags.warn(opened.description(), err());
        return opened;
    }

    private OpenedTraining opened(TrainingStart start, Model opened, TrainData encoded, TrainConfig config) {
        return new OpenedTraining(start, opened, encoded, config, left(), run, watch, common.json);
    }

    /** What the call leaves to the defaults of its method, by key; null for what it leaves to an adapter, which is not read. */
    Map<String, @Nullable Object> resolved() {
        Map<String, @Nullable Object> resolved = left().unread(config());
        if (optimizer.learningRate == null && method.method.scalesWithWidth()) {
            // this call reads no model
            resolved.remove("learning_rate");
        }
        return resolved;
    }

    private LeftSettings left() {
        return new LeftSettings(chat, shape(), model.adapter != null);
    }

    private PrintWriter err() {
        return spec.commandLine().getErr();
    }
}
