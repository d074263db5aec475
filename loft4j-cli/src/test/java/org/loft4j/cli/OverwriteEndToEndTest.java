package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is kept of a run where the next one in its place cannot start, and what does not keep one from starting. */
class OverwriteEndToEndTest {
    @TempDir
    Path folder;

    private Path data;
    private Path run;

    @BeforeEach
    void aRunIsThere() throws IOException {
        data = Files.writeString(
                folder.resolve("tales.jsonl"), "{\"text\": \"Once upon a time, there was a pirate.\"}\n".repeat(16));
        run = folder.resolve("run");
        Captured call = train();
        assertEquals(0, call.status(), call.err());
    }

    private Captured train(String... more) {
        List<String> call = new ArrayList<>(List.of("train", "--data", data.toString()));
        if (!List.of(more).contains("--model")) {
            call.addAll(List.of("--model", Fixtures.of("stories260K").toString()));
        }
        call.addAll(List.of("--max-steps", "2", "--output", run.toString()));
        call.addAll(Arrays.asList(more));
        return Captured.loft(call.toArray(String[]::new));
    }

    /** All files of the run with their content; the lock has none. */
    private Map<String, String> files() throws IOException {
        Map<String, String> files = new TreeMap<>();
        try (Stream<Path> all = Files.walk(run)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                files.put(run.relativize(file).toString(), Arrays.toString(Files.readAllBytes(file)));
            }
        }
        return files;
    }

    @Test
    void aPromptThatIsTooLongCostsNoRun() throws IOException {
        Map<String, String> before = files();
        Captured call = train("--overwrite", "--sample-prompt", "Once upon a time ".repeat(200));
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains("--sample-prompt: a prompt must have fewer tokens than"), call.err());
        assertEquals(before, files());
    }

    @Test
    void settingsThatCannotBeWrittenCostNoRun() throws IOException {
        // a directory that is not empty cannot be replaced by a file
        Files.delete(run.resolve("config.yaml"));
        Files.createDirectories(run.resolve("config.yaml/mine"));
        Map<String, String> before = files();
        assertNotEquals(0, train("--overwrite").status());
        assertEquals(before, files());
    }

    /** Templates in a folder of theirs are a part of the result, and go with it. */
    @Test
    void furtherChatTemplatesAreThoseOfTheModel() throws IOException {
        Path model = Fixtures.copy("stories260K", folder.resolve("model"));
        Files.createDirectory(model.resolve("additional_chat_templates"));
        Path template = Path.of("additional_chat_templates", "tool_use.jinja");
        Files.writeString(model.resolve(template), "tools");
        assertEquals(0, train("--overwrite", "--model", model.toString()).status());
        assertEquals("tools", Files.readString(run.resolve(template)));
        Files.delete(model.resolve(template));
        assertEquals(0, train("--overwrite", "--model", model.toString()).status());
        assertTrue(Files.notExists(run.resolve(template)));
    }

    @Test
    void aPortThatIsTakenKeepsNoRunFromItsSteps() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            String port = String.valueOf(taken.getLocalPort());
            for (String how : new String[] {"--overwrite", "--resume"}) {
                Captured call = train(how, "--ui", port);
                assertEquals(0, call.status(), call.err());
                assertTrue(call.err().contains("loft: the run goes on without a page"), call.err());
                assertTrue(call.err().contains("port must be free, got " + port), call.err());
            }
        }
    }

    private void refused(String words, Captured call) {
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains(words), call.err());
    }

    /** As in the folder of a project. */
    @Test
    void filesOfOthersAreLeftAlone() throws IOException {
        run = Files.createDirectory(folder.resolve("project"));
        for (String name : List.of("README.md", "config.yaml", "report.html")) {
            Path mine = Files.writeString(run.resolve(name), "mine: 1\n");
            refused(run + " holds no run, but " + name + ", which one would write over", train());
            assertEquals("mine: 1\n", Files.readString(mine));
            Files.delete(mine);
        }
        // settings that the call was given are those of the run
        Path settings = Files.writeString(run.resolve("config.yaml"), "seed: 3\n");
        Captured own = train("--config", settings.toString());
        assertEquals(0, own.status(), own.err());
        assertTrue(Files.readString(settings).contains("seed: 3"));
    }

    /** As one that was killed between its settings and its first step. */
    @Test
    void settingsThatARunHasLeftAreItsOwn() throws IOException {
        String settings = Files.readString(run.resolve("config.yaml"));
        Path begun = Files.createDirectory(folder.resolve("begun"));
        Files.writeString(begun.resolve("config.yaml"), settings.replace(run.toString(), begun.toString()));
        run = begun;
        Captured again = train();
        assertEquals(0, again.status(), again.err());
    }

    @Test
    void aModelIsNotTrainedInPlace() throws IOException {
        run = Fixtures.copy("stories260K", folder.resolve("model"));
        Map<String, String> before = files();
        String[] full = {"--model", run.toString(), "--method", "full"};
        refused(run + " holds no run, but config.json, ", train(full));
        String inPlace = run + " is the directory of the model, which must stay as it is";
        refused(inPlace, train("--model", run.toString(), "--method", "full", "--overwrite"));
        refused(inPlace, train("--model", run.toString()));
        Map<String, String> after = files();
        after.remove(".lock");
        assertEquals(before, after);
    }

    @Test
    void dataInTheRunThatIsOverwrittenIsKept() throws IOException {
        data = Files.move(data, run.resolve("samples.jsonl"));
        Map<String, String> before = files();
        refused("the data " + data + " lies in the run that --overwrite would remove", train("--overwrite"));
        Captured query = Captured.loft(
                "train",
                "--data",
                "SELECT text FROM '" + data + "'",
                "--model",
                Fixtures.of("stories260K").toString(),
                "--output",
                run.toString(),
                "--overwrite");
        refused("the data " + data + " lies in the run that --overwrite would remove", query);
        assertEquals(before, files());
        data = Files.move(data, run.resolve("tales.jsonl"));
        assertEquals(0, train("--overwrite").status());
        assertTrue(Files.exists(data));
    }
}
