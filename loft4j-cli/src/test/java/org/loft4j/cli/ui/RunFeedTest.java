package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.Json;

class RunFeedTest {
    private static final RunNames.Name NAME = new RunNames.Name("run", 0);

    @TempDir
    Path directory;

    /** A run that takes five minutes for a line, taken up again after a thousand lines: three minutes of silence are no news. */
    @Test
    void theLinesBeforeAResumeAreNotOfThisProcess() throws IOException {
        RunFolder run = RunFolder.create(directory, 2000);
        Map<String, Object> about = new LinkedHashMap<>();
        about.put("total_steps", 2000);
        about.put("first_step", 1000);
        about.put("started", Instant.now().minus(Duration.ofMinutes(13)).toString());
        about.put("pid", ProcessHandle.current().pid());
        Json.write(directory.resolve("run.json"), about);
        run.train(1, 1000);
        run.train(1001, 1002);
        Files.setLastModifiedTime(
                directory.resolve("metrics.jsonl"), FileTime.from(Instant.now().minus(Duration.ofMinutes(3))));
        JsonNode described = new ObjectMapper()
                .readTree(new RunFeed(directory, NAME).poll().get(0).data());
        assertEquals("running", described.get("status").asText());
        // the page has no list of its own by which it looks for the best
        assertEquals(
                "[\"kl\",\"loss\",\"mse\",\"perplexity\",\"reward_rejected\"]",
                described.get("smaller_is_better").toString());
    }

    /** Whatever the order of the file system, and each once; of one name in two folders they are told apart. */
    @Test
    void runsComeByTheirNamesAndOnce() throws IOException {
        Path one = directory.resolve("one");
        for (String name : List.of("c", "a", "checkpoint-study", "b/checkpoint-10")) {
            RunFolder.create(one.resolve(name), 10).train(1, 2);
        }
        Path two = directory.resolve("two");
        RunFolder.create(two.resolve("a"), 10).train(1, 2);
        assertEquals(List.of("a", "c", "checkpoint-study", "two/a"), names(one, two, one.resolve("c"), one));
    }

    private static List<String> names(Path... roots) throws IOException {
        List<String> names = new ArrayList<>();
        for (UiEvent event : poll(new Feed(List.of(roots), new RunNames()))) {
            if (event.name().equals("run")) {
                names.add(new ObjectMapper().readTree(event.data()).get("name").asText());
            }
        }
        return names;
    }

    /** A folder of runs is often a link to another disk. */
    @Test
    void linksToRunsAreFollowed() throws IOException {
        Path run = directory.resolve("disk/run");
        RunFolder.create(run, 10).train(1, 9);
        Path root = Files.createSymbolicLink(directory.resolve("runs"), directory.resolve("disk"));
        Files.createSymbolicLink(directory.resolve("disk/round"), directory.resolve("disk"));
        assertFalse(poll(new Feed(List.of(root), new RunNames())).isEmpty());
        Path one = Files.createSymbolicLink(directory.resolve("one"), run);
        assertFalse(poll(new Feed(List.of(one), new RunNames())).isEmpty());
        // a run that is a link itself, and data beside it that hold one
        Path other = Files.createDirectories(directory.resolve("other"));
        Files.createSymbolicLink(other.resolve("data"), directory.resolve("disk"));
        assertTrue(poll(new Feed(List.of(other), new RunNames())).isEmpty());
        Files.createSymbolicLink(other.resolve("run"), run);
        assertFalse(poll(new Feed(List.of(other), new RunNames())).isEmpty());
    }

