package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.NativeMemoryException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.cli.compare.Baseline;
import org.loft4j.cli.compare.Comparison;
import org.loft4j.cli.compare.ComparisonData;
import org.loft4j.cli.compare.ComparisonListener;
import org.loft4j.cli.compare.ComparisonSettings;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Remaining;
import org.loft4j.cli.compare.Trial;
import org.loft4j.data.Preference;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainListener;

/** What a comparison does before its first run, which alone knows nothing of the others. */
class PreferenceComparisonTest {
    @TempDir
    Path folder;

    private Path model;
    private Path output;

    @BeforeEach
    void copy() throws IOException {
        model = Fixtures.copy("stories260K", folder.resolve("model"));
        output = folder.resolve("compared");
    }

    /** A call that is refused must not replace the settings of those before. */
    @Test
    void whatItsRunsWouldRefuseIsRefusedBeforeAnythingIsWritten() throws IOException {
        assertRefused("beta is of preferences, and the training data holds none", "--preference-beta", "0.5");
        assertRefused("warmup_steps must not pass the 1 steps of the run, got 2", "--warmup-steps", "2");
    }

    private void assertRefused(String message, String... more) throws IOException {
        String texts = Files.writeString(folder.resolve("texts.jsonl"), "{\"text\": \"Once upon a time\"}\n")
                .toString();
        List<String> call = new ArrayList<>(List.of("compare", "--model", model.toString(), "--data", texts));
        call.addAll(List.of("--eval-data", texts, "--test-data", texts, "--output", output.toString()));
        call.addAll(List.of("--max-steps", "1"));
        call.addAll(List.of(more));
        Captured refused = Captured.loft(call.toArray(String[]::new));
        assertEquals(2, refused.status(), refused.err());
        assertTrue(refused.err().contains(message), refused.err());
        try (Stream<Path> left = Files.list(output)) {
            assertEquals(List.of(), left.toList());
        }
    }

    private static PreferenceDataset pairs(Tokenizer tokenizer, int count) throws IOException {
        List<Preference> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add(new Preference(
                    new PromptCompletion("Once upon " + i, " a time"), new PromptCompletion("Once upon " + i, " no")));
        }
        return PreferenceDataset.of(rows, tokenizer, 64, null);
    }

    /**
     * Two runs on 12 pairs, 5 to choose by and 7 to test by.
     *
     * @param hears of how many of the 48 answers it is known what the model held, four at a time
     */
    private Comparison.Outcome compare(BiConsumer<Integer, Comparison> hears) throws IOException {
        AtomicReference<@Nullable Comparison> own = new AtomicReference<>();
        ComparisonSettings settings = new ComparisonSettings(
                List.of(Contender.parse("lora")),
                List.of(2),
                Map.of("lora", List.of(1e-4)),
                List.of(0L, 1L),
                1,
                "margin",
                Baseline.DEFAULT,
                method -> TrainConfig.builder(method).maxSteps(1).evalBatchSize(4),
                (rank, rslora) -> LoraConfig.of(rank, 4, TargetModules.allLinear()),
                output,
                false);
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            TrainData training = new TrainData(pairs(tokenizer, 12), pairs(tokenizer, 5), tokenizer.padId(), 64);
            Comparison comparison = new Comparison(
                    settings,
                    model,
                    ModelOptions.of(Task.CAUSAL_LM),
                    new ComparisonData(training, pairs(tokenizer, 7)),
                    new ComparisonListener() {
                        @Override
                        public TrainListener onStart(Trial trial, Remaining remaining) {
                            return new TrainListener() {
                                @Override
                                public void onReferenceProgress(int done, int all) {
                                    assertEquals(48, all);
                                    hears.accept(done, Objects.requireNonNull(own.get()));
                                }
                            };
                        }
                    });
            own.set(comparison);
            return comparison.run();
        }
    }

    @Test
    void aStopLeavesNoRunAndTheNextCallLooksOnceForAll() throws IOException {
        List<Integer> told = new ArrayList<>();
        assertEquals(Comparison.Outcome.STOPPED, compare((done, comparison) -> {
            told.add(done);
            if (done == 38) {
                comparison.requestStop();
            }
        }));
        assertEquals(List.of(0, 4, 8, 12, 16, 20, 24, 28, 32, 34, 38), told);
        Path runs = output.resolve("runs");
        assertFalse(Files.exists(runs.resolve("lora-2-1e-4-s0").resolve("training")));
        told.clear();
        assertEquals(Comparison.Outcome.FINISHED, compare((done, comparison) -> told.add(done)));
        assertEquals(List.of(0, 4, 8, 12, 16, 20, 24, 28, 32, 34, 38, 42, 46), told);
        for (String run : List.of("lora-2-1e-4-s0", "lora-2-1e-4-s1")) {
            assertTrue(Files.exists(runs.resolve(run).resolve("result.json")), run);
        }
    }

    @Test
    void wantOfMemoryIsToldAsInARun() {
        NativeMemoryException full = assertThrows(
                NativeMemoryException.class,
                () -> compare((done, comparison) -> {
                    throw new OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB");
                }));
        List<String> said = String.valueOf(full.getMessage()).lines().toList();
        assertEquals(
                "out of memory in the look at the preferences before the first step: CUDA out of memory. Tried to allocate"
                        + " 2.00 GiB",
                said.get(0));
        assertTrue(said.get(2).startsWith("less is needed with a smaller --eval-batch-size, "), said.get(2));
        assertEquals(output + " keeps the runs that are finished: the same call goes on", said.get(3));
    }
}
