package org.loft4j.cli.compare;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.ChatFormat;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Evaluator;
import org.loft4j.train.Method;
import org.loft4j.train.RunLock;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainableCheck;
import org.loft4j.train.TrainingRun;

/**
 * Methods × ranks × learning rates × seeds on one model and one data set. Each run leaves one file in a directory of its own; a
 * run that has left it is never taken again. Several processes may work on one output directory: each takes the next run that
 * nobody holds.
 *
 * <pre>
 * Comparison comparison = new Comparison(settings, modelDirectory, options, data, listener);
 * if (comparison.run() == Comparison.Outcome.FINISHED) {
 *     Summary summary = Summary.of(settings.output());
 * }
 * </pre>
 */
public final class Comparison {
    private static final long WAIT_MILLIS = 1000;

    /** The same for another process to begin. */
    private static final long BEGIN_MILLIS = 100;

    /** Held by the one that begins, for moments: a training holds the directory itself until it ends. */
    private static final String BEGINNING = ".beginning.lock";

    private final ComparisonSettings settings;
    private final Path directory;
    private final ModelOptions options;
    private final TrialData data;
    private final ComparisonListener listener;
    private final ResultStore results;
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final AtomicReference<@Nullable TrialRunner> runner = new AtomicReference<>();

    /** How a call ended. */
    public enum Outcome {
        /** Every run is finished. */
        FINISHED,
        /** Nothing is left to take, but other processes are still at work. */
        OTHERS_AT_WORK,
        /** Someone asked for the end; the same call goes on. */
        STOPPED
    }

    /**
     * @param directory of the model
     * @param options how it is opened; each run puts its own seed in their place
     */
    public Comparison(
            ComparisonSettings settings,
            Path directory,
            ModelOptions options,
            ComparisonData data,
            ComparisonListener listener) {
        this(settings, directory, options, TrialData.all(data), listener);
    }

    /** @param data with as many folds as the settings have */
    public Comparison(
            ComparisonSettings settings,
            Path directory,
            ModelOptions options,
            TrialData data,
            ComparisonListener listener) {
        if (data.folds() != settings.folds()) {
            throw new IllegalArgumentException(settings.folds() + " folds, and data of " + data.folds());
        }
        this.settings = settings;
        this.directory = directory;
        this.options = options;
        this.data = data;
        this.listener = listener;
        this.results = new ResultStore(settings.output());
    }

    /** What the chat template of the comparison in a directory takes for now: the moment of its first call, this one if there is none. */
    public static ZonedDateTime chatDate(Path output) throws CheckpointException {
        ZonedDateTime kept =
                SummaryRule.exists(output) ? SummaryRule.read(output).chatDate() : null;
        return kept == null ? ZonedDateTime.now() : kept;
    }

    /** How many calls are at work on an output directory, of this process and of others. */
    public static int callsAtWork(Path output) throws IOException {
        return CallLock.count(output);
    }

    /** Ends the comparison after the step in progress. May be called from any thread. */
    public void requestStop() {
        stopped.set(true);
        TrialRunner current = runner.get();
        if (current != null) {
            current.requestStop();
        }
    }

    /**
     * Runs until nothing is left that this process could take.
     *
     * @throws ConfigException if runs that are there, finished or not, were made with other settings, the metric is none of the task's, or
     *     settings, model and data do not fit each other, or a training runs in the directory; no more than locks is written then
     */
    public Outcome run() throws IOException {
        try (SharedModel shared = new SharedModel(directory, options)) {
            Model model = shared.with(settings.seeds().get(0));
            // the rows of all folds are of one kind
            ComparisonData first =
                    data.of(settings.seeds().get(0), settings.foldNumbers().get(0));
            requireMetric(model, first);
            requireFit(model);
            requireTrainable(model);
            TrialSettings described = new TrialSettings(model, data, first);
            TrialRunner trials = new TrialRunner(settings, data, shared, listener, stopped);
            runner.set(trials);
            try {
                Begun begun = begin(described, first);
                if (begun == null) {
                    return Outcome.STOPPED;
                }
                try (CallLock call = begun.call()) {
                    return work(trials, described, begun.turn(), call);
                }
            } finally {
                runner.set(null);
            }
        }
    }

    /**
     * A call that others see.
     *
     * @param call held until it ends
     * @param turn its first
     */
    private record Begun(CallLock call, Turn turn) {}

    /**
     * Looks at what others have left, and takes the first turn, while none of them does the same: a process that comes later sees what
     * this one is at. Null if a stop came first.
     */
    private @Nullable Begun begin(TrialSettings described, ComparisonData rows) throws IOException {
        if (!SummaryRule.exists(settings.output())) {
            // nobody's but this call's own: refused while nothing is written
            Baseline.of(settings.contenders(), settings.baseline());
        }
        RunLock alone = RunLock.tryAcquire(settings.output(), BEGINNING);
        while (alone == null && !stopped.get()) {
            pause(BEGIN_MILLIS);
            alone = RunLock.tryAcquire(settings.output(), BEGINNING);
        }
        // a training there, which may take hours, is not waited for
        try (RunLock held = alone;
                RunLock directory = held == null ? null : RunLock.acquire(settings.output())) {
            if (directory == null) {
                return null;
            }
            requireAgreement(described);
            requireBaseline();
            SummaryRule rule = new SummaryRule(
                    settings.metric(), settings.sweep(), settings.baseline(), chatDate(rows), settings.folds());
            rule.requireContinues(settings.output(), results);
            CallLock call = CallLock.acquire(settings.output());
            try {
                rule.continuing(settings.output()).write(settings.output());
                listener.onAgreement();
                return new Begun(call, turn(described));
            } catch (IOException | RuntimeException | Error e) {
                call.close();
                throw e;
            }
        }
    }

