package org.loft4j.cli.ui;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Rewards;
import org.loft4j.train.RunAbout;

/** What one run has to tell that was not told yet. Reads its directory, writes nothing there. */
final class RunFeed {
    /** The file that makes a directory one of a run. */
    static final String METRICS = "metrics.jsonl";

    /** The folder in which a comparison trains a trial. */
    static final String TRAINING = "training";

    private static final List<String> FILES = List.of(METRICS, "diagnostics.jsonl", "samples.jsonl");
    private static final List<String> PRIVATE = List.of("host", "pid", "process_started", "process_mark");

    private static final String PLACE = "output_dir";
    private static final int LINES_AN_EVENT = 2000;
    private static final long LARGEST_SETTINGS = 1 << 20;
    private static final Pattern COMMENT = Pattern.compile("(?m)^# (?=\\w+: )");

    private final Path directory;
    private final RunNames.Name name;
    private final Map<String, LineTail> tails = new LinkedHashMap<>();
    private final LineTail completions;
    private final ShownAnswers answers = new ShownAnswers();
    private final ParsedFile aboutFile;
    private final ParsedFile stateFile;
    private final ParsedFile settingsFile;
    private final Map<String, @Nullable Object> described = new LinkedHashMap<>();
    // files of which the page has lines
    private final Set<String> shown = new HashSet<>();
    private RunStatus status = RunStatus.UNKNOWN;
    private String told = "";
    private String started = "";
    private long lines;

    /**
     * @param name by which the page knows the run; where a run lies and whose machine it is are nobody's business who is sent a
     *     report
     */
    RunFeed(Path directory, RunNames.Name name) {
        this.directory = directory;
        this.name = name;
        this.aboutFile = new ParsedFile(
                directory.resolve(RunAbout.FILE), file -> Json.read(file).toTree());
        this.stateFile = new ParsedFile(directory.resolve("trainer_state.json"), RunFeed::state);
        this.settingsFile = new ParsedFile(directory.resolve("config.yaml"), RunFeed::settings);
        FILES.forEach(file -> tails.put(file, new LineTail(directory.resolve(file))));
        this.completions = new LineTail(directory.resolve(Rewards.COMPLETIONS));
    }

    /** What is told of the trainer's state, which holds all that was logged as well. */
    private static JsonNode state(Path file) throws IOException {
        JsonNode whole = Json.read(file).toTree();
        ObjectNode kept = JsonNodeFactory.instance.objectNode();
        for (String key : List.of("finished", "plan")) {
            if (whole.has(key)) {
                kept.set(key, whole.get(key));
            }
        }
        return kept;
    }

    /** What the call left open is in comments. */
    private static JsonNode settings(Path file) throws IOException {
        return Files.size(file) > LARGEST_SETTINGS
                ? NullNode.getInstance()
                : new YAMLMapper()
                        .readTree(COMMENT.matcher(Files.readString(file)).replaceAll(""));
    }

    /** Whether its folder is no longer there; that of a trial goes when the trial is over, which leaves a result behind. */
    boolean isGone() {
        return Files.notExists(directory) && !(directory.endsWith(TRAINING) && Files.exists(trial()));
    }

    private Path trial() {
        return directory.resolveSibling("result.json");
    }

    /** That there is nothing more to be shown of the run. */
    UiEvent gone() throws IOException {
        return new UiEvent("gone", Json.text(Map.of("id", name.id())));
    }

    /** Whether files hold more than the last poll has told. */
    boolean isBehind() {
        return tails.values().stream().anyMatch(LineTail::isBehind);
    }

    /** What is new, of a long file a part; nothing at all when nothing is. A fault of reading is left to the next look, and to the files it concerns. */
    List<UiEvent> poll() throws IOException {
        Instant written;
        try {
            written = Files.getLastModifiedTime(directory.resolve(METRICS)).toInstant();
        } catch (IOException e) {
            return over();
        }
        List<UiEvent> events = new ArrayList<>();
        JsonNode about = aboutFile.tree();
        if (about == null && !started.isEmpty()) {
            // on its way out
            return over();
        }
        String startedNow = about == null ? "" : about.path("started").asText("");
        if (!startedNow.equals(started)) {
            // the run was taken up again or begun anew: its files may have been cut
            started = startedNow;
            tails.values().forEach(LineTail::rewind);
            completions.rewind();
        }
        List<UiEvent> news = new ArrayList<>();
        for (Map.Entry<String, LineTail> tail : tails.entrySet()) {
            LineTail.News next = tail.getValue().next();
            List<JsonNode> parsed = next.lines().stream()
                    .map(this::parsed)
                    .filter(Objects::nonNull)
                    .toList();
            if (tail.getKey().equals(METRICS)) {
                // those of this process: of the time before it nobody knows how long it was
                long first = about == null ? 0 : about.path("first_step").asLong(0);
                lines = (next.fromStart() ? 0 : lines)
                        + parsed.stream()
                                .filter(line -> line.path("step").asLong(0) > first)
                                .count();
            }
            addNews(news, tail.getKey(), parsed, next);
        }
        addAnswers(news);
        describe(about, written);
        tell(events);
        events.addAll(news);
        return events;
    }

