package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.train.LossSettings;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.PeerSettings;
import org.loft4j.train.RunLock;

/** The runs of an output directory, finished or not, each in a directory of its own. */
final class ResultStore {
    static final String RESULT = "result.json";

    /** What a run is, from its start on. */
    private static final String BEGUN = "begun.json";

    /** A run of which everything that its result depends on is known, by name. */
    interface Described {
        Trial trial();

        Map<String, Object> settings();
    }

    /** A run without a result: another process is at it, or it was interrupted and would be gone on with. */
    record Unfinished(Trial trial, Map<String, Object> settings) implements Described {}

    private static final System.Logger LOG = System.getLogger(ResultStore.class.getName());

    /** What settings were in runs from before there was a choice, which do not name them. */
    private static final Map<String, Object> UNNAMED = unnamed();

    private static Map<String, Object> unnamed() {
        Map<String, Object> settings =
                new LinkedHashMap<>(PeerSettings.defaults().toMap());
        settings.put("warmup_steps", 0L);
        settings.put("min_lr_ratio", 0.0);
        settings.putAll(LossSettings.defaults().toMap());
        settings.put(TrialSettings.REWARDS, TrialSettings.NO_REWARDS);
        settings.put(TrialSettings.FOLDS, 0);
        settings.put(TrialSettings.TARGET_PARAMETERS, List.of().toString());
        return settings;
    }

    private final Path runs;
    private final Map<Path, TrialResult> known = new LinkedHashMap<>();

    ResultStore(Path output) {
        this.runs = output.resolve("runs");
    }

    Path directory(Trial trial) {
        return runs.resolve(trial.name());
    }

    /**
     * The result of a trial; null while there is none.
     *
     * @throws ConfigException if the directory of the trial holds another one's
     */
    @Nullable
    TrialResult find(Trial trial) throws IOException {
        TrialResult result = read(directory(trial).resolve(RESULT));
        if (result != null) {
            requireSame(result.trial(), trial.entry());
        }
        return result;
    }

    /**
     * Refuses what goes by the name of something else that has runs here, which would be shown in its place.
     *
     * @throws ConfigException that names the first of those runs
     */
    void requireSame(List<Trial.Entry> entries) throws IOException {
        for (Described run : there()) {
            entries.forEach(entry -> requireSame(run.trial(), entry));
        }
    }

    private static void requireSame(Trial there, Trial.Entry asked) {
        Contender before = there.contender();
        Contender now = asked.contender();
        boolean sameName = before.name().equals(now.name())
                || before.title().equals(now.title())
                || there.entry().name().equals(asked.name());
        if (sameName && !before.equals(now)) {
            throw new ConfigException("output_dir holds runs/" + there.name() + " of " + before.written() + ", and "
                    + now.written() + " goes by the same name: give it another label, or use another output directory");
        }
    }

    private @Nullable TrialResult read(Path file) throws IOException {
        TrialResult result = known.get(file);
        if (result == null && Files.exists(file)) {
            result = TrialResult.read(file);
            known.put(file, result);
        }
        return result;
    }

    /** Lets others know what a run is, whose directory the caller holds. */
    void begin(Trial trial, Map<String, Object> settings) throws IOException {
        Map<String, Object> tree = trial.tree();
        tree.put("settings", settings);
        Json.write(directory(trial).resolve(BEGUN), tree);
    }

    /** The runs that others are at, and those that were interrupted and left something to go on from. */
    List<Unfinished> unfinished() throws IOException {
        List<Unfinished> unfinished = new ArrayList<>();
        for (Path directory : directories()) {
            Path begun = directory.resolve(BEGUN);
            if (!Files.exists(begun)) {
                continue;
            }
            try (RunLock lock = RunLock.tryAcquire(directory)) {
                boolean counts = lock == null || OnExisting.holdsRun(TrialRunner.training(directory));
                if (counts && read(directory.resolve(RESULT)) == null) {
                    JsonObject json = Json.read(begun);
                    unfinished.add(
                            new Unfinished(Trial.read(json), TrialResult.values(json.requireObject("settings"))));
                }
            }
        }
        return unfinished;
    }

