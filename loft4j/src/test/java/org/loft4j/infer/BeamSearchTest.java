package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.NotFiniteException;
import org.loft4j.infer.BeamConfig.EarlyStopping;
import org.loft4j.infer.Continuation.Stop;
import org.loft4j.infer.TextGenerator.Answer;
import org.loft4j.infer.TextGenerator.End;
import org.loft4j.infer.TextGenerator.Request;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PromptSampler;
import org.loft4j.nn.Task;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;

class BeamSearchTest {
    private static final SamplingConfig FOUR = SamplingConfig.GREEDY.withBeams(BeamConfig.of(4));
    private static final long[] TEXT = {11, 25, 31, 7, 19, 40};

    private static Model open(String name) throws Exception {
        Task task = Models.tasks(Fixture.directory(name)).contains(Task.SEQ2SEQ_LM) ? Task.SEQ2SEQ_LM : Task.CAUSAL_LM;
        return Models.open(Fixture.directory(name), ModelOptions.of(task));
    }

    private static List<Continuation> search(Generator generator, int most, Set<Long> ends, long[]... prompts) {
        return generator.generate(List.of(prompts), most, ends, FOUR, (row, id) -> true);
    }

    /** A prompt is read by one row, and so is each text of an encoder-decoder; then each beam reads a token. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_gqa", "lfm2"})
    void promptsAreReadOnceAndBeamsATokenAtATime(String name) throws Exception {
        try (Model model = open(name)) {
            List<String> calls = new ArrayList<>();
            Decoder heard = ScriptedDecoder.heard((Decoder) model, (rows, columns) -> calls.add(rows + "x" + columns));
            search(new Generator(heard), 3, Set.of(), TEXT, new long[] {5, 9});
            assertEquals(List.of("2x6", "8x1", "8x1"), calls);
        }
    }

    /** The longest row ends at the last position, and the others go on, without its padding. */
    @Test
    void aTextEndsAtTheLastPositionAndTheOthersGoOn() throws Exception {
        try (Model model = open("llama_gqa")) {
            Generator generator = new Generator((Decoder) model);
            long[] longest = LongStream.range(0, 124).map(i -> 3 + i % 50).toArray();
            List<Continuation> made = search(generator, 9, Set.of(), longest, TEXT);
            assertEquals(Stop.MAX_POSITIONS, made.get(0).stop());
            assertEquals(4, made.get(0).ids().length);
            assertEquals(Stop.MAX_NEW_TOKENS, made.get(1).stop());
            assertEquals(search(generator, 9, Set.of(), TEXT).get(0), made.get(1));
            assertEquals(search(generator, 9, Set.of(), longest).get(0), made.get(0));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"t5", "lfm2"})
    void nothingNativeIsLeftBehind(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Model model = open(name)) {
            Generator generator = new Generator((Decoder) model);
            search(generator, 24, Set.of(20L), TEXT, new long[] {5, 9});
            long before = LiveObjects.settled();
            for (int i = 0; i < 2; i++) {
                search(generator, 24, Set.of(20L), TEXT, new long[] {5, 9});
            }
            assertEquals(before, LiveObjects.settled());
        }
    }

    /** An end that comes early is kept, and a longer text may be better for its length, unless the search has ended. */
    @ParameterizedTest
    @CsvSource({"0, FALSE, 1", "1, FALSE, 3", "1, TRUE, 1", "0, NEVER, 1"})
    void thePenaltyWeighsLength(double penalty, EarlyStopping stopping, int length) throws Exception {
        try (Model model = open("llama_gqa")) {
            // the end has 0.5 at first; all else is one other token, and the end is sure behind the second of these
            Decoder scripted = ScriptedDecoder.of((Decoder) model, i -> {
                float[] row = new float[256];
                Arrays.fill(row, -100);
                row[2] = i == 0 ? 0 : i == 1 ? -9 : 0;
                row[7] = i < 2 ? -0.2f : -9;
                return row;
            });
            SamplingConfig sampling = SamplingConfig.GREEDY.withBeams(new BeamConfig(2, penalty, stopping));
            Continuation made = new Generator(scripted)
                    .generate(List.of(TEXT), 6, Set.of(2L), sampling, (row, id) -> true)
                    .get(0);
            assertEquals(length, made.ids().length);
            assertEquals(Stop.STOP_ID, made.stop());
        }
    }

    /** The best beginning is worse than what has ended, as long as it is, and better as long as it may be. */
    @ParameterizedTest
    @CsvSource({"FALSE, 1", "NEVER, 40"})
    void aSearchMayGoOnForWhatItMayComeTo(EarlyStopping stopping, int length) throws Exception {
        try (Model model = open("llama_gqa")) {
            Decoder scripted = ScriptedDecoder.of((Decoder) model, i -> {
                float[] row = new float[256];
                Arrays.fill(row, -100);
                row[2] = i == 0 ? (float) Math.log(0.9) : i == 1 ? 0 : -50;
                row[7] = i == 0 ? (float) Math.log(0.1) : 0;
                return row;
            });
            SamplingConfig sampling = SamplingConfig.GREEDY.withBeams(new BeamConfig(2, 1, stopping));
            Continuation made = new Generator(scripted)
                    .generate(List.of(TEXT), 40, Set.of(2L), sampling, (row, id) -> true)
                    .get(0);
            assertEquals(length, made.ids().length);
            assertEquals(length == 40 ? Stop.MAX_NEW_TOKENS : Stop.STOP_ID, made.stop());
        }
    }

    /** As many as the vocabulary has tokens, at most. */
    @Test
    void eachBeamBeginsWithAnotherToken() throws Exception {
        try (Model model = open("llama_gqa")) {
            Generator generator = new Generator((Decoder) model);
            SamplingConfig all = SamplingConfig.GREEDY.withBeams(BeamConfig.of(256));
            List<Continuation> made = generator.generate(List.of(TEXT), 2, Set.of(), all, (row, id) -> true);
            assertEquals(2, made.get(0).ids().length);
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> generator.generate(
                            List.of(TEXT), 2, Set.of(), all.withBeams(BeamConfig.of(257)), (row, id) -> true));
            assertTrue(
                    String.valueOf(refused.getMessage())
                            .startsWith("num_beams must be at most the model's vocabulary size, 256,"),
                    refused.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {-40, 400})
    void aTextComesOfAnyPenalty(double penalty) throws Exception {
        try (Model model = open("llama_gqa")) {
            SamplingConfig sampling = SamplingConfig.GREEDY.withBeams(new BeamConfig(3, penalty, EarlyStopping.FALSE));
            Continuation made = new Generator((Decoder) model)
                    .generate(List.of(TEXT), 5, Set.of(), sampling, (row, id) -> true)
                    .get(0);
            assertEquals(5, made.ids().length);
        }
    }

    @Test
    void logitsThatAreNoNumbersAreRefused() throws Exception {
        try (Model model = open("llama_gqa")) {
            Decoder broken = ScriptedDecoder.of((Decoder) model, i -> {
                float[] row = new float[256];
                row[3] = Float.NaN;
                return row;
            });
            assertThrows(NotFiniteException.class, () -> search(new Generator(broken), 3, Set.of(), TEXT));
        }
    }

    /** A text is told when it is known, and a stop string cuts it. */
    @Test
    void aTextIsToldWhenItIsKnownAndCutAtAStopString() throws Exception {
        try (TextGenerator generator = TextGenerator.open(Fixture.directory("stories260K"))) {
            String whole = generator.complete("Once upon a time", 24, FOUR).text();
            String stop = whole.substring(12, 16);
            StringBuilder heard = new StringBuilder();
            Answer answer = generator.complete(
                    "Once upon a time",
                    new Request(24, Set.of(), List.of(stop), FOUR),
                    (row, piece) -> heard.append(piece));
            assertEquals(whole.substring(0, whole.indexOf(stop)), answer.text());
            assertEquals(answer.text(), heard.toString());
            assertEquals(End.STOP_STRING, answer.end());
            assertTrue(answer.newTokens() < 24);
        }
    }

    /** What is kept of a conversation is of one text. */
    @Test
    void beamsReadThePromptFromItsBeginning() throws Exception {
        try (Model model = open("llama_gqa");
                Reading reading = new Reading()) {
            Generator generator = new Generator((Decoder) model);
            Continuation made = search(generator, 5, Set.of(), TEXT).get(0);
            for (int i = 0; i < 2; i++) {
                assertEquals(made, generator.generate(TEXT, 0, 5, Set.of(), FOUR, (row, id) -> true, reading));
            }
        }
    }

    @Test
    void aSearchIsGivenUpBeforeItsTextIsKnown() throws Exception {
        try (TextGenerator generator = TextGenerator.open(Fixture.directory("stories260K"))) {
            Thread.currentThread().interrupt();
            assertThrows(CancellationException.class, () -> generator.complete("Once", 24, FOUR));
            assertTrue(Thread.interrupted());
            int[] steps = {0};
            Steps counting = new Steps(steps);
            try (Model model = open("llama_gqa")) {
                new Generator((Decoder) model).generate(List.of(TEXT), 4, Set.of(), FOUR, counting);
            }
            assertEquals(4, steps[0]);
        }
    }

    private record Steps(int[] steps) implements PromptSampler.Listener {
        @Override
        public boolean onToken(int row, long id) {
            return true;
        }

        @Override
        public void onStep() {
            steps[0]++;
        }
    }

    @Test
    void whatGoesNotTogetherIsRefused() {
        ConfigException drawn = assertThrows(
                ConfigException.class, () -> new SamplingConfig(0.7, 0, 1, 0, 1, 0).withBeams(BeamConfig.of(4)));
        assertEquals(
                "num_beams = 4 looks for the likeliest text, and temperature = 0.7 draws one: set num_beams to 1, or temperature to 0",
                drawn.getMessage());
        assertThrows(ConfigException.class, () -> BeamConfig.of(0));
        assertThrows(ConfigException.class, () -> BeamConfig.of(BeamConfig.MOST + 1));
        assertThrows(ConfigException.class, () -> new BeamConfig(2, Double.NaN, EarlyStopping.FALSE));
        assertThrows(ConfigException.class, () -> EarlyStopping.parse("sometimes"));
        assertThrows(ConfigException.class, () -> SamplingConfig.GREEDY.withMinNewTokens(-1));
        assertThrows(ConfigException.class, () -> SamplingConfig.GREEDY.withNoRepeatNgramSize(-1));
    }

    @Test
    void theBestTokensAreSortedAndTheFirstOfEqualOnesComeFirst() {
        BestTokens best = new BestTokens(3);
        best.offer(0, -1, new float[] {-2, Float.NEGATIVE_INFINITY, -1, -2});
        best.offer(1, 0, new float[] {-2, -2});
        assertArrayEquals(new float[] {-2, -2, -2}, new float[] {best.score(0), best.score(1), best.score(2)});
        assertArrayEquals(new long[] {2, 0, 1}, new long[] {best.id(0), best.id(1), best.id(2)});
        assertArrayEquals(new int[] {0, 1, 1}, new int[] {best.beam(0), best.beam(1), best.beam(2)});
        BestTokens few = new BestTokens(3);
        few.offer(0, 0, new float[] {Float.NEGATIVE_INFINITY, -1, Float.NEGATIVE_INFINITY});
        assertEquals(1, few.count());
    }
}
