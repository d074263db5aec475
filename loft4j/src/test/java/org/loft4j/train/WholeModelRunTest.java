package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.io.ModelDirectory;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

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

    /** Nothing of the tower is trained, and nothing of it is in what comes of the training. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "gemma3",
                "gemma4",
                "llama4",
                "mistral3",
                "qwen2_5_vl",
                "qwen3_vl",
                "qwen3_5",
                "qwen3_5_moe",
                "gemma4_moe"
            })
    void aModelWithAVisionTowerBecomesALanguageModel(String fixture) throws IOException {
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(
                    Fixture.directory(fixture).resolve(file), base.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
        Files.writeString(base.resolve("tokenizer_config.json"), "{}");
        Files.writeString(base.resolve("preprocessor_config.json"), "{}");
        train(base, OnExisting.REFUSE, TrainingRun::run);
        Map<String, String> once = TinyRun.bits(output.resolve("model.safetensors"));
        assertTrue(once.keySet().stream()
                .noneMatch(name -> name.contains("language_model")
                        || name.contains("vision")
                        || name.contains("visual")
                        || name.startsWith("mtp")));
        assertFalse(Files.exists(output.resolve("preprocessor_config.json")));
        assertTrue(Files.exists(output.resolve("tokenizer_config.json")));
        try (Model model = Models.open(output, ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(
                    switch (fixture) {
                        case "mistral3" -> "mistral";
                        case "qwen2_5_vl" -> "qwen2";
                        case "qwen3_vl" -> "qwen3";
                        case "gemma4_moe" -> "gemma4_text";
                        default -> fixture + "_text";
                    },
                    model.description().family());
        }
        output = directory.resolve("stopped");
        train(base, OnExisting.REFUSE, run -> {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    run.requestStop();
                }
            });
            assertEquals(1, run.run().step());
        });
        train(base, OnExisting.RESUME, run -> assertEquals(2, run.run().step()));
        assertEquals(once, TinyRun.bits(output.resolve("model.safetensors")));
    }

    /** A run that goes on from its own result, with new optimizers: until the new one is there, that is all there is. */
    @Test
    void theResultThatARunInItsPlaceStartsFromIsLeftUntilThereIsAnother() throws IOException {
        train(base, OnExisting.REFUSE, TrainingRun::run);
        Map<String, String> first = TinyRun.bits(output.resolve("model.safetensors"));
        train(output, OnExisting.OVERWRITE, run -> {
            run.begin();
            assertEquals(first, TinyRun.bits(output.resolve("model.safetensors")));
            assertTrue(Files.exists(output.resolve("config.json")));
            assertEquals(GENERATION, Files.readString(output.resolve("generation_config.json")));
            assertFalse(Files.exists(output.resolve("checkpoint-2")));
            assertEquals(TrainResult.Outcome.FINISHED, run.run().outcome());
        });
        assertNotEquals(first, TinyRun.bits(output.resolve("model.safetensors")));
        assertEquals(GENERATION, Files.readString(output.resolve("generation_config.json")));
        Models.open(output, ModelOptions.of(Task.CAUSAL_LM)).close();
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

    /** Every expert's matrices lie in one tensor, which is trained and written under the name that Transformers reads. */
    @Test
    void expertsOfOneTensorAndSinksAreTrained() throws IOException {
        Path from = Fixture.directory("gpt_oss");
        train(from, OnExisting.REFUSE, TrainingRun::run);
        try (NativeScope scope = new NativeScope();
                ModelDirectory before = ModelDirectory.open(from);
                ModelDirectory after = ModelDirectory.open(output);
                Model again = Models.open(output, ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(before.names(), after.names());
            assertEquals(before.names(), new TreeSet<>(again.weights().asMap().keySet()));
            for (String name : before.names()) {
                if (name.contains("experts") || name.contains("sinks") || name.contains("router")) {
                    assertFalse(Tensors.bitEqual(before.read(name), after.read(name)), name);
                }
            }
        }
    }

    @Test
    void expertsInMxfp4AreRefused() {
        ConfigException refused = assertThrows(
                ConfigException.class,
                () -> train(Fixture.directory("gpt_oss_mxfp4"), OnExisting.REFUSE, TrainingRun::run));
        assertTrue(refused.getMessage().contains("model.layers.0.mlp.experts.gate_up_proj"), refused.getMessage());
        assertTrue(refused.getMessage().contains("bfloat16"), refused.getMessage());
        assertFalse(Files.exists(output.resolve("config.json")));
    }
}
