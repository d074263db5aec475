package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.nn.Model;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.tensor.NativeScope;

/** Runs that go on from an adapter. */
class StartingAdapterTest {
    private static final LoraConfig LORA = new LoraConfig(
            4,
            8,
            0.1,
            TargetModules.names("q_proj", "down_proj"),
            null,
            false,
            false,
            List.of("model.norm"),
            Map.of("q_proj", 2),
            Map.of("down_proj", 12.0));

    @TempDir
    Path directory;

    /** An adapter whose B is not zero, which so changes what the model says. */
    private Path adapter(String name, LoraConfig config) throws IOException {
        Path adapter = directory.resolve(name);
        try (Model model = TinyRun.model();
                LoraAdapter made = LoraAdapter.create(model, config, 3);
                NativeScope scope = new NativeScope()) {
            for (var layer : made.layers().values()) {
                layer.loraB()
                        .detach()
                        .normal_(
                                0,
                                0.1,
                                new GeneratorOptional(
                                        ParameterSpec.generator(layer.path().length())));
            }
            made.savedModules().values().forEach(saved -> saved.detach().mul_(new Scalar(1.5)));
            PeftFiles.save(adapter, made, model, new PeftMetadata(""));
        }
        return adapter;
    }

    private static TrainingRun open(Path adapter, Model model, TrainConfig config, Path output, OnExisting existing)
            throws IOException {
        return TrainingRun.openFrom(StartingAdapter.read(adapter), model, TinyRun.data(), config, output, existing);
    }

