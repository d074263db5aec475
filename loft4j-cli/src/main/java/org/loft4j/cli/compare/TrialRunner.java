package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.NotFiniteException;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Machine;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeHeap;
import org.loft4j.train.ConfusionMatrix;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Evaluator;
import org.loft4j.train.MemoryFault;
import org.loft4j.train.OnExisting;
import org.loft4j.train.StepEvent;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainListener;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/** Runs one trial after the other on a shared model, each as {@code loft train} would. */
final class TrialRunner {
    private static final String TRAINING = "training";

    /** Tells how many other processes are at work on the comparison. */
    @FunctionalInterface
    interface Others {
        int atWork() throws IOException;
    }

    private final ComparisonSettings settings;
    private final TrialData rows;
    private @Nullable Held held;
    private final SharedModel shared;
    private final ComparisonListener watching;
    private final AtomicBoolean stopped;
    private final AtomicReference<@Nullable TrainingRun> running = new AtomicReference<>();

    TrialRunner(
            ComparisonSettings settings,
            TrialData rows,
            SharedModel shared,
            ComparisonListener watching,
            AtomicBoolean stopped) {
        this.settings = settings;
        this.rows = rows;
        this.shared = shared;
        this.watching = watching;
        this.stopped = stopped;
    }

    /** Where the run of a trial is, which has a directory of its own. */
    static Path training(Path directory) {
        return directory.resolve(TRAINING);
    }

    /** What the trials of a seed and a fold learn; without folds all. */
    private record Held(long seed, int fold, ComparisonData data) {}

    private ComparisonData data(Trial trial) throws IOException {
        Held known = held;
        boolean fits =
                known != null && (rows.folds() == 0 || (known.seed() == trial.seed() && known.fold() == trial.fold()));
        if (known == null || !fits) {
            known = new Held(trial.seed(), trial.fold(), rows.of(trial.seed(), trial.fold()));
            held = known;
        }
        return known.data();
    }

    /** Ends the trial in progress after its step. May be called from any thread. */
    void requestStop() {
        TrainingRun run = running.get();
        if (run != null) {
            run.requestStop();
        }
    }

    /**
     * Runs a trial to its end and leaves its result in its directory; null if it was stopped, after which it can go on.
     *
     * @param described everything that the result depends on
     * @param others with which the run may have to share the machine
     */
    @Nullable
    TrialResult run(
            Trial trial, Path directory, Map<String, Object> described, @Nullable TrainListener listener, Others others)
            throws IOException {
        int before = others.atWork();
        // what the trial before has left must not count as this one's memory
        System.gc();
        NativeHeap.trim();
        boolean besideBefore =
                settings.config(trial).loss().preferences().kind().hasReference();
        if (besideBefore && data(trial).lacksReference() && !findReference(trial, listener)) {
            return null;
        }
        long start = System.nanoTime();
        Path training = training(directory);
        TrialResult result;
        try {
            result = train(trial, directory, described, listener, start, before, others);
        } catch (RuntimeException e) {
            if (!isOfTheNumbers(e)) {
                throw e;
            }
            String failure = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            result = new TrialResult(
                    trial,
                    failure,
                    described,
                    Map.of(),
                    Map.of(),
                    false,
                    null,
                    new TrialResult.Cost(Double.NaN, secondsSince(start), Double.NaN, 0, 0, 0),
                    new Curve(),
                    new Curve(),
                    List.of(),
                    machine(before, others));
        } finally {
            if (!trial.contender().method().usesAdapter()) {
                shared.discard();
            }
        }
        if (result != null) {
            result.write(directory.resolve(ResultStore.RESULT));
            tidy(training);
        }
        return result;
    }

    /** Finds out what the model holds of preferences, before the first trial, and before one of another fold; false where a stop came first. */
    private boolean findReference(Trial trial, @Nullable TrainListener listener) throws IOException {
        TrainConfig config = settings.config(trial);
        ComparisonData data = data(trial);
        Model model = shared.with(trial.seed());
        Evaluator evaluator = new Evaluator(model, data.training().padId(), config.evalBatchSize());
        ComparisonData ready;
        try {
            ready = data.withReference(
                    evaluator, stopped::get, listener == null ? (done, all) -> {} : listener::onReferenceProgress);
        } catch (RuntimeException | OutOfMemoryError e) {
            if (!MemoryFault.is(e)) {
                throw e;
            }
            String standing = settings.output() + " keeps the runs that are finished: the same call goes on";
            throw MemoryFault.ofReference(e, model, standing);
        }
        if (ready != null) {
            held = new Held(trial.seed(), trial.fold(), ready);
        }
        return ready != null;
    }

    /** Weights that have gone bad end a run: in the trainer, or in a decomposition of libtorch's. Anything else is a fault. */
    static boolean isOfTheNumbers(RuntimeException e) {
        String message = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
        // what a smaller batch or a quieter machine would cure is no property of the method
        return !message.contains("memory")
                && (e instanceof NotFiniteException
                        || e.getClass() == RuntimeException.class && message.contains("linalg"));
    }

