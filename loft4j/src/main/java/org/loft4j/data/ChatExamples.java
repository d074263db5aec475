package org.loft4j.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.jinja.Rendered;

/**
 * Finds the answers in the text that a template makes of a conversation. Nothing is known of the template's marks: an answer begins
 * where the text of the turns before it ends, and ends with the token that ends a turn. Where the template itself marks answers
 * ({@code generation} blocks), these are taken.
 *
 * <p>Some templates write an earlier answer otherwise than the last one (Qwen 3 leaves out what it thought). The whole text then
 * shows such an answer in a form in which the model never gives it, so the answer gets a text of its own, which ends with it: that
 * is what the model sees when it is used. So does an answer whose prompt is written otherwise once the answer is there (Mistral
 * puts what the system says before the user's last turn only while nothing follows it): its text is the prompt and the answer.
 *
 * <p>What the assistant says before anybody has asked is no answer, and no loss is taken on it; nor is any on an answer that says so
 * itself ({@link Message#isLearnt}).
 */
final class ChatExamples {
    private final ChatFormat format;
    private final @Nullable String endOfTurn;
    private final String headAnyway;

    /** @param endOfTurn the text of the token that ends an answer; null if there is none */
    ChatExamples(ChatFormat format, @Nullable String endOfTurn) {
        this.format = format;
        this.endOfTurn = endOfTurn;
        this.headAnyway = format.template().headAnyway();
    }

    /**
     * A text, and where its answers are.
     *
     * @param messages the turns in it
     * @param learnt the indices of the answers among them; empty where the template marks its answers, or all is learnt
     * @param spans the answers, {@code [start, end)} in characters, in order
     * @param altered how many of the answers the template does not write as they were given, or not behind the prompt that asks for them
     */
    record Example(String text, List<Message> messages, List<Integer> learnt, List<Rendered.Span> spans, int altered) {}

    /** The texts of a conversation; the last one holds its last answer. */
    List<Example> of(Conversation row) throws DataException {
        int asked = row.asked();
        return of(row, row.messages(), index -> index >= asked);
    }

    /** How many of the oldest exchanges can be left out while an answer is left to learn. */
    static int exchanges(Example example) {
        return beginnings(example).size();
    }

    /** The text that {@link #without} has, found without looking for all of its answers. */
    String textWithout(Conversation row, Example example, int oldest) throws DataException {
        if (example.learnt().isEmpty()) {
            return without(row, example, oldest).text();
        }
        try {
            return answer(row, rest(example, oldest), format.variables(row)).text();
        } catch (ConfigException e) {
            throw row.origin().fault(String.valueOf(e.getMessage()));
        }
    }

    /**
     * The same without its oldest exchanges, each of which is what a user says (or whoever comes first), and all up to what he says
     * next. System messages at the beginning stay.
     *
     * @param oldest how many, from 1 to {@link #exchanges}
     */
    Example without(Conversation row, Example example, int oldest) throws DataException {
        List<Message> rest = rest(example, oldest);
        int dropped = example.messages().size() - rest.size();
        List<Example> left = of(
                row,
                rest,
                index -> example.learnt().isEmpty() || example.learnt().contains(index + dropped));
        return left.get(left.size() - 1);
    }

    private static List<Message> rest(Example example, int oldest) {
        List<Message> messages = example.messages();
        List<Message> rest = new ArrayList<>(messages.subList(0, leading(messages)));
        rest.addAll(messages.subList(beginnings(example).get(oldest - 1), messages.size()));
        return rest;
    }

    /** Where the exchanges after the first begin that an answer to learn comes after. */
    private static List<Integer> beginnings(Example example) {
        List<Message> messages = example.messages();
        List<Integer> learnt = example.learnt();
        int last = learnt.isEmpty() ? messages.size() - 1 : learnt.get(learnt.size() - 1);
        while (last >= 0 && !messages.get(last).isLearnt()) {
            last--;
        }
        return IntStream.range(leading(messages) + 1, last + 1)
                .filter(index -> messages.get(index).role().equals("user"))
                .boxed()
                .toList();
    }

    /** The number of system messages at the beginning. */
    private static int leading(List<Message> messages) {
        int count = 0;
        while (count < messages.size() && messages.get(count).tells()) {
            count++;
        }
        return count;
    }

