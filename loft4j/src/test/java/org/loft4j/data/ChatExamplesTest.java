package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;
import org.loft4j.data.jinja.Rendered;

class ChatExamplesTest {
    private static final String END = "</s>";
    /** What the system says stands before the user's last turn, if nothing follows it. */
    private static final String SYSTEM_LAST =
            "{% if messages[0].role == 'system' %}{% set told = messages[0].content %}"
                    + "{% set turns = messages[1:] %}{% else %}{% set turns = messages %}{% endif %}<s>{% for m in turns %}"
                    + "{% if m.role == 'user' %}[ASK]{% if loop.last and told is defined %}{{ told }}\n\n{% endif %}"
                    + "{{ m.content }}[/ASK]{% else %} {{ m.content }}</s>{% endif %}{% endfor %}";
    /** Has a system turn of its own, and must have a first turn. */
    private static final String DEFAULT_SYSTEM =
            "{% if messages[0].role != 'system' %}<system>Be kind.</s>{% endif %}{% for m in messages %}<{{ m.role }}>"
                    + "{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

    private static final String MARKED = "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}"
            + "{% generation %}{{ m.content }}</s>{% endgeneration %}{% else %}{{ m.content }}</s>{% endif %}{% endfor %}";
    /** Asks for thoughts, and leaves them out of what was answered. */
    private static final String ASKS_FOR_THOUGHTS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
            + "{% if m.role == 'assistant' %}</s>{% endif %}{% endfor %}"
            + "{% if add_generation_prompt %}<assistant><think>\n{% endif %}";

    private static final Message SYSTEM = Message.of("system", "Be brief.");
    private static final Message GREETING = Message.of("assistant", "Hello!");

    @TempDir
    Path directory;

    private ChatExamples examples(String template, LossOn lossOn) throws IOException {
        Path file = Files.writeString(directory.resolve("chat.jinja"), template);
        return new ChatExamples(new ChatFormat(ChatTemplate.read(file, directory), lossOn, false, Map.of()), END);
    }

    private List<String> learnt(String template, LossOn lossOn, Conversation row) throws IOException {
        return examples(template, lossOn).of(row).stream()
                .map(ChatExamplesTest::shown)
                .toList();
    }

    private List<String> learnt(String template, Message... messages) throws IOException {
        return learnt(template, LossOn.ASSISTANT, new Conversation(List.of(messages)));
    }

    /** The text with what is learnt between « and ». */
    private static String shown(ChatExamples.Example example) {
        StringBuilder text = new StringBuilder(example.text());
        List<Rendered.Span> spans = example.spans();
        for (int i = spans.size() - 1; i >= 0; i--) {
            text.insert(spans.get(i).end(), '»').insert(spans.get(i).start(), '«');
        }
        return text.toString();
    }

    private static Message user(String content) {
        return Message.of("user", content);
    }

    private static Message answer(String content) {
        return Message.of("assistant", content);
    }

    @Test
    void anAnswerWhosePromptIsWrittenOtherwiseWithItIsLearntBehindItsPrompt() throws IOException {
        assertEquals(
                List.of("<s>[ASK]Be brief.\n\nU[/ASK]« A</s>»"), learnt(SYSTEM_LAST, SYSTEM, user("U"), answer("A")));
        assertEquals(
                List.of(
                        "<s>[ASK]Be brief.\n\nU[/ASK]« A</s>»",
                        "<s>[ASK]U[/ASK] A</s>[ASK]Be brief.\n\nV[/ASK]« B</s>»"),
                learnt(SYSTEM_LAST, SYSTEM, user("U"), answer("A"), user("V"), answer("B")));
        assertEquals(
                List.of("<s>[ASK]U[/ASK]« A</s>»[ASK]V[/ASK]« B</s>»"),
                learnt(SYSTEM_LAST, user("U"), answer("A"), user("V"), answer("B")));
    }

    /** As DeepSeek Coder's first template does, which asks for an answer whether or not one is wanted. */
    @Test
    void theHeadOfTheNextAnswerIsNotLearntWhereTheTemplateWritesItAnyway() throws IOException {
        String asks = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ";
        Message[] turns = {user("U"), answer("A"), user("V"), answer("B")};
        assertEquals(List.of("user: U\nassistant: «A\n»user: V\nassistant: «B\n»"), learnt(asks, turns));
        assertEquals(
                List.of("«user: U\nassistant: A\n»"),
                learnt(asks, LossOn.ALL, new Conversation(List.of(user("U"), answer("A")))));
    }