    /** {@code loft compare} clears the folder of a trial as soon as that is over, faster than anybody looks. */
    @ParameterizedTest
    @CsvSource({"{},finished", "{\"failure\":null},finished", "{\"failure\":\"not finite\"},diverged", ",stopped"})
    void aTrialWhoseFolderIsClearedIsOver(@Nullable String result, String status) throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("trial/training"), 10);
        run.train(1, 9);
        Feed feed = new Feed(List.of(directory), new RunNames());
        JsonNode before = described(poll(feed));
        assertEquals("running", before.get("status").asText());
        if (result != null) {
            Files.writeString(directory.resolve("trial/result.json"), result);
        }
        Files.delete(run.directory().resolve("run.json"));
        assertEquals(status, described(poll(feed)).get("status").asText());
        Files.delete(run.directory().resolve("metrics.jsonl"));
        assertEquals(List.of(), poll(feed));
        run.about(10, null, 0);
        run.train(1, 2);
        JsonNode again = described(poll(feed));
        assertEquals("running", again.get("status").asText());
        Files.delete(run.directory().resolve("metrics.jsonl"));
        JsonNode after = described(poll(feed));
        assertEquals(status, after.get("status").asText());
        assertEquals(again.get("about"), after.get("about"));
        assertEquals(before.get("settings"), after.get("settings"));
        assertEquals(List.of(), poll(feed));
    }

    private static List<UiEvent> poll(Feed feed) throws IOException {
        List<UiEvent> events = new ArrayList<>();
        feed.poll(events::add);
        return events;
    }

    private static JsonNode described(List<UiEvent> events) throws IOException {
        UiEvent event = events.stream()
                .filter(one -> one.name().equals("run"))
                .findFirst()
                .orElseThrow();
        return new ObjectMapper().readTree(event.data());
    }

    @Test
    void aRunWhoseFolderIsDeletedIsGoneAndComesBackEmpty() throws Exception {
        RunFolder.create(directory.resolve("a"), 10).train(1, 2);
        RunFolder run = RunFolder.create(directory.resolve("b"), 10);
        run.train(1, 9);
        run.append("samples.jsonl", "{\"step\":9,\"prompt\":\"p\",\"text\":\"t\"}\n");
        Feed feed = new Feed(List.of(directory), new RunNames());
        assertEquals(5, poll(feed).size());
        delete(run.directory());
        assertEquals(List.of(new UiEvent("gone", "{\"id\":\"b\"}")), poll(feed));
        assertEquals(List.of(), poll(feed));

        RunFolder.create(directory.resolve("b"), 10).train(1, 3);
        List<UiEvent> back = poll(feed);
        while (back.isEmpty()) {
            Thread.sleep(50);
            back = poll(feed);
        }
        assertEquals(List.of("run", "lines"), back.stream().map(UiEvent::name).toList());
        JsonNode described = new ObjectMapper().readTree(back.get(0).data());
        assertEquals("b", described.get("id").asText());
        assertEquals(1, described.get("colour").asInt());
        assertEquals(
                3, new ObjectMapper().readTree(back.get(1).data()).get("lines").size());
    }

    /** Its result says how it ended, for as long as that is there. */
    @Test
    void aTrialThatIsOverIsNotGone() throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("trial/training"), 10);
        run.train(1, 9);
        Feed feed = new Feed(List.of(directory), new RunNames());
        poll(feed);
        Path result = Files.writeString(directory.resolve("trial/result.json"), "{}");
        delete(run.directory());
        assertEquals("finished", described(poll(feed)).get("status").asText());
        assertEquals(List.of(), poll(feed));
        Files.delete(result);
        assertEquals(List.of(new UiEvent("gone", "{\"id\":\"trial\"}")), poll(feed));
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }

    /** To someone who comes later, or again, the order in which runs are found is another one. */
    @Test
    void aRunKeepsItsNameAndColour() throws IOException {
        Path one = directory.resolve("one");
        Path two = directory.resolve("two");
        RunFolder.create(two.resolve("b"), 10).train(1, 2);
        RunNames names = new RunNames();
        List<Path> roots = List.of(one, two);
        assertEquals("b 0", shown(new Feed(roots, names)));
        RunFolder.create(one.resolve("b"), 10).train(1, 2);
        RunFolder.create(one.resolve("a"), 10).train(1, 2);
        assertEquals("a 1, one/b 2, b 0", shown(new Feed(roots, names)));
        assertEquals("a 0, b 1, two/b 2", shown(new Feed(roots, new RunNames())));
    }

    private static String shown(Feed feed) throws IOException {
        List<String> shown = new ArrayList<>();
        for (UiEvent event : poll(feed)) {
            if (event.name().equals("run")) {
                JsonNode described = new ObjectMapper().readTree(event.data());
                shown.add(described.get("id").asText() + " " + described.get("colour"));
            }
        }
        return String.join(", ", shown);
    }

    /** Of a long file little is held while a browser takes it. */
    @Test
    void aLongFileIsToldInParts() throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("run"), 100_000);
        run.train(1, 50_000);
        RunFeed part = new RunFeed(run.directory(), NAME);
        long held = 0;
        for (UiEvent event : part.poll()) {
            held += event.data().length();
        }
        assertTrue(Files.size(run.directory().resolve("metrics.jsonl")) > 5 << 20);
        assertTrue(held < 1 << 20, held + " characters");
        assertTrue(part.isBehind());
        int lines = 0;
        for (UiEvent event : poll(new Feed(List.of(directory), new RunNames()))) {
            lines += new ObjectMapper().readTree(event.data()).path("lines").size();
        }
        assertEquals(50_000, lines);
    }

    @Test
    void aRunThatCannotBeReadStopsNoOther() throws IOException {
        RunFolder first = RunFolder.create(directory.resolve("first"), 10);
        first.train(1, 2);
        Files.createDirectories(directory.resolve("first/samples.jsonl/x"));
        Files.writeString(directory.resolve("first/run.json"), "{\"started\":\"yesterday\"}");
        RunFolder.create(directory.resolve("second"), 10).train(1, 3);
        Feed feed = new Feed(List.of(directory), new RunNames());
        List<String> told =
                poll(feed).stream().map(event -> event.name() + event.data()).toList();
        for (String run : List.of("first", "second")) {
            for (String name : List.of("run", "lines")) {
                assertTrue(
                        told.stream().anyMatch(text -> text.startsWith(name) && text.contains('"' + run + '"')),
                        run + " in " + told);
            }
        }
        assertEquals(List.of(), poll(feed));
    }

    @Test
    void whatACallLeftOpenIsASettingToo() throws IOException {
        RunFolder run = RunFolder.create(directory, 20);
        run.train(1, 2);
        Files.writeString(
                directory.resolve("config.yaml"),
                "method: loft\nr: 4\n# left open by the call:\n# learning_rate: 3.0E-4\n# chat: false\n");
        JsonNode settings = new ObjectMapper()
                .readTree(new RunFeed(directory, NAME).poll().get(0).data())
                .get("settings");
        assertEquals(4, settings.size(), settings.toString());
        assertEquals(3e-4, settings.get("learning_rate").asDouble());
    }

    @Test
    void aFileIsParsedAgainWhenItHasChanged() throws IOException {
        Path file = directory.resolve("trainer_state.json");
        AtomicInteger times = new AtomicInteger();
        ParsedFile parsed = new ParsedFile(file, path -> {
            times.incrementAndGet();
            return TextNode.valueOf(Files.readString(path));
        });
        assertNull(parsed.tree());
        Files.writeString(file, "a");
        FileTime time = Files.getLastModifiedTime(file);
        assertEquals("a", parsed.tree().asText());
        assertEquals("a", parsed.tree().asText());
        assertEquals(1, times.get());
        Files.writeString(file, "bc");
        Files.setLastModifiedTime(file, time);
        assertEquals("bc", parsed.tree().asText(), "another size");
        Files.writeString(file, "de");
        Files.setLastModifiedTime(file, FileTime.from(time.toInstant().plusSeconds(1)));
        assertEquals("de", parsed.tree().asText(), "another time");
        assertEquals(3, times.get());
        Files.delete(file);
        assertNull(parsed.tree());
    }
}