    /** By every method and at every rank: the runs before must not be lost to a refusal of the last. */
    private void requireTrainable(Model model) {
        for (Trial.Entry entry : settings.entries()) {
            Method method = entry.contender().method();
            TrainableCheck.require(model, method.usesAdapter() ? settings.adapter(entry) : null, method);
        }
    }

    /** The rows of every fold, for one may lack what another has: two labels, or a second text. */
    private void requireFit(Model model) throws IOException {
        for (long seed : settings.folds() == 0 ? settings.seeds().subList(0, 1) : settings.seeds()) {
            for (int fold : settings.foldNumbers()) {
                try {
                    requireFit(model, data.of(seed, fold));
                } catch (ConfigException e) {
                    throw fold == 0
                            ? e
                            : new ConfigException("fold " + fold + " of seed " + seed + ": " + e.getMessage()
                                    + "; if it is for want of rows, take fewer folds");
                }
            }
        }
    }

    private void requireFit(Model model, ComparisonData rows) {
        for (TrainConfig config : settings.commonConfigs()) {
            TrainingRun.requireFits(model, rows.training(), config);
        }
        Evaluator.requireFits(model, rows.test(), "test");
    }

    private static @Nullable ZonedDateTime chatDate(ComparisonData data) {
        ChatFormat format = data.training().train().chatFormat();
        return format == null ? null : format.moment();
    }

    private void requireMetric(Model model, ComparisonData data) throws IOException {
        List<String> ofTask = Evaluation.metrics(model, data.test());
        String problem = Evaluation.problem("metric", settings.metric(), model, ofTask, Set.of());
        if (problem != null) {
            throw new ConfigException(problem);
        }
        // runs of an earlier version may lack a score
        List<String> silent = results.all().stream()
                .filter(result -> result.failure() == null && !result.test().containsKey(settings.metric()))
                .map(result -> result.trial().name())
                .toList();
        if (!silent.isEmpty()) {
            throw new ConfigException("metric " + settings.metric() + ": runs/" + silent.get(0)
                    + (silent.size() > 1 ? " and " + (silent.size() - 1) + " more" : "")
                    + " do not tell it: choose another metric, or another output directory");
        }
    }

    /** Among those of earlier calls too, which stand in the same table. */
    private void requireBaseline() throws IOException {
        List<Contender> there = new ArrayList<>(settings.contenders());
        results.there().forEach(run -> there.add(run.trial().contender()));
        Baseline.of(there, settings.baseline());
    }

    private void requireAgreement(TrialSettings described) throws IOException {
        results.requireSame(settings.entries());
        Map<ResultStore.Described, Map<String, Object>> planned = new LinkedHashMap<>();
        for (ResultStore.Described run : results.there()) {
            // those of other methods too: all stand in one table
            planned.put(run, described.of(run.trial(), settings));
        }
        ResultStore.requireAgreement(planned);
    }

    /**
     * What is to be done next.
     *
     * @param held runs that others are at
     * @param trial that this process has taken; null where none is left
     * @param lock of its directory
     */
    private record Turn(
            Course course,
            int held,
            @Nullable Trial trial,
            @Nullable RunLock lock) implements Closeable {
        @Override
        public void close() throws IOException {
            if (lock != null) {
                lock.close();
            }
        }
    }

    /** Takes the first run that nobody holds, and says in its directory what it is. */
    private Turn turn(TrialSettings described) throws IOException {
        Course course = new Course(settings, results);
        int held = 0;
        for (Trial trial : course.due()) {
            RunLock lock = RunLock.tryAcquire(results.directory(trial));
            if (lock == null) {
                held++;
                continue;
            }
            Turn turn = new Turn(course, held, trial, lock);
            try {
                // another process may have finished it since we looked, after which more may be due
                if (results.find(trial) == null) {
                    results.begin(trial, described.of(trial, settings));
                    return turn;
                }
            } catch (IOException | RuntimeException | Error e) {
                turn.close();
                throw e;
            }
            turn.close();
            return turn(described);
        }
        return new Turn(course, held, null, null);
    }

    private Outcome work(TrialRunner trials, TrialSettings described, Turn first, CallLock call) throws IOException {
        boolean told = false;
        Turn next = first;
        while (true) {
            try (Turn turn = next) {
                Trial trial = turn.trial();
                if (stopped.get()) {
                    return Outcome.STOPPED;
                }
                if (trial != null) {
                    take(trials, trial, described, turn, call);
                } else if (turn.held() == 0) {
                    return Outcome.FINISHED;
                } else if (turn.course().undecided() == 0) {
                    return Outcome.OTHERS_AT_WORK;
                } else {
                    if (!told) {
                        listener.onWait(turn.held());
                        told = true;
                    }
                    pause(WAIT_MILLIS);
                }
            }
            if (stopped.get()) {
                return Outcome.STOPPED;
            }
            next = turn(described);
        }
    }

    private void take(TrialRunner trials, Trial trial, TrialSettings described, Turn turn, CallLock call)
            throws IOException {
        TrialResult result = trials.run(
                trial,
                results.directory(trial),
                described.of(trial, settings),
                listener.onStart(trial, Remaining.of(turn.course(), results.all(), turn.held())),
                call::others);
        if (result != null) {
            Course left = new Course(settings, results);
            listener.onFinish(result, Remaining.of(left, results.all(), turn.held()));
        }
    }

    private void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            stopped.set(true);
        }
    }
}
