package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.BeamConfig.EarlyStopping;
import org.loft4j.infer.Continuation.Stop;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PromptSampler;
import org.loft4j.nn.Task;
import org.loft4j.nn.WritingRules;

/** What is written where numbers are equal, and where bounds are met exactly. */
class WritingEdgesTest {
    private static final long[] PROMPT = {3, 4};

    private static Set<Integer> drawn(SamplingConfig config, float... logits) {
        Sampler sampler = new Sampler(config, 0, new long[0]);
        Set<Integer> drawn = new TreeSet<>();
        for (int i = 0; i < 200; i++) {
            drawn.add(sampler.next(logits.clone()));
        }
        return drawn;
    }

    /** Transformers removes what is less likely than min_p of the likeliest, which is less than itself never. */
    @Test
    void whatIsJustAsLikelyAsMinPStays() {
        assertEquals(Set.of(1), drawn(new SamplingConfig(1, 0, 1, 1, 1, 5), 1, 2, -3));
        assertEquals(Set.of(0, 2), drawn(new SamplingConfig(1, 0, 1, 1, 1, 5), 1, -3, 1));
    }

    /** Half of four equal tokens is two. */
    @Test
    void topPEndsWhereItIsReachedExactly() {
        assertEquals(Set.of(0, 1), drawn(new SamplingConfig(1, 0, 0.5, 0, 1, 5), 0, 0, 0, 0));
    }

    @Test
    void bothZerosAreEqual() {
        assertEquals(Set.of(0, 1), drawn(new SamplingConfig(1, 1, 1, 0, 1, 5), 0f, -0f, -1f));
        assertEquals(Set.of(0, 1), drawn(new SamplingConfig(1, 1, 1, 0, 1, 5), -0f, 0f, -1f));
    }

    private static Beams beams(int limit, double penalty, EarlyStopping stopping, Set<Long> ends) {
        SamplingConfig sampling = SamplingConfig.GREEDY.withBeams(new BeamConfig(2, penalty, stopping));
        TokenRules rules = TokenRules.of(WritingRules.NONE, sampling, ends);
        return new Beams(0, PROMPT, limit, Stop.MAX_NEW_TOKENS, sampling, rules, PromptSampler.Draft.ENDLESS);
    }

    private static IntFunction<float[]> always(float... logProbs) {
        return beam -> logProbs.clone();
    }

    /** Each beam may end in as many ways as there are ends, and there are as many candidates to go on with. */
    @Test
    void beamsGoOnBesideSeveralEndsOfEach() {
        Beams beams = beams(40, 1, EarlyStopping.NEVER, Set.of(0L, 1L));
        beams.step(always(-1, -1.1f, -3, -3.5f, -9));
        assertTrue(beams.isOpen());
        beams.step(always(-1, -1.1f, -3, -3.5f, -9));
        assertTrue(beams.isOpen());
        assertArrayEquals(new long[] {2, 3}, beams.next());
        assertArrayEquals(new int[] {0, 0}, beams.from());
    }

    /** Where length is a fault, the best that a text may come to is what it is now. */
    @Test
    void aPenaltyBelowZeroIsNotThatOfTheLongestText() {
        Beams beams = beams(40, -1, EarlyStopping.NEVER, Set.of(0L));
        beams.step(always(-3, -9, -0.1f, -4));
        assertTrue(beams.isOpen());
        beams.step(always(-2, -9, -0.2f, -5));
        assertTrue(beams.isOpen());
    }

    /** −3 of three tokens is above −1.2, which −3 of two is not. */
    @Test
    void aTextMayBecomeAsLongAsItsLimit() {
        Beams three = beams(3, 1, EarlyStopping.NEVER, Set.of(0L, 1L));
        three.step(always(-1.1f, -1.2f, -3, -9));
        assertTrue(three.isOpen());
        Beams two = beams(2, 1, EarlyStopping.NEVER, Set.of(0L, 1L));
        two.step(always(-1.1f, -1.2f, -3, -9));
        assertFalse(two.isOpen());
    }

    @Test
    void theFirstOfEqualTextsIsTold() {
        Beams beams = beams(3, 1, EarlyStopping.TRUE, Set.of(0L, 1L));
        beams.step(always(-1, -1, -3, -9));
        assertFalse(beams.isOpen());
        assertArrayEquals(new long[] {0}, beams.told((row, id) -> true).ids());
        BestTokens one = new BestTokens(1);
        one.offer(0, 0, new float[] {-1, -1});
        assertEquals(0, one.id(0));
    }

    /** Of ids that may stand behind the first of a text. */
    @ParameterizedTest
    @CsvSource({
        "0, '1 2 1', ''",
        "1, '1 2 1', '1 2'",
        "2, '1 2 1', '2'",
        "2, '1 1', '1'",
        "2, '1', ''",
        "2, '1 2 1 3 1', '2 3'",
        "3, '1 1', ''",
        "3, '1 1 1', '1'",
        "3, '1 2 3 1 2', '3'",
        "3, '1 2 3 2 2', ''"
    })
    void whatHasComeInARowComesNoMore(int size, String text, String hidden) {
        long[] ids = Arrays.stream(text.split(" ")).mapToLong(Long::parseLong).toArray();
        SamplingConfig sampling = SamplingConfig.GREEDY.withNoRepeatNgramSize(size);
        TokenRules rules = TokenRules.of(WritingRules.NONE, sampling, Set.of());
        float[] logits = new float[5];
        // with room behind the text
        rules.hide(logits, Arrays.copyOf(ids, ids.length + 3), ids.length, 0);
        List<String> gone = new ArrayList<>();
        for (int id = 0; id < logits.length; id++) {
            if (logits[id] == Float.NEGATIVE_INFINITY) {
                gone.add(String.valueOf(id));
            }
        }
        assertEquals(hidden, String.join(" ", gone));
        WrittenRow row = new WrittenRow(0, new Sampler(sampling, 0, ids), rules, ids, 1, Stop.MAX_NEW_TOKENS);
        assertEquals(gone.contains("1") ? 0 : 1, row.take(new float[] {0, 1, -1, -1, -1}, (number, id) -> true));
    }

