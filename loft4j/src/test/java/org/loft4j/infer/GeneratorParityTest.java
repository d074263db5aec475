package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.infer.Continuation.Stop;
import org.loft4j.io.Json;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;

/** Greedy continuations by Transformers of the trained stories260K. */
class GeneratorParityTest {
    private static final Path STORIES = Fixture.directory("stories260K");

    @ParameterizedTest
    @ValueSource(strings = {"Once upon a time", "One day, Timmy", "Lily and Ben"})
    void continuesAsTransformersDoes(String prompt) throws Exception {
        JsonNode expected =
                Json.read(STORIES.resolve("stories260K-expected.json")).node("greedy: " + prompt);
        long[] newIds = longs(expected.get("new_ids"));
        try (Model model = Models.open(STORIES, ModelOptions.of(Task.CAUSAL_LM))) {
            List<Long> heard = new ArrayList<>();
            long baseline = LiveObjects.settled();
            List<long[]> prompts = List.of(longs(expected.get("prompt_ids")));
            Continuation continuation = Generator.of(model)
                    .generate(prompts, newIds.length, Set.of(2L), SamplingConfig.GREEDY, (row, id) -> heard.add(id))
                    .get(0);
            assertArrayEquals(newIds, continuation.ids());
            assertEquals(Stop.MAX_NEW_TOKENS, continuation.stop());
            assertArrayEquals(newIds, heard.stream().mapToLong(Long::longValue).toArray());
            assertEquals(baseline, NativeScope.liveObjects() - 2, "all but the two rotary tables is freed");
        }
    }

    @Test
    void endsAtAStopIdAndAtTheLongestSequence() throws Exception {
        try (Model model = Models.open(STORIES, ModelOptions.of(Task.CAUSAL_LM))) {
            Generator generator = Generator.of(model);
            long[] prompt = {1, 403, 407, 261, 378};
            Continuation stopped = generator.greedy(prompt, 60, Set.of(286L));
            assertArrayEquals(new long[] {432, 383, 286}, stopped.ids());
            assertEquals(Stop.STOP_ID, stopped.stop());

            long[] nearlyFull = new long[510];
            Arrays.fill(nearlyFull, 403);
            Continuation full = generator.greedy(nearlyFull, 60, Set.of());
            assertEquals(2, full.ids().length);
            assertEquals(Stop.MAX_POSITIONS, full.stop());
            assertThrows(ConfigException.class, () -> generator.greedy(new long[512], 1, Set.of()));
            assertThrows(ConfigException.class, () -> generator.greedy(new long[0], 1, Set.of()));
        }
    }

    @Test
    void refusesAClassifier() throws Exception {
        try (Model model = Models.open(Fixture.directory("bert_cls"), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            assertThrows(ConfigException.class, () -> Generator.of(model));
        }
    }

    private static long[] longs(JsonNode array) {
        long[] values = new long[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).longValue();
        }
        return values;
    }

    @Test
    void aPromptOfOtherIdsAndAClosedModelAreRefused() throws Exception {
        try (Model model = Models.open(STORIES, ModelOptions.of(Task.CAUSAL_LM))) {
            Generator generator = Generator.of(model);
            for (long id : new long[] {-1, model.description().vocabularySize(), 1L << 32}) {
                String told = assertThrows(
                                ShapeException.class, () -> generator.greedy(new long[] {1, id}, 3, Set.of()))
                        .getMessage();
                assertTrue(told.endsWith("got " + id), told);
            }
            model.close();
            assertThrows(IllegalStateException.class, () -> generator.greedy(new long[] {1}, 3, Set.of()));
        }
    }
}