    private static TrainResult train(
            Path adapter, TrainConfig config, Path output, OnExisting onExisting, long stopAfter) throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = open(adapter, model, config, output, onExisting)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == stopAfter) {
                        run.requestStop();
                    }
                }
            });
            return run.run();
        }
    }

    private static LoraConfig shapeFor(Method method) {
        return LORA.withDora(method == Method.DORA).withRslora(method == Method.RSLORA);
    }

    static Stream<Method> withAdapters() {
        return Stream.of(Method.values()).filter(Method::usesAdapter);
    }

    /** What the run starts from says what the adapter says, and is made of the same numbers, whatever trains it. */
    @ParameterizedTest
    @MethodSource("withAdapters")
    void theStartIsTheAdapter(Method method) throws IOException {
        Path adapter = adapter("first", shapeFor(method));
        TrainConfig config = TinyRun.config(method).build();
        double loss;
        double base;
        try (Model model = TinyRun.model()) {
            Evaluator evaluator = new Evaluator(model, 0, 8);
            base = evaluator.evaluate(TinyRun.counting(12, 2)).values().get("loss");
            try (LoraAdapter loaded = PeftFiles.load(adapter, model)) {
                loss = evaluator.evaluate(TinyRun.counting(12, 2)).values().get("loss");
            }
            try (Trainable trainable = Trainable.from(StartingAdapter.read(adapter), model, config)) {
                assertEquals(
                        loss,
                        evaluator.evaluate(TinyRun.counting(12, 2)).values().get("loss"));
                trainable.save(directory.resolve("saved"));
            }
        }
        assertTrue(Math.abs(loss - base) > 1e-3, loss + " and without the adapter " + base);
        assertEquals(
                TinyRun.bits(adapter.resolve(PeftFiles.WEIGHTS)),
                TinyRun.bits(directory.resolve("saved").resolve(PeftFiles.WEIGHTS)));
    }

    @ParameterizedTest
    @MethodSource("withAdapters")
    void aRunThatIsStoppedEndsWhereItWouldHaveEnded(Method method) throws IOException {
        Path adapter = adapter("first", shapeFor(method));
        TrainConfig config =
                TinyRun.config(method).maxSteps(8).learningRate(1e-3).build();
        Path whole = directory.resolve("whole");
        train(adapter, config, whole, OnExisting.REFUSE, -1);
        Path stopped = directory.resolve("stopped");
        assertEquals(
                TrainResult.Outcome.INTERRUPTED,
                train(adapter, config, stopped, OnExisting.REFUSE, 3).outcome());
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(adapter, config, stopped, OnExisting.RESUME, -1).outcome());
        TrainingRunEndToEndTest.assertSameResult(method, whole, stopped, 8);
        assertFalse(TinyRun.bits(adapter.resolve(PeftFiles.WEIGHTS))
                .equals(TinyRun.bits(whole.resolve(PeftFiles.WEIGHTS))));
        LoraConfig result = PeftFiles.readConfig(whole).lora();
        assertEquals(LORA.rankPattern(), result.rankPattern());
        assertEquals(LORA.alphaPattern(), result.alphaPattern());
        assertEquals(0.1, result.dropout());
        assertEquals(List.of("model.norm"), result.modulesToSave());
    }

    @Test
    void theAdapterBelongsToWhatAResumeChecks() throws IOException {
        Path adapter = adapter("first", LORA);
        TrainConfig config = TinyRun.config(Method.LORA).maxSteps(4).build();
        Path output = directory.resolve("run");
        train(adapter, config, output, OnExisting.REFUSE, 2);
        try (Model model = TinyRun.model()) {
            LoraConfig same = PeftFiles.readConfig(adapter).lora();
            String fresh = assertThrows(
                            ConfigException.class,
                            () -> TrainingRun.open(model, TinyRun.data(), config, same, output, OnExisting.RESUME))
                    .getMessage();
            assertTrue(fresh.contains("starting_adapter was adapter_config.json "), fresh);
            assertTrue(fresh.contains(" and is now none"), fresh);
        }
        byte[] before = Files.readAllBytes(adapter.resolve(PeftFiles.WEIGHTS));
        byte[] after = before.clone();
        after[after.length - 2] ^= 1;
        Files.write(adapter.resolve(PeftFiles.WEIGHTS), after);
        String other = assertThrows(ConfigException.class, () -> train(adapter, config, output, OnExisting.RESUME, -1))
                .getMessage();
        assertTrue(other.contains("starting_adapter was "), other);
        Files.write(adapter.resolve(PeftFiles.WEIGHTS), before);
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(adapter, config, output, OnExisting.RESUME, -1).outcome());
        assertEquals(
                TrainResult.Outcome.ALREADY_FINISHED,
                train(adapter, config, output, OnExisting.RESUME, -1).outcome());
    }

    /** A run from before adapters could be gone on from does not name one. */
    @Test
    void anOlderRunStartedFromNone() throws IOException {
        TrainConfig config = TinyRun.config(Method.LORA).maxSteps(1).build();
        Path output = directory.resolve("run");
        TinyRun.train(config, output, OnExisting.REFUSE);
        Path file = output.resolve(RunState.FILE);
        ObjectNode state = (ObjectNode) new ObjectMapper().readTree(file.toFile());
        assertEquals(
                "none",
                ((ObjectNode) state.get("plan")).remove("starting_adapter").asText());
        Files.writeString(file, state.toString());
        assertEquals(
                TrainResult.Outcome.ALREADY_FINISHED,
                TinyRun.train(config, output, OnExisting.RESUME).outcome());
    }

    @Test
    void anOutputThatIsInTheAdaptersWayIsRefusedAndNothingIsMade() throws IOException {
        Path adapter = adapter("runs/first", LORA);
        Path link = Files.createSymbolicLink(directory.resolve("link"), adapter);
        TrainConfig config = TinyRun.config(Method.LORA).build();
        List<String> said = new ArrayList<>();
        try (Model model = TinyRun.model()) {
            for (Path output : List.of(
                    adapter,
                    link,
                    adapter.resolve("next/run"),
                    link.resolve("next"),
                    directory.resolve("runs"),
                    directory.resolve("runs/x/.."))) {
                for (OnExisting onExisting : OnExisting.values()) {
                    said.add(assertThrows(ConfigException.class, () -> open(adapter, model, config, output, onExisting))
                            .getMessage());
                }
            }
            // a name that begins alike is another directory
            open(adapter, model, config, directory.resolve("runs/first2"), OnExisting.REFUSE)
                    .close();
        }
        assertTrue(said.get(0).contains(" is the directory of the adapter that the run starts from"), said.get(0));
        assertTrue(said.get(6).contains(" lies in that of the adapter"), said.get(6));
        assertTrue(said.get(12).contains(" holds that of the adapter"), said.get(12));
        try (Stream<Path> files = Files.list(adapter)) {
            assertEquals(
                    List.of(PeftFiles.CONFIG, PeftFiles.WEIGHTS),
                    files.map(file -> file.getFileName().toString()).sorted().toList());
        }
    }

    private String refusal(Path adapter, Method method) throws IOException {
        try (Model model = TinyRun.model()) {
            return assertThrows(
                            ConfigException.class,
                            () -> Trainable.from(
                                    StartingAdapter.read(adapter),
                                    model,
                                    TinyRun.config(method).build()))
                    .getMessage();
        }
    }

    @Test
    void aMethodThatCannotTrainItIsRefused() throws IOException {
        Path plain = adapter("plain", LORA);
        Path dora = adapter("dora", LORA.withDora(true));
        Path rslora = adapter("rslora", LORA.withRslora(true));
        assertTrue(refusal(plain, Method.FULL).contains("method full trains the model itself"));
        assertTrue(refusal(plain, Method.DORA).contains("method dora trains magnitudes, which the adapter has not"));
        assertTrue(refusal(dora, Method.LOFT).contains("method loft cannot train the magnitudes"));
        assertTrue(refusal(plain, Method.RSLORA).contains("method rslora scales by alpha / √rank"));
        try (Model model = TinyRun.model();
                Trainable trained = Trainable.from(
                        StartingAdapter.read(rslora),
                        model,
                        TinyRun.config(Method.LOFT).build())) {
            assertEquals(
                    12 / Math.sqrt(4),
                    trained.adapter().layers().entrySet().stream()
                            .filter(layer -> layer.getKey().endsWith("down_proj"))
                            .findFirst()
                            .orElseThrow()
                            .getValue()
                            .scale());
        }
    }

    /** PiSSA and its like take what the factors begin with out of the base weights. */
    @Test
    void anInitialisationThatChangedTheBaseIsRefused() throws IOException {
        Path adapter = adapter("first", LORA);
        Path config = adapter.resolve(PeftFiles.CONFIG);
        ObjectNode tree = (ObjectNode) new ObjectMapper().readTree(config.toFile());
        Files.writeString(config, tree.put("init_lora_weights", "pissa_niter_4").toString());
        String message = assertThrows(CheckpointException.class, () -> StartingAdapter.read(adapter))
                .getMessage();
        assertTrue(message.contains("this initialisation changed the base weights as well"), message);
    }

    @Test
    void aRunWithoutAResultHasCheckpointsThatAreAdapters() throws IOException {
        Path run = directory.resolve("run");
        TinyRun.train(TinyRun.config(Method.LORA).maxSteps(10).saveSteps(5).build(), run, OnExisting.REFUSE);
        Files.delete(run.resolve(PeftFiles.CONFIG));
        String message = assertThrows(CheckpointException.class, () -> StartingAdapter.read(run))
                .getMessage();
        assertTrue(message.startsWith(run + ": holds a run without a result"), message);
        assertTrue(message.endsWith("such as " + run.resolve("checkpoint-10")), message);
        StartingAdapter.read(run.resolve("checkpoint-10"));
        // of another method the result is a model
        Files.writeString(run.resolve("config.json"), "{}");
        String whole = assertThrows(CheckpointException.class, () -> StartingAdapter.read(run))
                .getMessage();
        assertFalse(whole.contains("without a result"), whole);
    }

    @Test
    void itsDropoutMayBeAnother() throws IOException {
        StartingAdapter start = StartingAdapter.read(adapter("first", LORA)).withDropout(0.25);
        try (Model model = TinyRun.model();
                Trainable trained =
                        Trainable.from(start, model, TinyRun.config(Method.LORA).build())) {
            assertEquals(0.25, trained.adapter().config().dropout());
            trained.save(directory.resolve("saved"));
        }
        assertEquals(
                0.25, PeftFiles.readConfig(directory.resolve("saved")).lora().dropout());
    }
}