    @Test
    void soIsACompletionOfMessages() throws IOException {
        List<Message> messages = List.of(SYSTEM, user("U"), answer("A"), user("V"), answer("B"));
        assertEquals(
                List.of("<s>[ASK]U[/ASK] A</s>[ASK]Be brief.\n\nV[/ASK]« B</s>»"),
                learnt(SYSTEM_LAST, LossOn.ASSISTANT, new Conversation(messages, 4, Map.of(), Origin.MEMORY)));
    }

    @Test
    void theOldestExchangesOfItAreLeftOutToo() throws IOException {
        ChatExamples examples = examples(SYSTEM_LAST, LossOn.ASSISTANT);
        Conversation row = new Conversation(List.of(SYSTEM, user("U"), answer("A"), user("V"), answer("B")));
        ChatExamples.Example last = examples.of(row).get(1);
        assertEquals(1, ChatExamples.exchanges(last));
        ChatExamples.Example shorter = examples.without(row, last, 1);
        assertEquals("<s>[ASK]Be brief.\n\nV[/ASK]« B</s>»", shown(shorter));
        assertEquals(shorter.text(), examples.textWithout(row, last, 1));
        assertEquals(0, ChatExamples.exchanges(shorter));
    }

    @Test
    void turnsBehindTheLastAnswerAreLeftOut() throws IOException {
        for (Message behind : List.of(user("V"), Message.of("tool", "V"))) {
            for (String template : List.of(DEFAULT_SYSTEM, MARKED)) {
                assertEquals(
                        List.of("<system>S</s><user>U</s><assistant>«A</s>»"),
                        learnt(template, Message.of("system", "S"), user("U"), answer("A"), behind),
                        template);
            }
            assertEquals(
                    List.of("<system>S</s><user>U</s><assistant>A</s><user>V</s><assistant>«B</s>»"),
                    learnt(
                            DEFAULT_SYSTEM,
                            LossOn.LAST,
                            new Conversation(List.of(
                                    Message.of("system", "S"),
                                    user("U"),
                                    answer("A"),
                                    user("V"),
                                    answer("B"),
                                    behind))));
        }
        assertEquals(
                List.of("«<system>S</s><user>U</s><assistant>A</s><user>V</s>»"),
                learnt(
                        DEFAULT_SYSTEM,
                        LossOn.ALL,
                        new Conversation(List.of(Message.of("system", "S"), user("U"), answer("A"), user("V")))));
    }

    @Test
    void marksInAMacroAreNotTaken() throws IOException {
        String macro =
                "{% macro say(m) %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>"
                        + "{% endgeneration %}{% else %}{{ m.content }}</s>{% endif %}{% endmacro %}"
                        + "{% for m in messages %}{{ say(m) }}{% endfor %}"
                        + "{% if add_generation_prompt %}<assistant>{% endif %}";
        assertEquals(
                List.of("<user>U</s><assistant>«A</s>»<user>V</s><assistant>«B</s>»"),
                learnt(macro, user("U"), answer("A"), user("V"), answer("B")));
    }

    @Test
    void wordsThatLookLikeMarksMoveNoAnswer() throws IOException {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("ChatExamplesTest seed " + seed);
        Random random = new Random(seed);
        for (int i = 0; i < 300; i++) {
            String told = words(random);
            String asked = words(random);
            String answered = words(random);
            assertEquals(
                    List.of("<s>[ASK]" + told + "\n\n" + asked + "[/ASK]« " + answered + "</s>»"),
                    learnt(SYSTEM_LAST, Message.of("system", told), user(asked), answer(answered)));
        }
    }