    private @Nullable TrialResult train(
            Trial trial,
            Path place,
            Map<String, Object> described,
            @Nullable TrainListener listener,
            long start,
            int before,
            Others others)
            throws IOException {
        Path directory = training(place);
        Model model = shared.with(trial.seed());
        TrainConfig config = settings.config(trial);
        ComparisonData data = data(trial);
        try (TrialObserver observer = watching.observe(trial, place, model);
                // one that was stopped in its test has its weights there, and is tested alone
                TrainingRun run = TrainingRun.open(
                        model, data.training(), config, settings.adapter(trial), directory, OnExisting.RESUME)) {
            StepClock clock = new StepClock();
            run.addListener(clock);
            if (listener != null) {
                run.addListener(listener);
            }
            if (observer != null) {
                observer.opened(run);
                run.addListener(observer);
            }
            running.set(run);
            if (stopped.get()) {
                run.requestStop();
            }
            TrainResult trained;
            try {
                trained = run.run();
            } finally {
                running.set(null);
            }
            if (trained.outcome() == TrainResult.Outcome.INTERRUPTED) {
                return null;
            }
            if (trained.outcome() == TrainResult.Outcome.DIVERGED) {
                throw new NotFiniteException(trained.summary());
            }
            Evaluation test = run.test(data.test(), stopped::get);
            if (test == null) {
                return null;
            }
            if (!Double.isFinite(test.loss())) {
                throw new NotFiniteException(
                        "after the last step the loss of the test data is not finite: lower the learning rate");
            }
            ConfusionMatrix confusion = test.confusion();
            Metrics metrics = Metrics.read(directory.resolve("metrics.jsonl"));
            double seconds = clock.steps() > 0 ? clock.secondsAStep() * trained.step() : metrics.seconds();
            return new TrialResult(
                    trial,
                    null,
                    described,
                    trained.lastEvaluation(),
                    test.values(),
                    confusion != null && confusion.predictsOneClass(),
                    trained.skippedSteps(),
                    new TrialResult.Cost(
                            seconds,
                            secondsSince(start),
                            metrics.tokens() / seconds,
                            metrics.peakBytes(),
                            run.trainable().elements(),
                            trained.step() - clock.steps()),
                    metrics.loss(),
                    metrics.reward(),
                    metrics.evaluations(),
                    machine(before, others));
        }
    }

    /** The machine, and how many processes were at work on it at least: as many as there were at the start, or are now. */
    private static Map<String, Object> machine(int before, Others others) throws IOException {
        Map<String, Object> machine = new LinkedHashMap<>(Machine.described());
        machine.put(TrialResult.PROCESSES, 1 + Math.max(before, others.atWork()));
        return machine;
    }

    private static double secondsSince(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    /** Leaves the weights, where they are wanted, and nothing else. */
    private void tidy(Path training) throws IOException {
        if (!Files.isDirectory(training)) {
            return;
        }
        Set<Path> inFolders = new HashSet<>();
        if (settings.keepWeights()) {
            List<Path> sentences = SentenceFiles.exists(training) ? SentenceFiles.filesIn(training) : List.of();
            Stream.concat(sentences.stream(), Tokenizer.filesIn(training).stream())
                    .map(training::resolve)
                    .forEach(inFolders::add);
        }
        Files.walkFileTree(training, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                boolean ofResult = training.equals(file.getParent()) || inFolders.contains(file);
                if (!settings.keepWeights() || !ofResult) {
                    Files.delete(file);
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException fault) throws IOException {
                boolean ofResult =
                        inFolders.stream().anyMatch(file -> file.startsWith(directory) && Files.exists(file));
                if (!settings.keepWeights() || (!training.equals(directory) && !ofResult)) {
                    Files.delete(directory);
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /** Measures the steps alone, but for the first of a run, which warms everything up, once there are others. */
    static final class StepClock implements TrainListener {
        private double first;
        private double others;
        private long steps;

        @Override
        public void onStep(StepEvent event) {
            if (steps == 0) {
                first = event.seconds();
            } else {
                others += event.seconds();
            }
            steps++;
        }

        /** That it has measured. */
        long steps() {
            return steps;
        }

        double secondsAStep() {
            return steps == 1 ? first : others / (steps - 1);
        }
    }

    /**
     * What the log of a run tells, the part before an interruption included.
     *
     * @param tokensPerSecond of the last steps
     */
    private record Metrics(
            Curve loss,
            Curve reward,
            List<Map<String, Double>> evaluations,
            double tokens,
            double tokensPerSecond,
            long peakBytes) {
        static Metrics read(Path file) throws IOException {
            Curve loss = new Curve();
            Curve reward = new Curve();
            List<Map<String, Double>> evaluations = new ArrayList<>();
            double tokens = 0;
            double pace = Double.NaN;
            long peak = 0;
            for (String line : Files.readAllLines(file)) {
                JsonObject json = Json.parse(file, line);
                if (json.keys().contains("eval_loss")) {
                    evaluations.add(evaluation(json));
                } else {
                    loss.add(json.requireLong("step"), json.doubleOr("loss", Double.NaN));
                    if (json.has("reward")) {
                        reward.add(json.requireLong("step"), json.requireDouble("reward"));
                    }
                    tokens = json.requireDouble("tokens");
                    pace = json.doubleOr("tokens_per_second", Double.NaN);
                    peak = Math.max(peak, json.requireLong("memory_bytes"));
                }
            }
            return new Metrics(loss, reward, evaluations, tokens, pace, peak);
        }

        /** Of the steps alone, at the pace of the last of them. */
        double seconds() {
            return tokens / tokensPerSecond;
        }

        private static Map<String, Double> evaluation(JsonObject json) throws IOException {
            Map<String, Double> values = new LinkedHashMap<>();
            for (String key : json.keys()) {
                if (key.equals("step")) {
                    values.put(key, json.requireDouble(key));
                } else if (key.startsWith("eval_") && !key.equals("eval_seconds")) {
                    values.put(key.substring("eval_".length()), json.doubleOr(key, Double.NaN));
                }
            }
            return values;
        }
    }
}
