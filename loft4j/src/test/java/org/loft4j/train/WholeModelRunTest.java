package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** Runs of a model that is read from a directory and trained in full: what they leave is a model of its own. */
class WholeModelRunTest {
    private static final String GENERATION = "{\"eos_token_id\": [2, 7], \"temperature\": 0.6}";

    @TempDir
    Path directory;

    private Path base;
    private Path output;

    @BeforeEach
    void aModel() throws IOException {
        base = Files.createDirectories(directory.resolve("base"));
        output = directory.resolve("run");
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(Fixture.directory("llama_gqa").resolve(file), base.resolve(file));
        }
        Files.writeString(base.resolve("generation_config.json"), GENERATION);
    }

    private interface Started {
        void with(TrainingRun run) throws IOException;
    }

    private void train(Path from, OnExisting onExisting, Started started) throws IOException {
        TrainConfig config = TinyRun.config(Method.FULL).maxSteps(2).build();
        try (Model model = Models.open(from, ModelOptions.of(Task.CAUSAL_LM));
                TrainingRun run = TinyRun.open(model, config, output, onExisting)) {
            started.with(run);
        }
    }

    @Test
    void whatTheModelRecommendsForGenerationComesAlongAndGoesWithTheRun() throws IOException {
        train(base, OnExisting.REFUSE, TrainingRun::run);
        assertEquals(GENERATION, Files.readString(output.resolve("generation_config.json")));
        assertEquals(GENERATION, Files.readString(output.resolve("checkpoint-2/generation_config.json")));
        train(base, OnExisting.OVERWRITE, TrainingRun::begin);
        assertFalse(Files.exists(output.resolve("generation_config.json")));
        assertTrue(Files.exists(base.resolve("generation_config.json")));
    }

    @Test
    void aBaseModelThatGoesAwayLeavesTheRunItsConfiguration() throws IOException {
        train(base, OnExisting.REFUSE, run -> {
            Files.delete(base.resolve("config.json"));
            run.run();
        });
        for (Path saved : List.of(output, output.resolve("checkpoint-2"))) {
            Models.open(saved, ModelOptions.of(Task.CAUSAL_LM)).close();
        }
    }

    /** To start anew from a checkpoint of one's own run must not delete that checkpoint. */
    @Test
    void theModelThatARunStartsFromIsNotOverwritten() throws IOException {
        train(base, OnExisting.REFUSE, TrainingRun::run);
        Path checkpoint = output.resolve("checkpoint-2");
        Path elsewhere = Files.createSymbolicLink(directory.resolve("link"), checkpoint);
        for (Path from : List.of(checkpoint, elsewhere)) {
            String message = assertThrows(
                            ConfigException.class, () -> train(from, OnExisting.OVERWRITE, TrainingRun::begin))
                    .getMessage();
            assertEquals(
                    "the model " + from + " lies in the run that --overwrite would remove from " + output
                            + ": choose another output directory, or move it out of there first",
                    message);
        }
        Checkpoints.verify(checkpoint);
        Path kept = Files.createDirectories(output.resolve("mine"));
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(checkpoint.resolve(file), kept.resolve(file));
        }
        train(kept, OnExisting.OVERWRITE, TrainingRun::run);
        assertTrue(Files.exists(kept.resolve("config.json")), "no run removes what it does not know");
    }
}
