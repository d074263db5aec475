package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.cli.report.Figure;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;
import org.loft4j.train.OnExisting;
import org.loft4j.train.RunAbout;

/**
 * A summary as files: {@code summary.json}, {@code summary.csv} and {@code runs.csv} for programs; {@code summary.txt},
 * {@code summary.md}, {@code summary.html} and its pictures for people.
 */
public final class SummaryFiles {
    private static final List<String> NAMES = List.of(
            "summary.json",
            "summary.csv",
            "runs.csv",
            "summary.txt",
            "summary.md",
            "summary.html",
            "ranks.png",
            "learning-rates.png",
            "learning-curves.png");

    private SummaryFiles() {}

    /**
     * Refuses a directory without a comparison where one would write over what is there, such as the settings of a training.
     *
     * @param more the name of a file that is written beside; null where that there is none of others
     */
    public static Path requireNoOthers(Path output, @Nullable String more) {
        if (SummaryRule.exists(output)) {
            return output;
        }
        if (holdsTraining(output)) {
            throw new ConfigException(
                    "output_dir " + output + " holds a run of loft train, whose settings a comparison would"
                            + " write over: choose another directory");
        }
        List<String> others = Stream.concat(NAMES.stream(), Stream.ofNullable(more))
                .filter(name -> Files.exists(output.resolve(name)))
                .toList();
        if (!others.isEmpty()) {
            throw new ConfigException("output_dir " + output + " holds no comparison, but " + String.join(", ", others)
                    + ", which one would write over: choose another directory");
        }
        return output;
    }

    private static boolean holdsTraining(Path output) {
        try {
            return OnExisting.holdsRun(output) || Files.exists(output.resolve(RunAbout.FILE));
        } catch (IOException e) {
            // whoever writes there says what is wrong with it
            return false;
        }
    }

    /** Refuses a training in the directory of a comparison, whose settings it would write over. */
    public static void requireNoComparison(Path output) throws IOException {
        if (SummaryRule.exists(output) && !OnExisting.holdsRun(output)) {
            throw new ConfigException(
                    "output_dir " + output + " holds a comparison (loft compare), whose settings a run would"
                            + " write over: choose another directory");
        }
    }

    /**
     * Writes the files into a directory, each as a whole or not at all.
     *
     * @param complaint is told where a picture could not be drawn
     */
    public static void write(Path output, Summary summary, Consumer<String> complaint) throws IOException {
        Json.write(output.resolve("summary.json"), tree(summary));
        text(output.resolve("summary.csv"), csv(standings(summary)));
        text(output.resolve("runs.csv"), csv(runs(summary)));
        text(output.resolve("summary.txt"), SummaryTable.text(summary));
        text(output.resolve("summary.md"), SummaryTable.markdown(summary));
        text(output.resolve("summary.html"), SummaryPage.html(summary, pictures(output, summary, complaint)));
    }

    /** Draws the pictures, leaves each as a file, and returns them by what they show. */
    private static Map<String, byte[]> pictures(Path output, Summary summary, Consumer<String> complaint)
            throws IOException {
        SummaryCharts charts = new SummaryCharts(summary);
        Map<String, @Nullable Figure> figures = new LinkedHashMap<>();
        figures.put("ranks.png", charts.overRanks());
        figures.put("learning-rates.png", charts.learningRates());
        figures.put("learning-curves.png", charts.learningCurves());
        Map<String, byte[]> drawn = new LinkedHashMap<>();
        for (Map.Entry<String, @Nullable Figure> entry : figures.entrySet()) {
            Figure figure = entry.getValue();
            byte[] png = figure == null ? null : figure.draw(complaint);
            if (figure != null && png != null) {
                AtomicFiles.write(output.resolve(entry.getKey()), png);
                drawn.put(figure.described(), png);
            } else {
                // of runs that are not there any more, or of another view
                Files.deleteIfExists(output.resolve(entry.getKey()));
            }
        }
        return drawn;
    }

    private static void text(Path file, String content) throws IOException {
        AtomicFiles.write(file, content.getBytes(StandardCharsets.UTF_8));
    }