    /** A model may be told of ends that are none of its tokens. */
    @Test
    void endsThatAreNoTokensAreNoneToForbid() {
        TokenRules rules =
                TokenRules.of(WritingRules.NONE, SamplingConfig.GREEDY.withMinNewTokens(1), Set.of(1L, 5L, -1L));
        float[] logits = {1, 3, 2, 0, 0};
        rules.hide(logits, PROMPT, PROMPT.length, 0);
        assertArrayEquals(new float[] {1, Float.NEGATIVE_INFINITY, 2, 0, 0}, logits);
    }

    /** The code of a language is a token of the text, and is penalised as the others are. */
    @Test
    void aTokenThatIsForcedHasCome() {
        SamplingConfig sampling = new SamplingConfig(0, 0, 1, 0, 2, 0);
        TokenRules rules = TokenRules.of(WritingRules.NONE.withFirst(1), sampling, Set.of());
        Sampler sampler = new Sampler(sampling, 0, new long[0]);
        WrittenRow row = new WrittenRow(0, sampler, rules, PROMPT, 4, Stop.MAX_NEW_TOKENS);
        assertEquals(1, row.take(new float[] {2, 3, 1}, (number, id) -> true));
        assertEquals(0, row.take(new float[] {2, 3, 1}, (number, id) -> true));
        assertEquals(new Continuation(new long[] {1, 0}, Stop.LISTENER), stopped(row));
    }

    private static Continuation stopped(WrittenRow row) {
        row.take(new float[] {-1, -2, -3}, (number, id) -> false);
        long[] ids = row.continuation().ids();
        return new Continuation(
                Arrays.copyOf(ids, ids.length - 1), row.continuation().stop());
    }

    @Test
    void aContinuationIsAValue() {
        long[] ids = {1, 2};
        Continuation made = new Continuation(ids, Stop.STOP_ID);
        ids[0] = 9;
        made.ids()[1] = 9;
        assertArrayEquals(new long[] {1, 2}, made.ids());
        assertEquals(new Continuation(new long[] {1, 2}, Stop.STOP_ID), made);
        assertNotEquals(new Continuation(new long[] {1, 2}, Stop.MAX_NEW_TOKENS), made);
        assertNotEquals(new Continuation(new long[] {1}, Stop.STOP_ID), made);
    }

    /** Of a prompt that is longer than the room for the first tokens behind it. */
    @Test
    void manyTokensBehindALongPromptAreKept() {
        int limit = 1000;
        TokenRules rules = TokenRules.of(WritingRules.NONE, SamplingConfig.GREEDY, Set.of());
        Sampler sampler = new Sampler(SamplingConfig.GREEDY, 0, new long[0]);
        WrittenRow row = new WrittenRow(0, sampler, rules, new long[700], limit, Stop.MAX_NEW_TOKENS);
        long[] expected = new long[limit];
        for (int i = 0; i < limit; i++) {
            assertTrue(row.isOpen());
            expected[i] = i % 7;
            float[] logits = new float[8];
            logits[i % 7] = 1;
            assertEquals(expected[i], row.take(logits, (number, id) -> true));
        }
        assertFalse(row.isOpen());
        assertArrayEquals(expected, row.continuation().ids());
    }

    /** As sentence-transformers does it, whatever the tokenizer makes of blanks. */
    @Test
    void blanksAroundATextAreNoPartOfIt() throws Exception {
        try (Model model = Models.open(Fixture.directory("stories260K"), ModelOptions.of(Task.SENTENCE_EMBEDDING));
                Tokenizer tokenizer = Tokenizer.open(Fixture.directory("stories260K"))) {
            TextEmbedder embedder = new TextEmbedder(model, tokenizer, 64, 8, false);
            List<float[]> vectors = embedder.embed(List.of("Once upon", "  Once upon\n "));
            assertArrayEquals(vectors.get(0), vectors.get(1), 1e-5f);
        }
    }

    /** A prompt that is asked again, of which all has been read: the last token's logits need the memory before it. */
    @ParameterizedTest
    @ValueSource(strings = {"lfm2", "qwen3_5_text", "granitemoehybrid", "llama_gqa"})
    void aPromptThatHasBeenReadToItsEndIsAnsweredAlike(String name) throws Exception {
        long[] prompt = {5, 17, 42, 8, 99, 120, 3};
        try (Model model = Models.open(Fixture.directory(name), ModelOptions.of(Task.CAUSAL_LM));
                Reading reading = new Reading()) {
            Generator generator = new Generator((Decoder) model);
            Continuation fresh = generator.greedy(prompt, 8, Set.of());
            for (int most : new int[] {1, 8, 8}) {
                Continuation again = generator.generate(
                        prompt, 0, most, Set.of(), SamplingConfig.GREEDY, (row, id) -> true, reading);
                assertEquals(
                        Arrays.stream(fresh.ids()).limit(most).boxed().toList(),
                        Arrays.stream(again.ids()).boxed().toList());
            }
        }
    }
}
