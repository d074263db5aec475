package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

class TrainTestSplitTest {
    private static List<PlainText> rows(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> new PlainText("text " + i))
                .toList();
    }

    @Test
    void holdsOutAboutTheShare() {
        var split = TrainTestSplit.byHash(rows(10_000), 0.2, 7);
        assertEquals(10_000, split.train().size() + split.test().size());
        assertTrue(
                Math.abs(split.test().size() - 2000) < 200,
                "held out: " + split.test().size());
    }

    @Test
    void aRowNeverChangesSides() {
        var before = new HashSet<>(TrainTestSplit.byHash(rows(1000), 0.3, 7).test());
        var more = new ArrayList<>(rows(2000));
        Collections.shuffle(more, new Random(1));
        var after = TrainTestSplit.byHash(more, 0.3, 7).test();
        assertEquals(
                before,
                new HashSet<>(after.stream()
                        .filter(new HashSet<>(rows(1000))::contains)
                        .toList()));
        assertFalse(before.equals(
                new HashSet<>(TrainTestSplit.byHash(rows(1000), 0.3, 8).test())));
    }

    @Test
    void aGreaterShareKeepsWhatIsHeldOut() {
        var few = TrainTestSplit.byHash(rows(1000), 0.1, 7).test();
        assertTrue(TrainTestSplit.byHash(rows(1000), 0.2, 7).test().containsAll(few));
    }

    @Test
    void sharesThatLeaveASideEmptyAreRefused() {
        assertThrows(ConfigException.class, () -> TrainTestSplit.byHash(rows(10), 0, 7));
        assertThrows(ConfigException.class, () -> TrainTestSplit.byHash(rows(10), 1, 7));
        assertThrows(ConfigException.class, () -> TrainTestSplit.byHash(rows(10), Double.NaN, 7));
        var fault = assertThrows(ConfigException.class, () -> TrainTestSplit.byHash(rows(1), 0.5, 7));
        assertTrue(fault.getMessage().startsWith("holding out 0.5 of 1 rows leaves none "), fault.getMessage());
    }

    @Test
    void noKindOfRowMovesWhenRowsAreAdded() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            rows.add(new LabeledText("labelled " + i, i % 2 == 0 ? "a" : "b"));
            rows.add(new PromptCompletion("prompt " + i, "completion"));
            rows.add(new Conversation(List.of(Message.of("user", "turn " + i), Message.of("assistant", "a"))));
            rows.add(new TaggedWords(List.of("word", "" + i), List.of("A", "B")));
        }
        var few = TrainTestSplit.byHash(rows.subList(0, 400), 0.25, 3);
        Collections.shuffle(rows, new Random(2));
        var all = TrainTestSplit.byHash(rows, 0.25, 3);
        assertTrue(all.test().containsAll(few.test()));
        assertTrue(all.train().containsAll(few.train()));
    }

    @Test
    void conversationsThatAllBeginWithTheSameGreetingAreSplit() {
        List<Conversation> rows = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            Message question = Message.of("user", "question " + i / 2);
            Message answer = Message.of("assistant", "answer " + i);
            rows.add(new Conversation(List.of(Message.of("assistant", "Hello!"), question, answer)));
        }
        var split = TrainTestSplit.byHash(rows, 0.2, 7);
        assertTrue(
                Math.abs(split.test().size() - 200) < 60,
                "held out: " + split.test().size());
        for (int i = 0; i < rows.size(); i += 2) {
            assertEquals(
                    split.test().contains(rows.get(i)), split.test().contains(rows.get(i + 1)), "both ask the same");
        }
    }

    @Test
    void aPromptOfMessagesIsAllOfWhatIsAsked() {
        List<Conversation> rows = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            List<Message> messages = List.of(
                    Message.of("user", "Hello!"),
                    Message.of("assistant", "Hello!"),
                    Message.of("user", "question " + i),
                    Message.of("assistant", "answer"));
            rows.add(new Conversation(messages, 3, Map.of(), Origin.MEMORY));
        }
        assertFalse(TrainTestSplit.byHash(rows, 0.2, 7).test().isEmpty());
    }

    /** To an encoder, whose tokenizer drops them, one of them held out would be no test. */
    @Test
    void blanksAtTheEndsOfATextChangeNoSide() {
        for (int i = 0; i < 200; i++) {
            String text = "text number " + i;
            boolean side = TrainTestSplit.isHeldOut(new LabeledText(text, "a"), 0.5, 7);
            assertEquals(side, TrainTestSplit.isHeldOut(new LabeledText(text + " ", "a"), 0.5, 7), text);
            assertEquals(side, TrainTestSplit.isHeldOut(new LabeledText("\t" + text + "\n", "b"), 0.5, 7), text);
        }
    }

    @Test
    void theHashIsFixedForGood() {
        assertEquals(
                IntStream.of(6, 7, 8, 9, 10, 11, 12, 17, 18)
                        .mapToObj(i -> new PlainText("text " + i))
                        .toList(),
                TrainTestSplit.byHash(rows(20), 0.3, 7).test());
        assertEquals(
                TrainTestSplit.isHeldOut("text 1".getBytes(StandardCharsets.UTF_8), 0.3, 7),
                TrainTestSplit.byHash(rows(20), 0.3, 7).test().contains(new PlainText("text 1")));
    }
}
