package org.loft4j.data;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntPredicate;
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
 * is what the model sees when it is used.
 */
final class ChatExamples {
    private final ChatFormat format;
    private final @Nullable String endOfTurn;

    /** @param endOfTurn the text of the token that ends an answer; null if there is none */
    ChatExamples(ChatFormat format, @Nullable String endOfTurn) {
        this.format = format;
        this.endOfTurn = endOfTurn;
    }

    /**
     * A text, and where its answers are.
     *
     * @param messages the turns in it
     * @param learnt the indices of the answers among them; empty where the template marks its answers, or all is learnt
     * @param spans the answers, {@code [start, end)} in characters, in order
     */
    record Example(String text, List<Message> messages, List<Integer> learnt, List<Rendered.Span> spans) {}

    /** The texts of a conversation; the last one holds its last answer. */
    List<Example> of(Conversation row) throws DataException {
        return of(row, row.messages(), index -> index >= row.given());
    }

    /**
     * The same without its oldest exchange: what the first user said, and all up to what he says next. System messages at the
     * beginning stay.
     *
     * @return null if no answer would be left to learn
     */
    @Nullable
    Example shorter(Conversation row, Example example) throws DataException {
        List<Message> messages = example.messages();
        int kept = 0;
        while (kept < messages.size()
                && List.of("system", "developer").contains(messages.get(kept).role())) {
            kept++;
        }
        int next = kept + 1;
        while (next < messages.size() && !messages.get(next).role().equals("user")) {
            next++;
        }
        boolean answered = next < messages.size()
                && messages.subList(next, messages.size()).stream().anyMatch(Message::isAnswer)
                && (example.learnt().isEmpty()
                        || example.learnt().get(example.learnt().size() - 1) >= next);
        if (!answered) {
            return null;
        }
        List<Message> rest = new ArrayList<>(messages.subList(0, kept));
        rest.addAll(messages.subList(next, messages.size()));
        int dropped = next - kept;
        List<Example> left = of(
                row,
                rest,
                index -> example.learnt().isEmpty() || example.learnt().contains(index + dropped));
        return left.get(left.size() - 1);
    }

    private List<Example> of(Conversation row, List<Message> messages, IntPredicate learns) throws DataException {
        Map<String, @Nullable Object> variables = new LinkedHashMap<>(format.variables());
        variables.putAll(row.variables());
        try {
            Rendered whole = format.template().render(messages, false, variables);
            List<Rendered.Span> marked = format.lossOn() == LossOn.ALL
                    ? List.of(new Rendered.Span(0, whole.text().length()))
                    : row.given() == 0 ? whole.generated() : List.of();
            if (!marked.isEmpty()) {
                int from = format.lossOn() == LossOn.LAST ? marked.size() - 1 : 0;
                return List.of(new Example(whole.text(), messages, List.of(), marked.subList(from, marked.size())));
            }
            return split(row, messages, whole.text(), answers(row, messages, learns, variables), variables);
        } catch (ConfigException e) {
            throw row.origin().fault(String.valueOf(e.getMessage()));
        }
    }

    /** Puts every answer into the longest text that holds it as it was given. */
    private List<Example> split(
            Conversation row,
            List<Message> messages,
            String whole,
            TreeMap<Integer, Answer> open,
            Map<String, @Nullable Object> variables)
            throws DataException {
        if (open.isEmpty()) {
            throw row.origin()
                    .fault("has no answer to learn: no message " + (row.given() == 0 ? "" : "of the completion ")
                            + "has the role \"assistant\"");
        }
        List<Example> examples = new ArrayList<>();
        String text = whole;
        List<Message> turns = messages;
        while (!open.isEmpty()) {
            Answer last = open.lastEntry().getValue();
            if (!text.startsWith(last.upTo())) {
                turns = messages.subList(0, last.message() + 1);
                text = format.template().render(turns, false, variables).text();
            }
            List<Rendered.Span> spans = new ArrayList<>();
            List<Integer> learnt = new ArrayList<>();
            for (Answer answer : List.copyOf(open.values())) {
                if (text.startsWith(answer.upTo())) {
                    spans.add(new Rendered.Span(answer.start(), answer.upTo().length()));
                    learnt.add(answer.message());
                    open.remove(answer.message());
                }
            }
            examples.add(0, new Example(text, turns, learnt, spans));
        }
        return examples;
    }

    /**
     * One answer.
     *
     * @param message its index
     * @param start where it begins
     * @param upTo the text up to its end, where it is the last
     */
    private record Answer(int message, int start, String upTo) {}

    private TreeMap<Integer, Answer> answers(
            Conversation row, List<Message> messages, IntPredicate learns, Map<String, @Nullable Object> variables)
            throws DataException {
        TreeMap<Integer, Answer> answers = new TreeMap<>();
        for (int i = messages.size() - 1; i >= 0; i--) {
            if (messages.get(i).isAnswer() && learns.test(i)) {
                String upTo = format.template()
                        .render(messages.subList(0, i + 1), false, variables)
                        .text();
                int start = start(row, messages.subList(0, i), upTo, variables);
                int end = endOfTurn == null ? -1 : upTo.lastIndexOf(endOfTurn);
                answers.put(
                        i,
                        new Answer(
                                i,
                                start,
                                endOfTurn == null || end < start ? upTo : upTo.substring(0, end + endOfTurn.length())));
                if (format.lossOn() == LossOn.LAST) {
                    break;
                }
            }
        }
        return answers;
    }

    /** Where an answer begins: behind the prompt, or behind as much of its head as the template really writes. */
    private int start(Conversation row, List<Message> before, String upTo, Map<String, @Nullable Object> variables)
            throws DataException {
        String prompt = format.template().render(before, true, variables).text();
        if (upTo.startsWith(prompt)) {
            return prompt.length();
        }
        String turns = format.template().render(before, false, variables).text();
        if (!upTo.startsWith(turns) || turns.equals(prompt)) {
            throw row.origin()
                    .fault("message " + (before.size() + 1)
                            + ": the chat template does not write the turns before an answer as it writes them without it, so"
                            + " that the answer cannot be told from its prompt; try --loss-on all");
        }
        int common = turns.length();
        while (common < Math.min(prompt.length(), upTo.length()) && prompt.charAt(common) == upTo.charAt(common)) {
            common++;
        }
        return common;
    }
}
