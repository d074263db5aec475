package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Two answers to a prompt out of JSON objects: the preferred one in {@code chosen}, the other in {@code rejected}. */
final class PreferenceRows {
    static final String CHOSEN = "chosen";
    static final String REJECTED = "rejected";

    /** What stands before an answer in texts that hold their prompt, such as those of HH-RLHF. */
    private static final String ANSWERS = "\n\nAssistant:";

    /** What stands before a question in them. */
    private static final String ASKS = "\n\nHuman:";

    private PreferenceRows() {}

    /** Which columns the rows of a file have. */
    static RowKind kind(Columns asked, Collection<String> present, String where, Origin origin) throws DataException {
        RowKind prompt = present.contains("prompt")
                ? new RowKind.Prompted("prompt", null, null)
                : present.contains("question")
                        ? new RowKind.Prompted("question", null, null)
                        : present.contains("instruction")
                                ? new RowKind.Instructed("instruction", RowKind.first(present, RowKind.INPUTS), null)
                                : present.contains("conversations") ? new RowKind.ShareGpt("conversations") : null;
        if (!asked.answers()) {
            // of a whole conversation the turns before the answer are asked
            return prompt != null ? prompt : new RowKind.Chat(RowKind.named(CHOSEN, "", present, where, origin));
        }
        RowKind.named(CHOSEN, "", present, where, origin);
        RowKind.named(REJECTED, "", present, where, origin);
        return new RowKind.Preferred(prompt);
    }

    /**
     * Reads one row.
     *
     * @param asked the prompt: a {@link PromptCompletion} without completion, or a {@link Conversation} without answer; null where both
     *     answers come with it
     * @param object has {@code chosen} and {@code rejected}
     */
    static Preference of(@Nullable Row asked, JsonNode object, Origin origin) throws DataException {
        boolean texts = object.path(CHOSEN).isTextual() && object.path(REJECTED).isTextual();
        try {
            if (texts && asked == null) {
                return marked(
                        object.path(CHOSEN).textValue(), object.path(REJECTED).textValue(), origin);
            }
            if (texts && asked instanceof PromptCompletion prompt) {
                return new Preference(
                        answered(
                                prompt,
                                RowCheck.filled(CHOSEN, object.path(CHOSEN).textValue(), origin)),
                        answered(
                                prompt,
                                RowCheck.filled(REJECTED, object.path(REJECTED).textValue(), origin)),
                        origin);
            }
            return turns(asked, object, origin);
        } catch (ConfigException e) {
            throw origin.fault(String.valueOf(e.getMessage()));
        }
    }

    private static PromptCompletion answered(PromptCompletion asked, String answer) {
        return new PromptCompletion(asked.before(), asked.prompt(), asked.turn(), answer, asked.origin());
    }

    /** Texts that hold their prompt, which ends with the mark of the answer. */
    private static Preference marked(String chosen, String rejected, Origin origin) throws DataException {
        int end = chosen.lastIndexOf(ANSWERS);
        int other = rejected.lastIndexOf(ANSWERS);
        if (end < 0 || other < 0) {
            throw origin.fault(
                    "has no prompt: it must stand in \"prompt\" (or \"question\", \"instruction\", \"conversations\")"
                            + " beside \"chosen\" and \"rejected\"; without one these are lists of messages that begin with it, or texts"
                            + " in which \"\\n\\nAssistant:\" stands before the answer");
        }
        int from = end + ANSWERS.length();
        String answer = chosen.substring(from);
        String second = rejected.substring(other + ANSWERS.length());
        if (end != other || !rejected.startsWith(chosen.substring(0, from))) {
            throw origin.fault(
                    "\"chosen\" and \"rejected\" differ before the last \"\\n\\nAssistant:\": two answers are compared"
                            + " only where all before them is the same");
        }
        if (answer.contains(ASKS) || second.contains(ASKS)) {
            throw origin.fault("\"" + (answer.contains(ASKS) ? CHOSEN : REJECTED)
                    + "\" must end with an answer, and ends with what stands behind \"\\n\\nHuman:\"");
        }
        if (answer.isBlank() || second.isBlank()) {
            throw origin.fault("\"" + (answer.isBlank() ? CHOSEN : REJECTED)
                    + "\" has no answer behind its last \"\\n\\nAssistant:\"");
        }
        RowCheck.filled(CHOSEN, chosen, origin);
        RowCheck.filled(REJECTED, rejected, origin);
        String prompt = chosen.substring(0, from);
        return new Preference(
                new PromptCompletion(prompt, answer, origin), new PromptCompletion(prompt, second, origin), origin);
    }