    /** The content of {@code summary.json}. */
    public static Map<String, Object> tree(Summary summary) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("metric", summary.metric());
        tree.put("sweep_seeds", summary.sweep());
        tree.put("folds", summary.folds());
        Contender baseline = summary.baseline().contender();
        tree.put("baseline", baseline == null ? null : baseline.name());
        tree.put("standings", standings(summary));
        tree.put("runs", runs(summary));
        return tree;
    }

    private static List<Map<String, @Nullable Object>> standings(Summary summary) {
        List<Map<String, @Nullable Object>> rows = new ArrayList<>();
        for (Standing standing : summary.standings()) {
            Map<String, @Nullable Object> row = new LinkedHashMap<>();
            row.put("contender", standing.entry().contender().name());
            row.put("title", standing.entry().contender().title());
            row.put("method", standing.entry().contender().method().word());
            row.put(
                    "rank",
                    standing.entry().rank() == 0 ? null : standing.entry().rank());
            row.put("learning_rate", standing.rate());
            row.put("rates_tried", standing.ratesTried());
            row.put("rate_is", standing.edge().name().toLowerCase(java.util.Locale.ROOT));
            row.put("seeds", standing.seeds().stream().map(String::valueOf).collect(Collectors.joining(" ")));
            if (summary.folds() > 0) {
                row.put("folds", standing.folds().stream().map(String::valueOf).collect(Collectors.joining(" ")));
                row.put("runs", standing.runs());
            }
            put(row, "validation_" + summary.metric(), standing.validation(), summary);
            put(row, "test_" + summary.metric(), standing.test(), summary);
            put(row, "test_" + summary.otherMetric(), standing.other(), summary);
            row.put("seconds", TrialResult.finite(standing.seconds().mean()));
            row.put("seconds_sd", TrialResult.finite(standing.seconds().deviation()));
            row.put("tokens_per_second", TrialResult.finite(standing.tokensPerSecond()));
            row.put("peak_resident_bytes", known(standing.peakBytes()));
            row.put("trainable_parameters", known(standing.trained()));
            Sample difference = standing.toBaseline();
            String to = "to_" + summary.baseline().asked();
            row.put(to, difference == null ? null : TrialResult.finite(difference.mean()));
            row.put(to + "_ci95", difference == null ? null : TrialResult.finite(difference.halfWidth()));
            row.put(to + "_pairs", difference == null ? 0 : difference.count());
            row.put("majority_class_runs", standing.collapsed());
            row.put("failed_runs", standing.failed());
            row.put("runs_without_score", standing.undefined());
            row.put("skipped_steps", standing.skipped());
            rows.add(row);
        }
        return rows;
    }

    /** Runs that failed tell no memory and no parameters, older ones no processes; few were interrupted. */
    private static @Nullable Long known(long count) {
        return count == 0 ? null : count;
    }

    private static void put(Map<String, @Nullable Object> row, String name, Sample sample, Summary summary) {
        row.put(name, TrialResult.finite(sample.mean()));
        row.put(name + "_sd", TrialResult.finite(sample.deviation()));
        if (summary.folds() > 0) {
            row.put(name + "_se", TrialResult.finite(sample.error()));
        }
    }

    private static List<Map<String, @Nullable Object>> runs(Summary summary) {
        TreeSet<String> ofValidation = new TreeSet<>();
        TreeSet<String> ofTest = new TreeSet<>();
        summary.results().forEach(result -> {
            ofValidation.addAll(result.validation().keySet());
            ofTest.addAll(result.test().keySet());
        });
        List<Map<String, @Nullable Object>> rows = new ArrayList<>();
        for (TrialResult result : summary.results()) {
            Trial trial = result.trial();
            Map<String, @Nullable Object> row = new LinkedHashMap<>();
            row.put("run", trial.name());
            row.put("contender", trial.contender().name());
            row.put("method", trial.contender().method().word());
            row.put("rank", trial.rank() == 0 ? null : trial.rank());
            row.put("learning_rate", trial.rate());
            row.put("seed", trial.seed());
            if (summary.folds() > 0) {
                row.put("fold", trial.fold());
            }
            ofValidation.forEach(score -> row.put("validation_" + score, TrialResult.finite(result.validation(score))));
            ofTest.forEach(score -> row.put("test_" + score, TrialResult.finite(result.test(score))));
            row.put("predicts_one_class", result.predictsOneClass());
            row.put("skipped_steps", result.skippedSteps());
            row.put("seconds", TrialResult.finite(result.cost().seconds()));
            row.put("wall_seconds", TrialResult.finite(result.cost().wallSeconds()));
            row.put("tokens_per_second", TrialResult.finite(result.cost().tokensPerSecond()));
            row.put("peak_resident_bytes", known(result.cost().peakBytes()));
            row.put("trainable_parameters", known(result.cost().trained()));
            row.put("processes", known(result.processes()));
            row.put("resumed_from", known(result.cost().resumedFrom()));
            row.put("failure", result.failure());
            rows.add(row);
        }
        return rows;
    }

    /** RFC 4180, the keys of the first row as heading. */
    private static String csv(List<Map<String, @Nullable Object>> rows) {
        if (rows.isEmpty()) {
            return "";
        }
        StringBuilder text = new StringBuilder(
                        rows.get(0).keySet().stream().map(SummaryFiles::cell).collect(Collectors.joining(",")))
                .append('\n');
        for (Map<String, @Nullable Object> row : rows) {
            text.append(row.values().stream().map(SummaryFiles::cell).collect(Collectors.joining(",")))
                    .append('\n');
        }
        return text.toString();
    }

    private static String cell(@Nullable Object value) {
        String text = value == null ? "" : value.toString();
        return text.matches("(?s).*[\",\r\n].*") ? '"' + text.replace("\"", "\"\"") + '"' : text;
    }
}