    private List<Example> of(Conversation row, List<Message> messages, IntPredicate learns) throws DataException {
        Map<String, @Nullable Object> variables = format.variables(row);
        try {
            Rendered rendered = format.template().render(messages, false, variables);
            Rendered whole = new Rendered(withoutHead(rendered.text()), rendered.generated());
            List<Rendered.Span> marked = format.lossOn() == LossOn.ALL
                    ? List.of(new Rendered.Span(0, whole.text().length()))
                    : row.given() == 0 ? marked(whole, messages, variables) : List.of();
            if (!marked.isEmpty()) {
                int from = format.lossOn() == LossOn.LAST ? marked.size() - 1 : 0;
                boolean answered = messages.get(messages.size() - 1).isLearnt();
                int end = answered
                        ? whole.text().length()
                        : marked.get(marked.size() - 1).end();
                return List.of(new Example(
                        whole.text().substring(0, end),
                        messages,
                        List.of(),
                        marked.subList(from, marked.size()),
                        altered(messages, whole.text())));
            }
            return split(row, messages, whole.text(), answers(row, messages, learns, variables));
        } catch (ConfigException e) {
            throw row.origin().fault(String.valueOf(e.getMessage()));
        }
    }

    private static List<Message> answers(List<Message> messages) {
        return messages.subList(Conversation.asked(messages), messages.size()).stream()
                .filter(Message::isAnswer)
                .toList();
    }

    /** How many of the answers that are learnt are not in a text as they were given. */
    private int altered(List<Message> messages, String text) {
        List<Message> answers =
                answers(messages).stream().filter(Message::isLearnt).toList();
        int from = format.lossOn() == LossOn.LAST ? Math.max(0, answers.size() - 1) : 0;
        return (int) answers.subList(from, answers.size()).stream()
                .filter(answer -> !answer.isIn(text))
                .count();
    }

    /** The answers to learn that the template marks, without what is said before anybody has asked; none where they are not clear. */
    private List<Rendered.Span> marked(
            Rendered whole, List<Message> messages, Map<String, @Nullable Object> variables) {
        List<Rendered.Span> asked = asked(whole, messages, variables);
        List<Message> answers = answers(messages);
        if (answers.stream().allMatch(Message::isLearnt)) {
            return asked;
        }
        return answers.size() == asked.size()
                ? IntStream.range(0, answers.size())
                        .filter(i -> answers.get(i).isLearnt())
                        .mapToObj(asked::get)
                        .toList()
                : List.of();
    }

    private List<Rendered.Span> asked(Rendered whole, List<Message> messages, Map<String, @Nullable Object> variables) {
        List<Message> before = messages.subList(0, Conversation.asked(messages));
        List<Rendered.Span> all = whole.generated();
        if (before.stream().noneMatch(Message::isAnswer)) {
            return all;
        }
        int unasked =
                format.template().render(before, false, variables).generated().size();
        return all.subList(Math.min(unasked, all.size()), all.size());
    }

    /** Puts every answer into the longest text that holds it as it was given. */
    private List<Example> split(Conversation row, List<Message> messages, String whole, TreeMap<Integer, Answer> open)
            throws DataException {
        if (open.isEmpty()) {
            boolean unasked = row.given() == 0 && messages.stream().anyMatch(Message::isAnswer);
            if (messages.subList(row.asked(), messages.size()).stream().anyMatch(Message::isAnswer)) {
                throw row.origin()
                        .fault(
                                "has no answer to learn: every message of the assistant has \"weight\" 0, or \"train\" false");
            }
            throw row.origin()
                    .fault("has no answer to learn: no message " + (row.given() == 0 ? "" : "of the completion ")
                            + "has the role \"assistant\"" + (unasked ? " and comes after one of the user" : ""));
        }
        List<Example> examples = new ArrayList<>();
        String text = whole;
        List<Message> turns = messages;
        while (!open.isEmpty()) {
            Answer last = open.lastEntry().getValue();
            // turns behind the last answer are never learnt, and would take room from its prompt
            if (last.message() < turns.size() - 1 || !last.isIn(text)) {
                turns = messages.subList(0, last.message() + 1);
                text = last.text();
            }
            List<Rendered.Span> spans = new ArrayList<>();
            List<Integer> learnt = new ArrayList<>();
            int altered = 0;
            for (Answer answer : List.copyOf(open.values())) {
                if (answer.isIn(text)) {
                    spans.add(new Rendered.Span(answer.start(), answer.end()));
                    learnt.add(answer.message());
                    altered += answer.altered() ? 1 : 0;
                    open.remove(answer.message());
                }
            }
            examples.add(0, new Example(text, turns, learnt, spans, altered));
        }
        return examples;
    }

