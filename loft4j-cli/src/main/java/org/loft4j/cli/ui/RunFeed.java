package org.loft4j.cli.ui;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.train.RunAbout;

/** What one run has to tell that was not told yet. Reads its directory, writes nothing there. */
final class RunFeed {
    /** The file that makes a directory one of a run. */
    static final String METRICS = "metrics.jsonl";

    private static final List<String> FILES = List.of(METRICS, "diagnostics.jsonl", "samples.jsonl");
    private static final int LINES_AN_EVENT = 2000;
    private static final long LARGEST_SETTINGS = 1 << 20;

    private final Path directory;
    private final String name;
    private final Map<String, LineTail> tails = new LinkedHashMap<>();
    private String told = "";
    private String started = "";
    private long lines;

    RunFeed(Path directory, String name) {
        this.directory = directory;
        this.name = name;
        FILES.forEach(file -> tails.put(file, new LineTail(directory.resolve(file))));
    }

    /** What is new; nothing at all when nothing is. A fault of reading is left to the next look. */
    List<UiEvent> poll() throws IOException {
        List<UiEvent> events = new ArrayList<>();
        JsonNode about = tree(directory.resolve(RunAbout.FILE));
        String startedNow = about == null ? "" : about.path("started").asText("");
        if (!startedNow.equals(started)) {
            // the run was taken up again or begun anew: its files may have been cut
            started = startedNow;
            tails.values().forEach(LineTail::rewind);
        }
        List<UiEvent> news = new ArrayList<>();
        for (Map.Entry<String, LineTail> tail : tails.entrySet()) {
            LineTail.News next = tail.getValue().next();
            if (tail.getKey().equals(METRICS)) {
                lines = next.fromStart()
                        ? next.lines().size()
                        : lines + next.lines().size();
            }
            addLines(news, tail.getKey(), next);
        }
        String now = described(about);
        if (!now.equals(told)) {
            told = now;
            events.add(new UiEvent("run", now));
        }
        events.addAll(news);
        return events;
    }

    private void addLines(List<UiEvent> events, String file, LineTail.News news) throws IOException {
        boolean fromStart = news.fromStart();
        for (int from = 0; from < news.lines().size(); from += LINES_AN_EVENT) {
            List<String> some = news.lines().subList(from, Math.min(news.lines().size(), from + LINES_AN_EVENT));
            Map<String, Object> data = new LinkedHashMap<>();
            data.put("id", id());
            data.put("file", file.substring(0, file.indexOf('.')));
            data.put("from_start", fromStart);
            data.put(
                    "lines",
                    some.stream().map(this::parsed).filter(Objects::nonNull).toList());
            events.add(new UiEvent("lines", Json.text(data)));
            fromStart = false;
        }
    }

    private @Nullable JsonNode parsed(String line) {
        try {
            return Json.parse(directory, line).toTree();
        } catch (CheckpointException e) {
            return null;
        }
    }

    private String id() {
        return directory.toAbsolutePath().normalize().toString();
    }

    private String described(@Nullable JsonNode about) throws IOException {
        Map<String, Object> run = new LinkedHashMap<>();
        run.put("id", id());
        run.put("name", name);
        Instant written = Files.getLastModifiedTime(directory.resolve(METRICS)).toInstant();
        Duration age =
                about == null || started.isEmpty() ? Duration.ZERO : Duration.between(Instant.parse(started), written);
        RunStatus status = RunStatus.of(directory, about, written, age.dividedBy(Math.max(1, lines)));
        run.put("status", status.name().toLowerCase(Locale.ROOT));
        if (status == RunStatus.QUIET || status == RunStatus.STOPPED) {
            run.put("last_write", written.toString());
        }
        run.put("about", about);
        run.put("settings", settings());
        return Json.text(run);
    }

    /** What {@code loft train} wrote down, else the plan of the trainer's state. */
    private @Nullable JsonNode settings() {
        Path written = directory.resolve("config.yaml");
        try {
            BasicFileAttributes attributes = Files.readAttributes(written, BasicFileAttributes.class);
            return attributes.size() > LARGEST_SETTINGS ? null : new YAMLMapper().readTree(Files.readString(written));
        } catch (IOException e) {
            JsonNode state = tree(directory.resolve("trainer_state.json"));
            return state == null ? null : state.get("plan");
        }
    }

    private static @Nullable JsonNode tree(Path file) {
        try {
            return Files.isRegularFile(file) ? Json.read(file).toTree() : null;
        } catch (CheckpointException e) {
            return null;
        }
    }
}
