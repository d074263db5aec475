package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

/** What is learnt of a conversation that a template writes, and what is left out where it is too long. */
class ChatDatasetTest {
    private static final String CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
            + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    /** Begins with the beginning, trims, and asks for an answer whether or not it should. */
    private static final String HEADERS = "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n"
            + "{{ m.content | trim }}<|im_end|>{% endfor %}{{ '<|im_start|>assistant\n' }}";
    /** Leaves out what was thought, but for the last answer. */
    private static final String THINKING = "{% for m in messages %}<|im_start|>{{ m.role }}\n"
            + "{% if m.role == 'assistant' and loop.last %}<think>{{ m.thought }}</think>{% endif %}"
            + "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    private static final String MARKED = "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}"
            + "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n"
            + "{% endfor %}";

    private static final List<Message> TALK = List.of(
            Message.of("system", "Be brief."),
            Message.of("user", "é 👩‍👩‍👧?"),
            Message.of("assistant", "日本 👍🏽"),
            Message.of("user", "b"),
            Message.of("assistant", "B"));

    @TempDir
    Path directory;

    private Tokenizer tokenizer;

    @AfterEach
    void close() {
        if (tokenizer != null) {
            tokenizer.close();
        }
    }

    private ChatTemplate template(String source) throws IOException {
        ByteModel.write(
                directory,
                "{\"bos_token\": \"<s>\", \"eos_token\": \"<|im_end|>\", \"pad_token\": \"<|im_end|>\", \"add_bos_token\": true}",
                "<s>",
                "<|im_start|>",
                "<|im_end|>");
        Files.writeString(directory.resolve("chat_template.jinja"), source);
        tokenizer = Tokenizer.open(directory);
        return ChatTemplate.open(directory);
    }

    private Dataset encode(@Nullable ChatFormat format, int maxLength, Row... rows) throws IOException {
        return Dataset.causalLm(List.of(rows), tokenizer, maxLength, format);
    }

    private String learnt(Dataset dataset, int index) {
        return ByteModel.learnt(dataset.get(index), tokenizer);
    }

    private static Conversation talk(Message... messages) {
        return new Conversation(List.of(messages));
    }

    @Test
    void everyAnswerAndItsEndAreLearnt() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        Dataset dataset = encode(format, 1000, new Conversation(TALK));
        assertEquals(1, dataset.size());
        assertEquals("[日本 👍🏽<|im_end|>][B<|im_end|>]", learnt(dataset, 0));
        String whole = format.template().render(TALK, false, Map.of()).text();
        assertArrayEquals(tokenizer.encode(whole, false), dataset.get(0).ids(), "one text, nothing put around it");
        assertEquals(new Truncations(0, 0, 0), dataset.truncations());
    }

    @Test
    void theLossCanBeElsewhere() throws IOException {
        ChatTemplate template = template(CHATML);
        Conversation row = new Conversation(TALK);
        assertEquals(
                "[B<|im_end|>]", learnt(encode(new ChatFormat(template, LossOn.LAST, false, Map.of()), 1000, row), 0));
        Dataset all = encode(new ChatFormat(template, LossOn.ALL, false, Map.of()), 1000, row);
        assertArrayEquals(all.get(0).ids(), all.get(0).labels());
    }

    @Test
    void aTemplateThatAlwaysAsksForAnAnswerIsUnderstood() throws IOException {
        Dataset dataset = encode(new ChatFormat(template(HEADERS)), 1000, new Conversation(TALK));
        assertEquals("[日本 👍🏽<|im_end|>][B<|im_end|>]", learnt(dataset, 0));
        assertEquals(
                1, Arrays.stream(dataset.get(0).ids()).filter(id -> id == 256).count(), "one beginning");
    }

    @Test
    void aTextThatATemplateHasWrittenHasOneBeginningAndOneEnd() throws IOException {
        String written = template("{{ bos_token }}" + CHATML)
                .render(TALK, false, Map.of())
                .text();
        assertTrue(written.endsWith("<|im_end|>\n"), written);
        Dataset text = encode(null, 1000, new PlainText(written), new PromptCompletion("<s>a", "b<|im_end|> \n"));
        assertArrayEquals(tokenizer.encode(written, false), text.get(0).ids());
        assertArrayEquals(
                tokenizer.encode("<s>ab<|im_end|> \n", false), text.get(1).ids());
    }

    @Test
    void marksOfTheTemplateAreTaken() throws IOException {
        ChatTemplate template = template(MARKED);
        assertEquals(
                "[日本 👍🏽<|im_end|>][B<|im_end|>]",
                learnt(encode(new ChatFormat(template), 1000, new Conversation(TALK)), 0));
        assertEquals(
                "[B<|im_end|>]",
                learnt(
                        encode(new ChatFormat(template, LossOn.LAST, false, Map.of()), 1000, new Conversation(TALK)),
                        0));
    }

    /** The only exchange to learn is cut, and not left out for one behind it that is not learnt. */
    @Test
    void anUnlearntAnswerBehindTheLastLearntOneLeavesNothingOut() throws IOException {
        Message unlearnt = new Message(Map.of("role", "assistant", "content", "C", "weight", 0L));
        Conversation row = talk(
                Message.of("user", "a ".repeat(60)), Message.of("assistant", "B"), Message.of("user", "b"), unlearnt);
        assertEquals("[B<|im_end|>]", learnt(encode(new ChatFormat(template(MARKED)), 40, row), 0));
    }

    @Test
    void anAnswerThatLaterTurnsRewriteHasATextOfItsOwn() throws IOException {
        ChatFormat format = new ChatFormat(template(THINKING));
        Message first = new Message(Map.of("role", "assistant", "content", "A", "thought", "why"));
        Message last = new Message(Map.of("role", "assistant", "content", "B", "thought", "so"));
        Conversation row = talk(Message.of("user", "a"), first, Message.of("user", "b"), last);
        Dataset dataset = encode(format, 1000, row);
        assertEquals(2, dataset.size());
        assertEquals("[<think>why</think>A<|im_end|>]", learnt(dataset, 0));
        assertEquals("[<think>so</think>B<|im_end|>]", learnt(dataset, 1));
        assertTrue(tokenizer.decode(dataset.get(1).ids(), false).contains("assistant\nA<|im_end|>"));
        assertEquals(
                1,
                encode(new ChatFormat(format.template(), LossOn.LAST, false, Map.of()), 1000, row)
                        .size());
    }

    @Test
    void promptsOfMessagesAreNotLearnt() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        Dataset dataset = encode(format, 1000, new Conversation(TALK, 3, Map.of(), Origin.MEMORY));
        assertEquals("[B<|im_end|>]", learnt(dataset, 0));
        assertThrows(
                DataException.class, () -> encode(format, 1000, new Conversation(TALK, 5, Map.of(), Origin.MEMORY)));
    }

    @Test
    void plainPromptsBecomeTurnsOnlyWhereAsked() throws IOException {
        ChatTemplate template = template(CHATML);
        var row = new PromptCompletion("q", "a");
        assertEquals(
                "<s>qa<|im_end|>",
                tokenizer.decode(
                        encode(new ChatFormat(template), 100, row).get(0).ids(), false));
        Dataset wrapped = encode(new ChatFormat(template, LossOn.ASSISTANT, true, Map.of()), 100, row);
        assertEquals(
                "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n",
                tokenizer.decode(wrapped.get(0).ids(), false));
        assertEquals("[a<|im_end|>]", learnt(wrapped, 0));
    }

    @Test
    void whatIsSaidBeforeAPromptNeedsTurns() throws IOException {
        ChatTemplate template = template(CHATML);
        List<Message> before =
                List.of(Message.of("system", "s"), Message.of("user", "b"), Message.of("assistant", "B"));
        var row = new PromptCompletion(before, "q", "q", "a", Origin.MEMORY);
        Dataset wrapped = encode(new ChatFormat(template, LossOn.ASSISTANT, true, Map.of()), 1000, row);
        assertTrue(tokenizer.decode(wrapped.get(0).ids(), false).startsWith("<|im_start|>system\ns<|im_end|>"));
        assertEquals("[B<|im_end|>][a<|im_end|>]", learnt(wrapped, 0));
        var fault = assertThrows(DataException.class, () -> encode(new ChatFormat(template), 1000, row));
        assertTrue(fault.getMessage().contains("--chat makes a conversation of the row"), fault.getMessage());
    }

    @Test
    void theOldestExchangesAreLeftOutFirst() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        List<Message> messages = new ArrayList<>(TALK);
        messages.add(Message.of("user", "c"));
        messages.add(Message.of("assistant", "C"));
        int whole = encode(format, 1000, new Conversation(messages)).length(0);
        Dataset one = encode(format, whole - 1, new Conversation(messages));
        assertEquals("[B<|im_end|>][C<|im_end|>]", learnt(one, 0));
        assertTrue(tokenizer
                .decode(one.get(0).ids(), false)
                .startsWith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nb"));
        assertEquals(new Truncations(1, 0, whole - one.length(0)), one.truncations());
        Dataset least = encode(format, 8, new Conversation(messages));
        assertEquals(8, least.length(0));
        assertEquals("[C<|im_end|>]", learnt(least, 0), "the prompt's beginning goes before the answer's end");
        Dataset cut = encode(format, 8, talk(Message.of("user", "q"), Message.of("assistant", "a long answer")));
        assertEquals("[a long ]", learnt(cut, 0));
        assertEquals(1, cut.truncations().completions());
    }

    /** A call of a tool whose result is long, and the answer: one exchange. */
    private static Conversation calls(int result, String... answers) {
        List<Message> messages = new ArrayList<>(List.of(Message.of("system", "Be brief."), Message.of("user", "q")));
        for (String answer : answers) {
            messages.add(Message.of("tool", "r".repeat(result)));
            messages.add(Message.of("assistant", answer));
        }
        messages.remove(2);
        return new Conversation(messages);
    }

    @Test
    void answersOfAnExchangeThatDoNotFitTogetherHaveTheirOwnPrompts() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        Conversation row = calls(300, "call", "answer");
        int whole = encode(format, 1000, row).length(0);
        Dataset two = encode(format, 120, row);
        assertEquals(2, two.size());
        assertEquals("[call<|im_end|>]", learnt(two, 0));
        assertEquals(
                "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nq<|im_end|>\n"
                        + "<|im_start|>assistant\ncall<|im_end|>",
                tokenizer.decode(two.get(0).ids(), false),
                "the whole prompt");
        assertEquals("[answer<|im_end|>]", learnt(two, 1));
        assertEquals(120, two.length(1));
        assertTrue(tokenizer
                .decode(two.get(1).ids(), false)
                .endsWith("rrr<|im_end|>\n<|im_start|>assistant\nanswer<|im_end|>"));
        assertEquals(new Truncations(1, 0, whole - 120 - two.length(0)), two.truncations());
    }

    @Test
    void answersThatLieTogetherShareAnExample() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        // the first two end within the length, the third and the fourth do not
        Dataset made = encode(format, 150, calls(30, "A", "B", "C".repeat(20), "D"));
        assertEquals(
                List.of("[A<|im_end|>][B<|im_end|>]", "[" + "C".repeat(20) + "<|im_end|>][D<|im_end|>]"), all(made));
        assertTrue(tokenizer.decode(made.get(0).ids(), false).startsWith("<|im_start|>system\nBe brief."));
        assertEquals("[A<|im_end|>][B<|im_end|>]", learnt(encode(format, 1000, calls(300, "A", "B")), 0));
        Dataset pairs = encode(format, 200, calls(150, "A", "B", "C"));
        assertEquals(List.of("[A<|im_end|>]", "[B<|im_end|>]", "[C<|im_end|>]"), all(pairs));
    }

    private List<String> all(Dataset dataset) {
        return IntStream.range(0, dataset.size())
                .mapToObj(i -> learnt(dataset, i))
                .toList();
    }

    @Test
    void turnsBehindTheLastAnswerTakeNoRoomFromItsPrompt() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        Message[] answered = {Message.of("user", "q"), Message.of("assistant", "a")};
        Dataset plain = encode(format, 40, talk(answered));
        Dataset trailing =
                encode(format, 40, talk(answered[0], answered[1], Message.of("user", "and so on ".repeat(9))));
        assertArrayEquals(plain.get(0).ids(), trailing.get(0).ids());
        assertEquals(new Truncations(0, 0, 0), trailing.truncations());
    }

    @Test
    void noMoreExchangesAreLeftOutThanMust() throws IOException {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("ChatDatasetTest seed " + seed);
        Random random = new Random(seed);
        List<ChatFormat> formats = List.of(new ChatFormat(template(CHATML)), new ChatFormat(template(MARKED)));
        for (int i = 0; i < 40; i++) {
            ChatFormat format = formats.get(i % 2);
            List<Message> messages = new ArrayList<>();
            for (int turn = random.nextInt(12); turn >= 0; turn--) {
                messages.add(Message.of("user", "q".repeat(random.nextInt(20))));
                messages.add(Message.of("assistant", "a".repeat(1 + random.nextInt(20))));
            }
            int maxLength = 60 + random.nextInt(300);
            int[] expected = null;
            for (int start = 0; start < messages.size() && expected == null; start += 2) {
                Conversation rest = new Conversation(messages.subList(start, messages.size()));
                long[] whole = encode(format, 100_000, rest).get(0).ids();
                expected = whole.length <= maxLength
                        ? Arrays.stream(whole).mapToInt(id -> (int) id).toArray()
                        : null;
            }
            Dataset made = encode(format, maxLength, new Conversation(messages));
            assertEquals(1, made.size(), () -> "-Dtests.seed=" + seed);
            int[] ids =
                    Arrays.stream(made.get(0).ids()).mapToInt(id -> (int) id).toArray();
            if (expected != null) {
                assertArrayEquals(expected, ids, () -> "-Dtests.seed=" + seed);
            }
        }
    }

    @Test
    void aLongConversationIsShortenedWithoutTryingEveryLength() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < 800; i++) {
            messages.add(Message.of("user", "question " + i));
            messages.add(Message.of("assistant", "answer " + i));
        }
        Dataset made = assertTimeout(Duration.ofSeconds(60), () -> encode(format, 300, new Conversation(messages)));
        assertTrue(learnt(made, 0).endsWith("[answer 798<|im_end|>][answer 799<|im_end|>]"), learnt(made, 0));
    }

    @Test
    void faultsNameTheRow() throws IOException {
        ChatTemplate template =
                template("{% if messages[0].role != 'user' %}{{ raise_exception('no system') }}{% endif %}" + CHATML);
        var origin = new Origin(Path.of("a.jsonl"), 3);
        var raised = assertThrows(
                DataException.class,
                () -> encode(new ChatFormat(template), 100, new Conversation(TALK, 0, Map.of(), origin)));
        assertTrue(raised.getMessage().startsWith("a.jsonl, line 3: "), raised.getMessage());
        assertTrue(raised.getMessage().endsWith("chat template, line 1: no system"), raised.getMessage());
        Conversation unanswered = new Conversation(List.of(Message.of("user", "q")), 0, Map.of(), origin);
        var none = assertThrows(DataException.class, () -> encode(new ChatFormat(template), 100, unanswered));
        assertTrue(none.getMessage().contains("has no answer to learn"), none.getMessage());
        var without = assertThrows(DataException.class, () -> Dataset.causalLm(List.of(unanswered), tokenizer, 100));
        assertTrue(without.getMessage().contains("no chat template"), without.getMessage());
    }

    @Test
    void paddingThatIsTheEndTakesNoLossAway() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        assertEquals(258, tokenizer.padId());
        Dataset dataset = encode(
                format, 1000, talk(Message.of("user", "q"), Message.of("assistant", "a")), new Conversation(TALK));
        Batch batch = Batch.collate(dataset, new int[] {0, 1}, tokenizer.padId());
        long ends = Arrays.stream(batch.labels()).filter(label -> label == 258).count();
        assertEquals(3, ends, "one end for each answer, none for padding");
        assertTrue(tokenizer.stopIds().contains(258L));
    }

    @Test
    void aFormatIsOfOneMoment() throws IOException {
        ChatFormat now = new ChatFormat(template("{{ strftime_now('%d %b %Y, %S.%f') }}" + CHATML));
        assertEquals(now.template().prompt(TALK), now.template().prompt(TALK));
        ChatFormat past = now.at(ZonedDateTime.parse("2024-02-29T12:00:05Z"));
        Dataset dataset = encode(past, 1000, new Conversation(TALK));
        String text = tokenizer.decode(dataset.get(0).ids(), false);
        assertTrue(text.startsWith("29 Feb 2024, 05.000000<|im_start|>"), text);
        assertEquals(
                dataset.fingerprint(),
                encode(past, 1000, new Conversation(TALK)).fingerprint());
        assertNotEquals(
                dataset.fingerprint(), encode(now, 1000, new Conversation(TALK)).fingerprint());
    }

    @Test
    void givenAnswersStayUnlearntWhereExchangesAreLeftOut() throws IOException {
        ChatFormat format = new ChatFormat(template(CHATML));
        List<Message> messages = new ArrayList<>(TALK);
        messages.add(Message.of("user", "c"));
        messages.add(Message.of("assistant", "C"));
        Conversation row = new Conversation(messages, 6, Map.of(), new Origin(Path.of("x"), 1));
        Dataset whole = encode(format, 1000, row);
        assertEquals("[C<|im_end|>]", learnt(whole, 0));
        Dataset shorter = encode(format, whole.length(0) - 1, row);
        assertTrue(tokenizer.decode(shorter.get(0).ids(), false).contains("assistant\nB<|im_end|>"));
        assertEquals("[C<|im_end|>]", learnt(shorter, 0));
    }

    @Test
    void theTokenOfTheBeginningStaysWhereThePromptIsCut() throws IOException {
        ChatFormat format = new ChatFormat(template(HEADERS));
        Conversation row =
                new Conversation(List.of(Message.of("user", "a long question"), Message.of("assistant", "A")));
        Dataset cut = encode(format, 8, row);
        assertEquals(8, cut.length(0));
        assertEquals(tokenizer.bosId().getAsLong(), cut.get(0).ids()[0]);
        assertEquals("[A<|im_end|>]", learnt(cut, 0));
    }
}
