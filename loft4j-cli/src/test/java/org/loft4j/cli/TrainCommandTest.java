package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.io.HubEnvironment;
import org.loft4j.train.Method;
import org.loft4j.train.RunLock;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine;

class TrainCommandTest {
    @ParameterizedTest
    @EnumSource(Method.class)
    void theDefaultsOfTheCommandLineAreThoseOfTheLibrary(Method method) {
        TrainConfig config = parse("--method", method.word()).config();
        assertEquals(TrainConfig.builder(method).build(), config);
    }

    @Test
    void booleansCanBeSwitchedOff() {
        TrainConfig config = parse("--no-group-by-length", "--no-load-best").config();
        assertEquals(false, config.groupByLength());
        assertEquals(false, config.loadBestAtEnd());
        assertEquals(true, parse("--group-by-length").config().groupByLength());
    }

    @Test
    void packingIsASwitchOrAWord() {
        assertEquals(Packing.NONE, parse().packing.packing);
        assertEquals(Packing.BLOCKS, parse("--packing", "--max-length", "64").packing.packing);
        assertEquals(Packing.EXAMPLES, parse("--packing", "examples").packing.packing);
        assertEquals(Packing.BLOCKS, Packing.parse("true"));
        assertEquals(true, parse("--gradient-checkpointing").config().gradientCheckpointing());
    }

    /** Its settings name the place where it was. */
    @Test
    void aRunThatWasMovedIsNotBegunAnewWhereItWas(@TempDir Path folder) throws IOException {
        Path moved = Files.createDirectories(folder.resolve("moved run"));
        Path before = folder.resolve("before");
        Path config = Files.writeString(
                moved.resolve("config.yaml"),
                "model_name_or_path: " + folder.resolve("none") + "\ntrain_file: " + folder.resolve("none.csv")
                        + "\noutput_dir: " + before + "\n");
        String said = "--resume: a run lies beside " + config + ", but none in the output_dir " + before;
        String[] resume = {"train", "--config", config.toString(), "--resume"};
        assertFalse(Captured.loft(resume).err().contains(said));
        Files.writeString(moved.resolve("trainer_state.json"), "{}");
        Captured call = Captured.loft(resume);
        assertEquals(2, call.status());
        assertTrue(call.err().contains(said + " that it names: --output \"" + moved + "\" goes on with"), call.err());
        String[] named = Arrays.copyOf(resume, 6);
        named[4] = "--output";
        named[5] = moved.toString();
        assertFalse(Captured.loft(named).err().contains(said));
        Files.createDirectories(before);
        Files.writeString(before.resolve("trainer_state.json"), "{}");
        assertFalse(Captured.loft(resume).err().contains(said));
    }

    /** Together with all else that is wrong with the call, before a row is read. */
    @Test
    void anOutputDirectoryThatCannotBeIsRefusedBeforeRowsAreRead(@TempDir Path folder) throws IOException {
        Path run = Files.createDirectories(folder.resolve("run"));
        Files.writeString(run.resolve("trainer_state.json"), "{}");
        Path file = Files.writeString(folder.resolve("file"), "");
        Path none = folder.resolve("none.csv");
        String held = "output_dir " + run + " holds a run already: resume it (--resume), let it be overwritten";
        String[] train = {
            "train", "--model", folder.toString(), "--data", none.toString(), "--output", run.toString(), "x"
        };
        for (String how : List.of("--resume", "--overwrite", "--dry-run", "--no-save-in-background")) {
            train[7] = how;
            Captured call = Captured.loft(train);
            assertTrue(call.err().contains(none + ": there is no such file"), call.err());
            assertEquals(how.equals("--no-save-in-background"), call.err().contains(held), call.err());
        }
        Captured call = Captured.loft(
                "train", "--adapter", run.toString(), "--data", none.toString(), "--output", run.toString());
        assertTrue(
                call.err().contains(run + " is the directory of the adapter that the run starts from")
                        && !call.err().contains(held),
                call.err());
        try (RunLock live = RunLock.acquire(run)) {
            for (String how : List.of("--resume", "--overwrite", "--no-save-in-background")) {
                train[7] = how;
                call = Captured.loft(train);
                assertTrue(
                        call.err().contains(run + " is in use by another run: wait for it")
                                && !call.err().contains(held),
                        call.err());
            }
        }
        train[6] = file.resolve("run").toString();
        call = Captured.loft(train);
        assertTrue(
                call.err().contains("run cannot be made: " + file + " is a file: choose another directory"),
                call.err());
    }

    @Test
    void whoResumesByTheDirectoryAloneIsToldTheSettingsOfTheRun(@TempDir Path folder) throws IOException {
        Path settings = folder.resolve("config.yaml");
        String[] resume = {"train", "--resume", "--output", folder.toString()};
        assertFalse(Captured.loft(resume).err().contains(settings.toString()));
        Files.writeString(settings, "");
        Captured call = Captured.loft(resume);
        assertEquals(2, call.status(), call.err());
        assertTrue(
                call.err().contains(" train --config " + settings + " --resume --output " + folder + "\n"), call.err());
    }

    @Test
    void labelsThatALanguageModelDoesNotLearnAreTold(@TempDir Path folder) throws IOException {
        Path rows = Files.writeString(folder.resolve("rows.csv"), "text,label\nOne day,a\n");
        String[] train = {
            "train",
            "--model",
            Fixtures.of("stories260K").toString(),
            "--data",
            rows.toString(),
            "--max-steps",
            "1",
            "--output",
            folder.resolve("a run").toString()
        };
        Captured call = Captured.loft(train);
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("--task sequence-classification learns them"), call.err());
        assertTrue(call.err().contains(", 1 row, 1 step on "), call.err());
        assertTrue(call.out().contains("--adapter \"" + folder.resolve("a run") + "\""), call.out());
    }

    @Test
    void settingsThatAreWrongAreNamedTogetherInHuggingFacesSpelling() {
        Captured call = Captured.loft(
                "train", "--method", "magic", "--rank", "0", "--batch-size", "0", "--eval-share", "2", "--seed", "x");
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains("method must be one of loft, "), call.err());
        assertTrue(call.err().contains(", full, got magic"), call.err());
        assertTrue(call.err().contains(" rank must be at least 1, got 0"), call.err());
        assertTrue(call.err().contains("per_device_train_batch_size must be at least 1, got 0"), call.err());
        assertTrue(call.err().contains("eval_share must lie in [0, 1), got 2"), call.err());
        assertTrue(call.err().contains("--seed"), call.err());
        assertTrue(call.err().contains("--output"), call.err());
    }

    @Test
    void parametersOfExpertsAreNamesAndNothingForDora() {
        TrainCommand train = parse("--model", "m", "--data", "d", "--output", "o", "--target-parameters", "a, b");
        assertEquals(List.of("a", "b"), train.adapter.parameters());
        Captured call = Captured.loft("train", "--method", "dora", "--target-parameters", "a");
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains("use_dora does not go with target_parameters"), call.err());
    }

    private static TrainCommand parse(String... args) {
        PrintWriter nowhere = new PrintWriter(new StringWriter());
        String[] call = Stream.concat(Stream.of("train"), Arrays.stream(args)).toArray(String[]::new);
        CommandLine root = Call.commandLine(HubEnvironment::ofUser, nowhere, nowhere, call);
        root.parseArgs(call);
        return (TrainCommand) root.getSubcommands().get("train").getCommand();
    }
}
