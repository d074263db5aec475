package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RepetitionsTest {
    private static Origin at(long line) {
        return new Origin(Path.of("rows"), line);
    }

    static Repetitions within(List<? extends Row> rows) {
        var search = new Repetitions.Search();
        rows.forEach(search::add);
        return search.found();
    }

    private static Repetitions.Pair pair(long line, long first) {
        return new Repetitions.Pair(at(line), at(first));
    }

    @Test
    void duplicatesAndContradictionsAreToldApart() {
        List<Row> rows = List.of(
                new LabeledText("a", "yes", at(1)),
                new LabeledText("b", "yes", at(2)),
                new LabeledText("a", "no", at(3)),
                new LabeledText(" a\t", "yes", at(4)),
                new LabeledText("a", "no", at(5)));
        var found = within(rows);
        assertEquals(List.of(pair(4, 1), pair(5, 3)), found.same());
        assertEquals(List.of(pair(3, 1)), found.other());
        assertEquals(new Repetitions(List.of(), List.of()), within(rows.subList(0, 2)));
    }

    @Test
    void everyKindOfRowHasAQuestionAndAnAnswer() {
        var chat = List.of(Message.of("user", "q"), Message.of("assistant", "a"));
        var longer = List.of(Message.of("user", "q"), Message.of("assistant", "a"), Message.of("user", "r"));
        var found = within(List.of(
                new PlainText("q", at(1)),
                new PromptCompletion("q", "a", at(2)),
                new PromptCompletion("q", "a", at(3)),
                new Conversation(chat, 0, Map.of(), at(4)),
                new Conversation(longer, 0, Map.of(), at(5)),
                new Conversation(chat, 0, Map.of(), at(6)),
                new TaggedWords(List.of("w", "v"), List.of("A", "B"), at(7)),
                new TaggedWords(List.of("w", "v"), List.of("A", "C"), at(8))));
        assertEquals(List.of(pair(3, 2), pair(6, 4)), found.same());
        assertEquals(List.of(pair(2, 1), pair(5, 4), pair(8, 7)), found.other());
    }

    @Test
    void whatIsSaidBeforeAPromptIsAskedToo() {
        var told = new PromptCompletion(List.of(Message.of("system", "s")), "q", "q", "a", at(2));
        assertEquals(
                new Repetitions(List.of(), List.of()), within(List.of(new PromptCompletion("q", "a", at(1)), told)));
    }

    @Test
    void rowsInBothSplitsAreFound() {
        List<Row> training = List.of(new LabeledText("a", "yes", at(1)), new LabeledText("b", "no", at(2)));
        List<Row> heldOut = List.of(
                new LabeledText("b", "no", at(10)),
                new LabeledText("c", "no", at(11)),
                new LabeledText("c", "no", at(12)),
                new LabeledText("a", "no", at(13)));
        var found = Repetitions.across(training, heldOut);
        assertEquals(List.of(pair(10, 2)), found.same());
        assertEquals(List.of(pair(13, 1)), found.other());
    }

    @Test
    void aGreetingIsNoQuestion() {
        Message greeting = Message.of("assistant", "Hello!");
        List<Conversation> rows = List.of(
                new Conversation(List.of(greeting, Message.of("user", "a"), Message.of("assistant", "A"))),
                new Conversation(List.of(greeting, Message.of("user", "b"), Message.of("assistant", "B"))),
                new Conversation(List.of(greeting, Message.of("user", "a"), Message.of("assistant", "C"))),
                new Conversation(List.of(greeting, Message.of("user", "b"), Message.of("assistant", "B"))));
        Repetitions found = within(rows);
        assertEquals(1, found.same().size());
        assertEquals(1, found.other().size());
    }

    @Test
    void rowsComeOneAfterTheOther() {
        var search = new Repetitions.Search();
        search.add(new LabeledText("a", "yes", at(1)));
        search.add(new LabeledText("a", "yes", at(2)));
        assertEquals(List.of(pair(2, 1)), search.found().same());
        var heldOut = search.ofHeldOut();
        search.add(new LabeledText("b", "yes", at(3)));
        heldOut.add(new LabeledText("b", "no", at(10)));
        heldOut.add(new LabeledText("b", "no", at(11)));
        assertEquals(List.of(pair(10, 3), pair(11, 3)), heldOut.found().other());
        assertEquals(List.of(), heldOut.found().same());
        assertEquals(List.of(), search.found().other());
    }

    @Test
    void whatIsAskedAndWhatIsAnsweredAreApart() {
        var found = within(List.of(
                new PromptCompletion("ab", "c", at(1)),
                new PromptCompletion("a", "bc", at(2)),
                new PromptCompletion("abc", "", at(3)),
                new PromptCompletion("", "abc", at(4))));
        assertEquals(new Repetitions(List.of(), List.of()), found);
    }

    @Test
    void halvesOfSurrogatePairsAreToldApart() {
        var found = within(List.of(
                new PlainText("a\ud83d", at(1)),
                new PlainText("a\ud83e", at(2)),
                new PlainText("a?", at(3)),
                new PlainText("a\ud83d", at(4))));
        assertEquals(List.of(pair(4, 1)), found.same());
    }
}