    private static Preference turns(@Nullable Row asked, JsonNode object, Origin origin) throws DataException {
        List<Message> chosen = whole(asked, CHOSEN, object, origin);
        List<Message> rejected = whole(asked, REJECTED, object, origin);
        requireAnswer(CHOSEN, chosen, origin);
        requireAnswer(REJECTED, rejected, origin);
        int given = Math.max(chosen.size(), rejected.size()) - 1;
        int same = 0;
        while (same < Math.min(chosen.size(), rejected.size())
                && chosen.get(same).equals(rejected.get(same))) {
            same++;
        }
        if (same < given) {
            throw origin.fault("\"chosen\" and \"rejected\" differ before their last turn, in turn " + (same + 1)
                    + ": two answers are compared only where all turns before them are the same");
        }
        Map<String, @Nullable Object> variables =
                asked instanceof Conversation turns ? turns.variables() : ChatRows.variables(object, origin);
        return new Preference(
                new Conversation(chosen, given, variables, origin),
                // the turns before are those of the other, so that they are held once
                new Conversation(answered(chosen.subList(0, given), rejected.get(given)), given, variables, origin),
                origin);
    }

    private static List<Message> answered(List<Message> asked, Message answer) {
        List<Message> all = new ArrayList<>(asked);
        all.add(answer);
        return all;
    }

    /** The conversation of one answer: the prompt with the answer behind it, unless the answer is the whole of it already. */
    private static List<Message> whole(@Nullable Row asked, String key, JsonNode object, Origin origin)
            throws DataException {
        JsonNode value = object.path(key);
        if (!value.isTextual() && !value.isContainerNode()) {
            throw origin.fault("\"" + key
                    + "\" must be an answer, which is a text, a message or a list of messages, found " + value);
        }
        if (asked == null) {
            return ChatRows.told(object, ChatRows.turns(value, key, origin), origin);
        }
        List<Message> prompt =
                asked instanceof PromptCompletion text ? text.asked() : ((Conversation) asked).messages();
        List<Message> answer = value.isTextual()
                ? List.of(Message.of("assistant", RowCheck.filled(key, value.textValue(), origin)))
                : ChatRows.turns(value, key, origin);
        if (answer.size() == 1) {
            return answered(prompt, answer.get(0));
        }
        List<Message> asks = ChatRows.untold(prompt);
        List<Message> turns = ChatRows.untold(answer);
        if (turns.size() < asks.size() || !same(asks, turns.subList(0, asks.size()))) {
            throw origin.fault(
                    "\"" + key + "\" has " + answer.size() + " turns, which do not begin with the prompt beside them:"
                            + " it must be the answer alone, or the whole conversation; a query that names the other columns leaves the"
                            + " prompt out");
        }
        if (turns.size() < answer.size()) {
            return answer;
        }
        List<Message> all = new ArrayList<>(prompt.subList(0, prompt.size() - asks.size()));
        all.addAll(answer);
        return all;
    }

    /** Whether the same is said in turn, blanks around it aside. */
    private static boolean same(List<Message> some, List<Message> others) {
        for (int i = 0; i < some.size(); i++) {
            Message one = some.get(i);
            Message other = others.get(i);
            if (!one.role().equals(other.role())
                    || !one.text().strip().equals(other.text().strip())) {
                return false;
            }
        }
        return true;
    }

    private static void requireAnswer(String key, List<Message> turns, Origin origin) throws DataException {
        Message last = turns.get(turns.size() - 1);
        if (!last.isAnswer()) {
            throw origin.fault(
                    "\"" + key + "\" must end with an answer of the assistant, and ends with a turn of the role "
                            + Quoted.text(last.role()));
        }
        if (turns.size() == 1) {
            throw origin.fault(
                    "\"" + key + "\" has nothing before its answer: the prompt must stand in \"prompt\", or in the"
                            + " turns before the last");
        }
    }
}