    /** Each run that is there, finished or not, once. */
    List<Described> there() throws IOException {
        // in this order: one that ends meanwhile would be among neither in the other
        List<Unfinished> unfinished = unfinished();
        List<Described> there = new ArrayList<>(all());
        Set<Trial> finished = there.stream().map(Described::trial).collect(Collectors.toSet());
        unfinished.stream().filter(run -> !finished.contains(run.trial())).forEach(there::add);
        return there;
    }

    private List<Path> directories() throws IOException {
        if (!Files.isDirectory(runs)) {
            return List.of();
        }
        try (Stream<Path> directories = Files.list(runs)) {
            return directories.sorted().toList();
        }
    }

    /** Every finished run, those of other processes and earlier calls included, in the order of their directories' names. */
    List<TrialResult> all() throws IOException {
        List<TrialResult> all = new ArrayList<>();
        for (Path directory : directories()) {
            TrialResult result = read(directory.resolve(RESULT));
            if (result == null) {
                continue;
            }
            String name = result.trial().name();
            if (directory(result.trial()).equals(directory)) {
                all.add(result);
            } else {
                // counted, a copy would be a further seed
                LOG.log(
                        System.Logger.Level.WARNING,
                        directory + " holds the result of " + name
                                + ", and is left out: a run goes by the name of its directory");
            }
        }
        return all;
    }

    /**
     * Refuses to take a run that is there, finished or not, for one with other settings. What one side does not know of is no difference: a newer
     * version may have settings that an older one had not. Those of {@link PeerSettings} had their defaults then; of what the base
     * model was the user is told so.
     *
     * @throws ConfigException that names each difference once, with the runs that have it
     */
    static void requireAgreement(Map<? extends Described, Map<String, Object>> planned) {
        Map<String, List<String>> differences = new LinkedHashMap<>();
        List<String> outgrown = new ArrayList<>();
        planned.forEach((result, settings) -> settings.forEach((name, value) -> {
            Object before = before(result, name);
            if (before != null && !String.valueOf(before).equals(String.valueOf(value))) {
                differences
                        .computeIfAbsent(name + " was " + before + " and is now " + value, key -> new ArrayList<>())
                        .add(result.trial().name());
                if (name.equals(TrialSettings.ALPHA)
                        && result.trial().contender().alphaIsDefault()) {
                    outgrown.add("runs/" + result.trial().name());
                }
            }
        }));
        List<String> silent = planned.keySet().stream()
                .filter(result -> !result.settings().containsKey(TrialSettings.BASE))
                .map(result -> result.trial().name())
                .toList();
        if (!silent.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    silent.get(0) + (silent.size() > 1 ? " and " + (silent.size() - 1) + " more" : "")
                            + ": made before runs said what their base model was: see to it that it is the same");
        }
        if (!differences.isEmpty()) {
            List<String> lines = new ArrayList<>();
            differences.forEach((difference, names) -> lines.add(difference + " (" + names.get(0)
                    + (names.size() > 1 ? " and " + (names.size() - 1) + " more" : "") + ")"));
            throw new ConfigException("output_dir holds runs with other settings: " + String.join("; ", lines)
                    + (outgrown.isEmpty()
                            ? "; use the settings of those runs, or another output directory"
                            : "; the default of alpha has changed since: move " + String.join(", ", outgrown)
                                    + " out of it, or use another output directory"
                                    + (differences.size() > 1 ? "; else use the settings of those runs" : "")));
        }
    }

    /** What a setting was; null where nobody knows. Runs of rsLoRA were scaled by the root of the rank when they did not say so yet. */
    private static @Nullable Object before(Described result, String name) {
        return name.equals(TrialSettings.RSLORA) && result.trial().contender().method() == Method.RSLORA
                ? "true"
                : result.settings().getOrDefault(name, UNNAMED.get(name));
    }
}
