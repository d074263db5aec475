package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Continuation.Stop;
import org.loft4j.infer.TextGenerator.Answer;
import org.loft4j.infer.TextGenerator.End;
import org.loft4j.infer.TextGenerator.Request;
import org.loft4j.model.Fixture;
import org.loft4j.nn.PromptSampler.Draft;

/** What is told of a text, and why it ends, token by token. */
class GrowingTextsTest {
    private final List<String> heard = new ArrayList<>();
    private Tokenizer tokenizer;

    @BeforeEach
    void open() throws IOException {
        tokenizer = Tokenizer.open(Fixture.directory("stories260K"));
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private GrowingTexts texts(boolean goesOn, Set<Long> stopIds, String... stopStrings) {
        Request request = new Request(40, stopIds, List.of(stopStrings), SamplingConfig.GREEDY);
        List<long[]> prompts = List.of(tokenizer.encode("Once upon a time", true));
        return new GrowingTexts(tokenizer, prompts, request, goesOn, (row, piece) -> heard.add(piece), () -> {});
    }

    /** Of all ids, or those up to one behind which no more are wanted. */
    private static Answer answer(GrowingTexts texts, Stop stop, long... ids) {
        int told = 0;
        while (told < ids.length && texts.onToken(0, ids[told++])) {
            // goes on
        }
        assertEquals(ids.length, told);
        return texts.answers(List.of(new Continuation(ids, stop))).get(0);
    }

    private long[] ids(String text) {
        return tokenizer.encode(text, false);
    }

    @Test
    void aTextIsToldInPiecesThatHaveWords() {
        long[] word = ids("there was a girl");
        assertEquals(
                " there was a girl",
                answer(texts(true, Set.of()), Stop.MAX_NEW_TOKENS, word).text());
        assertFalse(heard.contains(""));
        assertEquals(" there was a girl", String.join("", heard));
        // of a model that reads one text and writes another
        assertEquals(
                "there was a girl",
                answer(texts(false, Set.of()), Stop.MAX_NEW_TOKENS, word).text());
    }

    @Test
    void theBeginningOfAStopStringIsPartOfATextThatEndsThere() {
        Answer answer = answer(texts(true, Set.of(), "girlfriend"), Stop.MAX_NEW_TOKENS, ids("a girl"));
        assertEquals(" a girl", answer.text());
        assertEquals(" a girl", String.join("", heard));
        assertEquals(End.MAX_NEW_TOKENS, answer.end());
        assertEquals(
                End.MAX_POSITIONS,
                answer(texts(true, Set.of()), Stop.MAX_POSITIONS, ids("a")).end());
    }

    @Test
    void noMoreIsWantedBehindAStopString() {
        GrowingTexts texts = texts(true, Set.of(), "girl");
        long[] all = ids("a girl a girl");
        int taken = 0;
        while (texts.onToken(0, all[taken++])) {
            assertTrue(taken < all.length);
        }
        assertTrue(taken <= ids("a girl").length, taken + " tokens");
        Continuation made = new Continuation(Arrays.copyOf(all, taken), Stop.LISTENER);
        Answer answer = texts.answers(List.of(made)).get(0);
        assertEquals(" a ", answer.text());
        assertEquals(End.STOP_STRING, answer.end());
    }

    /** The bytes of a character that lacks its last one. */
    @Test
    void aCharacterThatNeverBecameWholeIsToldAtTheEnd() {
        long[] whole = ids("漢");
        assertTrue(whole.length > 2);
        long[] part = Arrays.copyOf(whole, whole.length - 1);
        String text = answer(texts(true, Set.of()), Stop.MAX_NEW_TOKENS, part).text();
        assertTrue(text.contains("\uFFFD"), text);
        assertEquals(text, String.join("", heard));
        Answer stopped = answer(texts(true, Set.of(), "\uFFFD"), Stop.MAX_NEW_TOKENS, part);
        assertFalse(stopped.text().contains("\uFFFD"));
        assertEquals(End.STOP_STRING, stopped.end());
    }

    /** Whoever asks for an id and for its name hears of the id. */
    @Test
    void anEndThatWasAskedForBothWaysIsThatOfTheId() {
        long end = tokenizer.eosId().orElseThrow();
        String name = tokenizer.decode(new long[] {end}, false);
        long[] word = {ids("a")[0], end};
        assertEquals(Set.of(end), texts(true, Set.of(), name).stopIds());
        assertEquals(
                End.STOP_ID,
                answer(texts(true, Set.of(end), name), Stop.STOP_ID, word).end());
        assertEquals(
                End.STOP_STRING,
                answer(texts(true, Set.of(), name), Stop.STOP_ID, word).end());
    }

    /** Beams grow from one another, and each is as it was when another one goes on. */
    @Test
    void draftsDoNotKnowOfOneAnother() {
        Draft begun = texts(true, Set.of(), "a girl").draft(0);
        long[] ids = ids("a girl");
        Draft first = begun.with(ids[0]);
        Draft ended = first;
        for (int i = 1; i < ids.length; i++) {
            ended = ended.with(ids[i]);
        }
        assertTrue(ended.isEnded());
        Draft other = begun;
        for (int i = 1; i < ids.length; i++) {
            other = other.with(ids[i]);
        }
        assertFalse(other.isEnded());
        assertFalse(first.isEnded());
        assertFalse(first.with(ids("the")[0]).isEnded());
    }
}
