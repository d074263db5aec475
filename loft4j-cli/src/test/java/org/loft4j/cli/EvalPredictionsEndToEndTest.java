package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code eval --predictions} writes of a language model, and what it refuses; the other tasks' tests look at theirs. */
class EvalPredictionsEndToEndTest {
    private static final String STORIES = Fixtures.of("stories260K").toString();

    @TempDir
    Path folder;

    @Test
    void textsAndPromptsHaveTheirLossAndTokens() throws IOException {
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"prompt\": \"Once upon a\", \"completion\": \" time there was a little girl\"}\n\n"
                        + "{\"prompt\": \"Once upon a\", \"completion\": \" zz qq xx\\tkk\"}\n");
        Path file = folder.resolve("new/told.jsonl");
        Captured call = Captured.loft(
                "eval", "--model", STORIES, "--data", rows.toString(), "--predictions", file.toString(), "--json");
        assertEquals(0, call.status(), call.err());
        List<JsonNode> told = ToldRows.of(file, new ObjectMapper().readTree(call.out()), "tokens");
        assertEquals(rows.toString(), told.get(0).get("file").asText());
        assertEquals(1, told.get(0).get("line").asInt());
        assertEquals(3, told.get(1).get("line").asInt());
        assertEquals(" zz qq xx\tkk", told.get(1).get("completion").asText());
        assertTrue(told.get(1).get("loss").asDouble() > told.get(0).get("loss").asDouble(), told.toString());

        Captured plain = Captured.loft("eval", "--model", STORIES, "--data", rows.toString());
        String[] again = {"eval", "--model", STORIES, "--data", rows.toString(), "--predictions", file.toString()};
        Captured kept = Captured.loft(again);
        assertEquals(2, kept.status());
        assertTrue(kept.err().contains("exists: choose another file, or --overwrite"), kept.err());
        Captured shown = Captured.loft(
                Stream.concat(Stream.of(again), Stream.of("--overwrite")).toArray(String[]::new));
        assertEquals(0, shown.status(), shown.err());
        assertFalse(plain.out().contains("least likely"), plain.out());
        List<String> lines = shown.out().lines().toList();
        int head = lines.indexOf("The 2 rows of 2 that the model finds least likely:");
        assertTrue(head > 0, shown.out());
        assertTrue(lines.stream().skip(head).anyMatch(line -> line.contains("line 3") && line.contains("Once upon a")));
    }

    @Test
    void aConversationOfSeveralExamplesIsOneRow() throws IOException {
        Path rows = Files.writeString(
                folder.resolve("chats.jsonl"),
                "{\"messages\": [{\"role\": \"user\", \"content\": \"Tim\"}, {\"role\": \"assistant\", \"content\": \"ran\"},"
                        + " {\"role\": \"user\", \"content\": \"Lily\"}, {\"role\": \"assistant\", \"content\": \"sat\"}]}\n");
        Path template = Files.writeString(
                folder.resolve("template.jinja"),
                // an earlier answer is written otherwise than it is asked for
                "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' and not loop.last %}[{{ m.content }}]"
                        + "{% else %}{{ m.content }}{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}");
        Path file = folder.resolve("told.jsonl");
        Captured call = Captured.loft(
                "eval",
                "--model",
                STORIES,
                "--data",
                rows.toString(),
                "--chat-template",
                template.toString(),
                "--predictions",
                file.toString(),
                "--json");
        assertEquals(0, call.status(), call.err());
        List<JsonNode> told = ToldRows.of(file, new ObjectMapper().readTree(call.out()), "tokens");
        assertEquals(4, told.get(0).get("messages").size());
    }

    @Test
    void whereNoRowHasALossOfItsOwnItIsRefused() throws IOException {
        Path matches = Files.writeString(
                folder.resolve("matches.jsonl"), "{\"anchor\": \"a ball\", \"positive\": \"a red ball\"}\n".repeat(2));
        Path prompts =
                Files.writeString(folder.resolve("prompts.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n");
        Path judged = Files.writeString(
                folder.resolve("judged.jsonl"), "{\"prompt\": \"a\", \"completion\": \" b\", \"label\": true}\n");
        String encoder = TinyModels.encoder(folder.resolve("model")).toString();
        refused(
                "--predictions and sentence embeddings exclude each other",
                "--model",
                encoder,
                "--data",
                matches.toString());
        refused(
                "--predictions and --reward exclude each other",
                "--model",
                STORIES,
                "--data",
                prompts.toString(),
                "--reward",
                "exact");
        refused(
                "--predictions and answers judged one by one exclude each other",
                "--model",
                STORIES,
                "--data",
                judged.toString());
        Captured call = Captured.loft(
                "eval", "--model", STORIES, "--data", prompts.toString(), "--predictions", folder.toString());
        assertEquals(2, call.status());
        assertTrue(call.err().contains("is a folder: name a file"), call.err());
        call = Captured.loft(
                "eval", "--model", STORIES, "--data", prompts.toString(), "--predictions", folder + "/judged.CSV");
        assertEquals(2, call.status());
        assertTrue(
                call.err().contains("would hold lines of JSON, and no .csv: let its name end in .jsonl"), call.err());
    }

    @Test
    void whatMustNotBeReplacedAndWhatCannotBeMadeIsRefusedAtOnce() throws IOException {
        Path rows = TinyModels.colours(folder.resolve("rows.csv"), 4);
        Path model = TinyModels.encoder(folder.resolve("model"));
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("nowhere"));
        String before = Files.readString(model.resolve("config.json"));
        Map.of(
                        rows.toString(),
                        "is one of the files of --data",
                        model.resolve("config.json").toString(),
                        "lies in the directory of the model",
                        model.resolve("new/told.jsonl").toString(),
                        "lies in the directory of the model",
                        link.toString(),
                        "is no file, but a link or a device",
                        rows.resolve("told.jsonl").toString(),
                        "is no folder",
                        folder.resolve("told") + "/",
                        "is a folder",
                        "",
                        "a file must have a name")
                .forEach((file, words) -> {
                    for (String data : List.of(rows.toString(), folder + "/*.csv")) {
                        Captured call = Captured.loft(
                                "eval",
                                "--model",
                                model.toString(),
                                "--data",
                                data,
                                "--predictions",
                                file,
                                "--overwrite");
                        assertEquals(2, call.status(), file);
                        assertTrue(call.err().contains(words), call.err());
                    }
                });
        assertEquals(before, Files.readString(model.resolve("config.json")));
        assertTrue(Files.isSymbolicLink(link));
    }

    private void refused(String words, String... call) {
        Path file = folder.resolve("none.jsonl");
        String[] all = Stream.concat(Stream.of("eval", "--predictions", file.toString()), Arrays.stream(call))
                .toArray(String[]::new);
        Captured captured = Captured.loft(all);
        assertEquals(2, captured.status(), captured.err());
        assertTrue(captured.err().contains(words), captured.err());
        assertFalse(Files.exists(file));
    }
}
