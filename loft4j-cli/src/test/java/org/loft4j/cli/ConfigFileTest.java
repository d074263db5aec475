package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.ModelReference;
import org.loft4j.optim.Schedule;
import picocli.CommandLine;

class ConfigFileTest {
    @TempDir
    Path directory;

    @Test
    void keysAreHuggingFacesAndOptionsOverrideThem() throws IOException {
        TrainCommand train = parse("""
                model_name_or_path: somewhere
                train_file: rows.csv
                output_dir: run
                r: 3
                target_modules: [query, value]
                modules_to_save: [classifier]
                learning_rate: 2e-4
                lr_scheduler_type: cosine
                bf16: true
                group_by_length: false
                per_device_train_batch_size: 4
                """, "--batch-size", "6");
        assertEquals(new ModelReference("somewhere"), train.model);
        assertEquals(3, train.method.rank);
        assertEquals("query,value", train.adapter.targetModules);
        assertEquals(List.of("classifier"), train.adapter.modulesToSave);
        assertEquals(2e-4, train.config().learningRate());
        assertEquals(Schedule.Kind.COSINE, train.config().schedule());
        assertEquals("bfloat16", train.device.dtype);
        assertEquals(false, train.config().groupByLength());
        assertEquals(6, train.config().batchSize());
    }

    @Test
    void oneSettingUnderTwoNamesIsAProblem() throws IOException {
        Path file = write("rank: 4\nr: 8\n");
        Captured call = Captured.loft("train", "--config", file.toString());
        assertEquals(2, call.status());
        assertTrue(call.err().contains("r is set twice, to 4 and to 8"), call.err());
    }

    @Test
    void keysOfOtherVerbsAreNoMistake() throws IOException {
        Path file = write("learning_rate: 1e-3\nmax_new_tokens: 5\n");
        Captured call = Captured.loft("inspect", "--config", file.toString(), directory.toString());
        assertEquals(1, call.status(), call.err());
        assertTrue(call.err().contains("nothing to inspect"), call.err());
    }

    private TrainCommand parse(String yaml, String... more) throws IOException {
        PrintWriter nowhere = new PrintWriter(new StringWriter());
        String[] args = Stream.concat(Stream.of("train", "--config", write(yaml).toString()), Stream.of(more))
                .toArray(String[]::new);
        CommandLine root = Call.commandLine(nowhere, nowhere, args);
        CommandLine.ParseResult parsed = root.parseArgs(args);
        assertEquals(List.of(), parsed.subcommand().errors());
        return (TrainCommand) root.getSubcommands().get("train").getCommand();
    }

    private Path write(String yaml) throws IOException {
        return Files.writeString(directory.resolve("run.yaml"), yaml);
    }
}