    /**
     * One answer.
     *
     * @param message its index
     * @param start where it begins
     * @param end where it ends
     * @param text the text in which it is the last turn
     * @param altered whether the template leaves out some of it, or of the prompt before it
     */
    private record Answer(int message, int start, int end, String text, boolean altered) {
        /** Whether a text has it, and all before it, as the model sees it. */
        boolean isIn(String whole) {
            return whole.regionMatches(0, text, 0, end);
        }
    }

    private TreeMap<Integer, Answer> answers(
            Conversation row, List<Message> messages, IntPredicate learns, Map<String, @Nullable Object> variables)
            throws DataException {
        TreeMap<Integer, Answer> answers = new TreeMap<>();
        for (int i = messages.size() - 1; i >= 0; i--) {
            if (messages.get(i).isLearnt() && learns.test(i)) {
                answers.put(i, answer(row, messages.subList(0, i + 1), variables));
                if (format.lossOn() == LossOn.LAST) {
                    break;
                }
            }
        }
        return answers;
    }

    /** The last turn. It begins behind the prompt, or behind as much of the prompt's end as the template really writes. */
    private Answer answer(Conversation row, List<Message> turns, Map<String, @Nullable Object> variables)
            throws DataException {
        int last = turns.size() - 1;
        List<Message> before = turns.subList(0, last);
        String prompt = write(before, true, variables);
        String text = write(turns, false, variables);
        int start = prompt.length();
        if (!text.startsWith(prompt)) {
            String bare = write(before, false, variables);
            if (text.startsWith(bare) && !bare.equals(prompt)) {
                // an answer may begin as the rest of the prompt does, and "<b>" has nothing of "<think>"
                String other = write(ChatTemplate.probe(turns, last), false, variables);
                start = Math.max(bare.length(), Math.min(common(prompt, text), common(prompt, other)));
            } else {
                text = prompt + tail(row, turns, prompt, text, variables);
            }
        }
        int mark = endOfTurn == null ? -1 : text.lastIndexOf(endOfTurn);
        int end = endOfTurn == null || mark < start ? text.length() : mark + endOfTurn.length();
        boolean altered = start < prompt.length() || !turns.get(last).isIn(text);
        return new Answer(last, start, end, text, altered);
    }

    /**
     * The last turn as a text has it that does not begin with the prompt. Whatever the template does before: what both have behind
     * the words of the turn before the last begins with the end of the prompt, and the rest is the answer.
     */
    private String tail(
            Conversation row, List<Message> turns, String prompt, String text, Map<String, @Nullable Object> variables)
            throws DataException {
        int last = turns.size() - 1;
        List<Message> other = ChatTemplate.probe(turns, last - 1);
        String head = commonEnd(prompt, write(other.subList(0, last), true, variables));
        String rest = commonEnd(text, write(other, false, variables));
        if (!rest.startsWith(head)) {
            throw row.origin()
                    .fault("message " + turns.size()
                            + ": the chat template does not write the turns before an answer as it writes them without it, so"
                            + " that the answer cannot be told from its prompt; try --loss-on all");
        }
        return rest.substring(head.length());
    }

    private String write(List<Message> turns, boolean asks, Map<String, @Nullable Object> variables) {
        String text = format.template().render(turns, asks, variables).text();
        return asks ? text : withoutHead(text);
    }

    private String withoutHead(String text) {
        return text.endsWith(headAnyway) ? text.substring(0, text.length() - headAnyway.length()) : text;
    }

    /** How many characters two texts begin with alike. */
    static int common(String a, String b) {
        int length = 0;
        while (length < Math.min(a.length(), b.length()) && a.charAt(length) == b.charAt(length)) {
            length++;
        }
        return length;
    }

    /** What two texts end with alike. */
    static String commonEnd(String a, String b) {
        int length = 0;
        while (length < Math.min(a.length(), b.length())
                && a.charAt(a.length() - 1 - length) == b.charAt(b.length() - 1 - length)) {
            length++;
        }
        return a.substring(a.length() - length);
    }
}