    private static String words(Random random) {
        List<String> all = List.of("[ASK]", "[/ASK]", " ", "\n", "a", "r", "answer", "</s>", "<s>");
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(6); i > 0; i--) {
            text.append(all.get(random.nextInt(all.size())));
        }
        return text.toString();
    }

    @Test
    void turnsThatCannotBeToldFromTheAnswerAreAFault() {
        String reversed = "{% for m in messages | reverse %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
                + "{% if add_generation_prompt %}<assistant>{% endif %}";
        var fault = assertThrows(DataException.class, () -> learnt(reversed, user("U"), answer("A")));
        assertTrue(fault.getMessage().contains("message 2: the chat template does not write"), fault.getMessage());
    }

    @Test
    void whatTheAssistantSaysBeforeAnybodyAsksIsNotLearnt() throws IOException {
        assertEquals(
                List.of("<system>Be kind.</s><assistant>Hello!</s><user>U</s><assistant>«A</s>»"),
                learnt(DEFAULT_SYSTEM, GREETING, user("U"), answer("A")));
        assertEquals(
                List.of("<system>Be brief.</s><assistant>Hello!</s><user>U</s><assistant>«A</s>»"),
                learnt(DEFAULT_SYSTEM, SYSTEM, GREETING, user("U"), answer("A")));
        assertEquals(
                List.of("<assistant>Hello!</s><user>U</s><assistant>«A</s>»"),
                learnt(MARKED, GREETING, user("U"), answer("A")));
        for (String template : List.of(DEFAULT_SYSTEM, MARKED)) {
            for (Message[] silent : new Message[][] {{GREETING}, {GREETING, user("U")}}) {
                var fault = assertThrows(DataException.class, () -> learnt(template, silent));
                assertTrue(
                        fault.getMessage()
                                .endsWith("no message has the role \"assistant\" and comes after one of the user"),
                        fault.getMessage());
            }
        }
    }

    @Test
    void theGreetingGoesFirstWhereTheConversationIsTooLong() throws IOException {
        ChatExamples examples = examples(DEFAULT_SYSTEM, LossOn.ASSISTANT);
        Conversation row = new Conversation(List.of(GREETING, user("U"), answer("A")));
        ChatExamples.Example whole = examples.of(row).get(0);
        assertEquals(1, ChatExamples.exchanges(whole));
        assertEquals("<system>Be kind.</s><user>U</s><assistant>«A</s>»", shown(examples.without(row, whole, 1)));
    }

    @Test
    void whereNoUserSpeaksTheSystemAsks() throws IOException {
        assertEquals(List.of("<system>Be brief.</s><assistant>«Hello!</s>»"), learnt(DEFAULT_SYSTEM, SYSTEM, GREETING));
        assertEquals(
                List.of("<system>Be brief.</s><assistant>«Hello!</s>»"),
                learnt(
                        DEFAULT_SYSTEM,
                        LossOn.ASSISTANT,
                        new Conversation(List.of(SYSTEM, GREETING), 1, Map.of(), Origin.MEMORY)));
    }

    @Test
    void anAnswerBeginsAtItsFirstLetterThoughThePromptGoesOnAlike() throws IOException {
        for (String content : List.of("<b>A</b>", "<thinking", "A", "")) {
            assertEquals(
                    List.of("<user>U<assistant>«" + content + "</s>»"),
                    learnt(ASKS_FOR_THOUGHTS, user("U"), answer(content)));
        }
        assertEquals(
                List.of("<user>U<assistant><think>\n«why</think>A</s>»"),
                learnt(ASKS_FOR_THOUGHTS, user("U"), answer("<think>\nwhy</think>A")),
                "the whole prompt is there");
    }

    @Test
    void soDoesOneInParts() throws IOException {
        String parts = ASKS_FOR_THOUGHTS.replace("{{ m.content }}", "{% for p in m.content %}{{ p.text }}{% endfor %}");
        Message question = new Message(Map.of("role", "user", "content", List.of(Map.of("type", "text", "text", "U"))));
        Message answer =
                new Message(Map.of("role", "assistant", "content", List.of(Map.of("type", "text", "text", "<b>"))));
        assertEquals(List.of("<user>U<assistant>«<b></s>»"), learnt(parts, question, answer));
    }

    /** Leaves out what an answer says before it has thought, as DeepSeek's distilled models do, and asks for thoughts. */
    private static final String STRIPS = ASKS_FOR_THOUGHTS.replace(
            "{{ m.content }}", "{{ m.content.split('</think>')[-1] if m.role == 'assistant' else m.content }}");

    private int altered(String template, LossOn lossOn, Message... messages) throws IOException {
        return examples(template, lossOn).of(new Conversation(List.of(messages))).stream()
                .mapToInt(ChatExamples.Example::altered)
                .sum();
    }

    @Test
    void answersThatTheTemplateDoesNotWriteAsTheyWereGivenAreCounted() throws IOException {
        Message thoughtful = answer("<think>\nwhy</think>\n\nA");
        for (LossOn lossOn : List.of(LossOn.ASSISTANT, LossOn.LAST, LossOn.ALL)) {
            assertEquals(1, altered(STRIPS, lossOn, user("U"), thoughtful), lossOn.toString());
            assertEquals(0, altered(DEFAULT_SYSTEM, lossOn, user("U"), thoughtful, user("V"), answer("B")));
        }
        assertEquals(2, altered(STRIPS, LossOn.ASSISTANT, user("U"), thoughtful, user("V"), thoughtful));
        assertEquals(1, altered(STRIPS, LossOn.LAST, user("U"), thoughtful, user("V"), thoughtful));
        assertEquals(
                1,
                altered(STRIPS, LossOn.ASSISTANT, user("U"), answer("A")),
                "without the thoughts that are asked for");
        assertEquals(0, altered(ASKS_FOR_THOUGHTS, LossOn.ASSISTANT, user("U"), thoughtful));
        assertEquals(
                0,
                altered(
                        DEFAULT_SYSTEM.replace("m.content", "m.content | trim | replace('\\n\\n', '\\n')"),
                        LossOn.ASSISTANT,
                        user("U"),
                        answer(" <think>\nwhy</think>\n\nA\n")),
                "blanks are no part of it");
        Message reasoning = new Message(Map.of("role", "assistant", "content", "A", "reasoning_content", "why"));
        assertEquals(1, altered(DEFAULT_SYSTEM, LossOn.ASSISTANT, user("U"), reasoning));
        assertEquals(1, altered(MARKED, LossOn.ASSISTANT, user("U"), reasoning));
        assertEquals(0, altered(MARKED, LossOn.LAST, user("U"), reasoning, user("V"), answer("B")));
    }

    @Test
    void soAreThoughtsUnderOtherNamesAndCallsThatTheTemplateDoesNotKnow() throws IOException {
        for (String name : List.of("thinking", "reasoning")) {
            Message thoughtful = new Message(Map.of("role", "assistant", "content", "A", name, "why"));
            assertEquals(1, altered(DEFAULT_SYSTEM, LossOn.ASSISTANT, user("U"), thoughtful), name);
            String knows = DEFAULT_SYSTEM.replace("{{ m.content }}", "{{ m." + name + " }}{{ m.content }}");
            assertEquals(0, altered(knows, LossOn.ASSISTANT, user("U"), thoughtful), name);
        }
        Map<String, Object> function = Map.of("name", "weather", "arguments", Map.of("city", "Ulm"));
        String knows = DEFAULT_SYSTEM.replace(
                "{{ m.content }}", "{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function or c }}{% endfor %}");
        for (Map<String, Object> call : List.of(function, Map.of("type", "function", "function", function))) {
            Message calls = new Message(Map.of("role", "assistant", "content", "", "tool_calls", List.of(call)));
            assertEquals(1, altered(DEFAULT_SYSTEM, LossOn.ASSISTANT, user("U"), calls));
            assertEquals(0, altered(knows, LossOn.ASSISTANT, user("U"), calls));
        }
    }

    @Test
    void blanksOfAllKindsAreNoPartOfAnAnswer() throws IOException {
        String trims = DEFAULT_SYSTEM.replace("m.content", "m.content | trim");
        assertEquals(0, altered(trims, LossOn.ASSISTANT, user("U"), answer("\u00a0A\u2003\n")));
    }

    private static Message unlearnt(String content, String mark, Object value) {
        return new Message(Map.of("role", "assistant", "content", content, mark, value));
    }

    @Test
    void anAnswerWithoutWeightIsNotLearnt() throws IOException {
        for (Message first :
                List.of(unlearnt("A", "weight", 0L), unlearnt("A", "weight", 0.0), unlearnt("A", "train", false))) {
            for (String template : List.of(DEFAULT_SYSTEM, MARKED)) {
                assertEquals(
                        List.of("<system>S</s><user>U</s><assistant>A</s><user>V</s><assistant>«B</s>»"),
                        learnt(template, Message.of("system", "S"), user("U"), first, user("V"), answer("B")));
            }
            DataException fault = assertThrows(DataException.class, () -> learnt(DEFAULT_SYSTEM, user("U"), first));
            assertTrue(
                    String.valueOf(fault.getMessage()).contains("every message of the assistant has \"weight\" 0"),
                    fault.getMessage());
        }
        assertEquals(
                List.of("<system>S</s><user>U</s><assistant>«A</s>»"),
                learnt(DEFAULT_SYSTEM, Message.of("system", "S"), user("U"), unlearnt("A", "weight", 1L)));
    }
}
