package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShownAnswersTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static JsonNode line(long step, boolean eval, String prompt, String completion) {
        return JSON.valueToTree(Map.of(
                "step", step, "eval", eval, "prompt", prompt, "completion", completion, "reward", 0.5, "ended", true));
    }

    private static List<Long> steps(ShownAnswers.News news) {
        return news.steps().stream().map(step -> step.get("step").asLong()).toList();
    }

    /** What a page knows that hears of every step by itself must be what one knows that hears of all at once. */
    @Test
    void aLongRunIsShownByEvenlySpacedStepsAndTheLatest() {
        ShownAnswers all = new ShownAnswers();
        ShownAnswers each = new ShownAnswers();
        Map<Long, Boolean> page = new TreeMap<>();
        for (long step = 10; step <= 1230; step += 10) {
            all.add(line(step, false, "p", "c"));
            each.add(line(step, false, "p", "c"));
            ShownAnswers.News news = each.news();
            if (news.all()) {
                page.clear();
            }
            page.values().removeIf(passing -> passing);
            news.steps().forEach(one -> page.put(one.get("step").asLong(), one.has("passing")));
            assertTrue(page.size() <= ShownAnswers.STEPS + 1, page::toString);
            assertTrue(page.containsKey(10L) && page.containsKey(step), page::toString);
        }
        List<Long> expected = new ArrayList<>();
        for (long step = 10; step <= 1230; step += 40) {
            expected.add(step);
        }
        expected.add(1230L);
        assertEquals(expected, List.copyOf(page.keySet()));
        ShownAnswers.News atOnce = all.news();
        assertTrue(atOnce.all());
        assertEquals(expected, steps(atOnce));
        assertEquals(List.of(), all.news().steps());
        assertFalse(all.news().all());
    }

    @Test
    void ofAStepTheFirstAnswersAreShownAndOfALongTextItsBeginning() {
        ShownAnswers answers = new ShownAnswers();
        String face = "\uD83D\uDE00";
        String longText = "x".repeat(ShownAnswers.LENGTH - 1) + face + "end";
        answers.add(line(3, true, "short", longText));
        assertEquals(1, answers.news().steps().get(0).get("answers").size());
        for (int i = 0; i < 20; i++) {
            answers.add(line(3, true, "short", longText));
        }
        answers.add(line(4, false, "other", "c"));
        ShownAnswers.News news = answers.news();
        assertEquals(List.of(4L, 3L), steps(news));
        JsonNode held = news.steps().get(1);
        assertTrue(held.get("eval").asBoolean());
        assertEquals(21, held.get("count").asInt());
        assertEquals(ShownAnswers.ANSWERS, held.get("answers").size());
        JsonNode answer = held.get("answers").get(0);
        assertEquals(
                "x".repeat(ShownAnswers.LENGTH - 1) + "…",
                answer.get("completion").asText());
        assertEquals("short", answer.get("prompt").asText());
        assertEquals(0.5, answer.get("reward").asDouble());
        assertFalse(answer.has("step"));
    }

    /** Prompts that begin alike are one prompt where a page has their beginnings alone; evaluations ask each prompt once. */
    @Test
    void answersToOnePromptAreOfOneGroup() {
        ShownAnswers answers = new ShownAnswers();
        String beginning = "x".repeat(ShownAnswers.LENGTH);
        for (boolean eval : new boolean[] {false, true}) {
            for (String end : List.of("1", "1", "2", "1")) {
                answers.add(line(3, eval, beginning + end, "c"));
            }
        }
        List<List<Integer>> groups = new ArrayList<>();
        for (JsonNode step : answers.news().steps()) {
            List<Integer> each = new ArrayList<>();
            step.get("answers").forEach(answer -> each.add(answer.get("group").asInt()));
            groups.add(each);
        }
        assertEquals(List.of(List.of(0, 0, 1, 2), List.of(0, 1, 2, 3)), groups);
    }

    /** A run that goes on drops what came behind its checkpoint and writes it again. */
    @Test
    void aFileThatIsCutIsReadAnew(@TempDir Path directory) throws IOException {
        RunFolder run = RunFolder.create(directory, 20);
        run.train(1, 2);
        RunFeed feed = new RunFeed(directory, new RunNames.Name("run", 0));
        String first = line(1, false, "p", "one") + "\nno JSON\n";
        run.append(
                "completions.jsonl", first + line(2, false, "p", "two") + "\n" + line(3, false, "p", "three") + "\n");
        assertEquals("true 1 one 2 two 3 three", told(feed.poll()));
        assertEquals("", told(feed.poll()));
        run.append("completions.jsonl", line(3, false, "q", "more") + "\n");
        assertEquals("false 3 three more", told(feed.poll()));
        Files.writeString(directory.resolve("completions.jsonl"), first);
        assertEquals("true 1 one", told(feed.poll()));
        // another run in the same place that keeps no answers
        Files.delete(directory.resolve("completions.jsonl"));
        run.about(20, null, 0);
        assertEquals("true", told(feed.poll()));
        assertEquals("", told(feed.poll()));
        run.append("completions.jsonl", line(1, false, "p", "new") + "\n");
        assertEquals("true 1 new", told(feed.poll()));
    }

    /** Whether the lines replace all before, and of each step its answers. */
    private static String told(List<UiEvent> events) throws IOException {
        StringBuilder told = new StringBuilder();
        for (UiEvent event : events) {
            JsonNode data = JSON.readTree(event.data());
            if (data.path("file").asText().equals("completions")) {
                told.append(data.get("from_start").asBoolean());
                for (JsonNode step : data.get("lines")) {
                    told.append(' ').append(step.get("step").asLong());
                    step.get("answers")
                            .forEach(answer -> told.append(' ')
                                    .append(answer.get("completion").asText()));
                }
            }
        }
        return told.toString();
    }
}