    /** How the run stands, where that was not told yet. */
    private void tell(List<UiEvent> events) throws IOException {
        String now = Json.text(described);
        if (!now.equals(told)) {
            told = now;
            events.add(new UiEvent("run", now));
        }
    }

    /** What was told of a run whose files have gone, with its end: a comparison clears the folder of a trial that is over. */
    private List<UiEvent> over() throws IOException {
        List<UiEvent> events = new ArrayList<>();
        if (status == RunStatus.RUNNING || status == RunStatus.QUIET) {
            status = RunStatus.ofTrial(trial());
            described.put("status", status.name().toLowerCase(Locale.ROOT));
            described.remove("last_write");
            tell(events);
        }
        return events;
    }

    /** What a look at a file has found; that none are left of those that were told is told once. */
    private void addNews(List<UiEvent> events, String file, List<JsonNode> lines, LineTail.News look)
            throws IOException {
        if (!look.lines().isEmpty()) {
            shown.add(file);
            addLines(events, file, lines, look.fromStart());
        } else if (look.fromStart() && shown.remove(file)) {
            addLines(events, file, List.of(), true);
        }
    }

    /** In one event at least: that lines replace those before is told of none too. */
    private void addLines(List<UiEvent> events, String file, List<JsonNode> lines, boolean replaces)
            throws IOException {
        for (int from = 0; from == 0 || from < lines.size(); from += LINES_AN_EVENT) {
            Map<String, Object> data = new LinkedHashMap<>();
            data.put("id", name.id());
            data.put("file", file.substring(0, file.indexOf('.')));
            data.put("from_start", replaces && from == 0);
            data.put("lines", lines.subList(from, Math.min(lines.size(), from + LINES_AN_EVENT)));
            events.add(new UiEvent("lines", Json.text(data)));
        }
    }

    /** Of a file of any length: what the page gets of it is bounded. */
    private void addAnswers(List<UiEvent> events) throws IOException {
        boolean anew = false;
        boolean any = false;
        LineTail.News next = completions.next();
        if (next.lines().isEmpty()) {
            if (next.fromStart()) {
                answers.clear();
            }
            addNews(events, Rewards.COMPLETIONS, List.of(), next);
        }
        for (; !next.lines().isEmpty(); next = completions.next()) {
            if (next.fromStart()) {
                answers.clear();
                anew = true;
            }
            next.lines().stream().map(this::parsed).filter(Objects::nonNull).forEach(answers::add);
            any = true;
        }
        if (any) {
            ShownAnswers.News news = answers.news();
            shown.add(Rewards.COMPLETIONS);
            addLines(events, Rewards.COMPLETIONS, news.steps(), anew || news.all());
        }
    }

    private @Nullable JsonNode parsed(String line) {
        try {
            return Json.parse(directory, line).toTree();
        } catch (CheckpointException e) {
            return null;
        }
    }

    private void describe(@Nullable JsonNode about, Instant written) {
        described.clear();
        described.put("id", name.id());
        described.put("name", name.id());
        described.put("colour", name.number());
        described.put("smaller_is_better", Evaluation.ERRORS.stream().sorted().toList());
        JsonNode state = stateFile.tree();
        status = RunStatus.of(about, state, written, age(about, written).dividedBy(Math.max(1, lines)));
        described.put("status", status.name().toLowerCase(Locale.ROOT));
        if (status == RunStatus.QUIET || status == RunStatus.STOPPED) {
            described.put("last_write", written.toString());
        }
        described.put("about", about instanceof ObjectNode all ? all.deepCopy().remove(PRIVATE) : about);
        // what loft train wrote down, else the plan of the trainer's state
        JsonNode settings = settingsFile.tree();
        JsonNode shown = settings != null || state == null ? settings : state.get("plan");
        // the place of the run is nobody's business
        described.put(
                "settings", shown instanceof ObjectNode all ? all.deepCopy().without(PLACE) : shown);
    }

    private Duration age(@Nullable JsonNode about, Instant written) {
        try {
            return about == null || started.isEmpty()
                    ? Duration.ZERO
                    : Duration.between(Instant.parse(started), written);
        } catch (DateTimeException e) {
            return Duration.ZERO;
        }
    }
}
