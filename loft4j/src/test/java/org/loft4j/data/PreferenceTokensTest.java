package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

class PreferenceTokensTest {
    private static final String CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
            + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    /** Marks what the assistant says, whenever it says it. */
    private static final String MARKED = "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}"
            + "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n"
            + "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";

    @TempDir
    Path directory;

    private Tokenizer tokenizer;

    @BeforeEach
    void open() throws IOException {
        ByteModel.write(
                directory,
                "{\"eos_token\": \"<|im_end|>\", \"pad_token\": \"<|im_end|>\"}",
                "<|im_start|>",
                "<|im_end|>");
        tokenizer = Tokenizer.open(directory);
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private ChatFormat format(String template, LossOn lossOn, boolean wraps) throws IOException {
        Files.writeString(directory.resolve("chat_template.jinja"), template);
        return new ChatFormat(ChatTemplate.open(directory), lossOn, wraps, Map.of());
    }

    private static Preference texts(String prompt, String chosen, String rejected) {
        return new Preference(new PromptCompletion(prompt, chosen), new PromptCompletion(prompt, rejected));
    }

    private static Preference turns(List<Message> given, String chosen, String rejected) {
        return new Preference(turns(given, chosen), turns(given, rejected));
    }

    private static Conversation turns(List<Message> given, String answer) {
        List<Message> all = new ArrayList<>(given);
        all.add(Message.of("assistant", answer));
        return new Conversation(all, given.size(), Map.of(), Origin.MEMORY);
    }

    private String whole(Dataset dataset, int index) {
        return tokenizer.decode(dataset.get(index).ids(), false);
    }

    private String learnt(Dataset dataset, int index) {
        return ByteModel.learnt(dataset.get(index), tokenizer);
    }

    @Test
    void bothAnswersOfATextAreExamples() throws IOException {
        List<Row> rows = List.of(texts("ask", "good", "bad"), texts("x", "y", "z"));
        PreferenceDataset pairs = PreferenceDataset.of(rows, tokenizer, 100, null);
        assertEquals(2, pairs.size());
        Dataset answers = pairs.texts();
        assertEquals("askgood<|im_end|>", whole(answers, 0));
        assertEquals("[good<|im_end|>]", learnt(answers, 0));
        assertEquals("askbad<|im_end|>", whole(answers, 1));
        assertEquals("[bad<|im_end|>]", learnt(answers, 1));
        assertEquals("[y<|im_end|>]", learnt(answers, 2));
        assertEquals("[z<|im_end|>]", learnt(answers, 3));
        Dataset alone = Dataset.causalLm(List.of(new PromptCompletion("ask", "bad")), tokenizer, 100, null);
        assertArrayEquals(alone.get(0).ids(), answers.get(1).ids());
    }

    @Test
    void earlierAnswersAreGivenAndNotLearnt() throws IOException {
        List<Message> given = List.of(Message.of("user", "a"), Message.of("assistant", "b"), Message.of("user", "c"));
        for (String template : List.of(CHATML, MARKED)) {
            ChatFormat format = format(template, LossOn.ASSISTANT, false);
            Dataset answers = PreferenceDataset.of(List.of(turns(given, "good", "bad")), tokenizer, 1000, format)
                    .texts();
            assertEquals(2, answers.size());
            assertEquals("[good<|im_end|>]", learnt(answers, 0));
            assertEquals("[bad<|im_end|>]", learnt(answers, 1));
            assertTrue(whole(answers, 0).contains("b<|im_end|>"), whole(answers, 0));
        }
    }

    @Test
    void textsBecomeTurnsWhereTheyAreAskedTo() throws IOException {
        List<Message> before =
                List.of(Message.of("system", "s"), Message.of("user", "a"), Message.of("assistant", "b"));
        Origin origin = Origin.MEMORY;
        Row row = new Preference(
                new PromptCompletion(before, "prompt", "turn", "good", origin),
                new PromptCompletion(before, "prompt", "turn", "bad", origin));
        for (String template : List.of(CHATML, MARKED)) {
            Dataset answers = PreferenceDataset.of(
                            List.of(row), tokenizer, 1000, format(template, LossOn.ASSISTANT, true))
                    .texts();
            assertEquals("[good<|im_end|>]", learnt(answers, 0));
            assertEquals("[bad<|im_end|>]", learnt(answers, 1));
            assertTrue(whole(answers, 1).contains("turn"), whole(answers, 1));
        }
        String alone = String.valueOf(
                assertThrows(DataException.class, () -> PreferenceDataset.of(List.of(row), tokenizer, 1000, null))
                        .getMessage());
        assertTrue(alone.contains("has turns before its prompt"), alone);
    }

    @Test
    void aRowOfWhichAnAnswerIsCutCountsOnce() throws IOException {
        List<Row> rows = List.of(texts("ask", "good answer", "bad"), texts("ask", "good answer", "other answer"));
        Dataset answers = PreferenceDataset.of(rows, tokenizer, 8, null).texts();
        // 7 tokens of each answer stay, and one of the prompt
        assertEquals(new Truncations(2, 2, (2 + 5) + 2 + (2 + 5) + (2 + 6)), answers.truncations());
        assertEquals("kgood an", whole(answers, 0));
        assertEquals("kbad<|im_end|>", whole(answers, 1));
    }

    /** Of each pair the tokens before the answers, which are to be the same. */
    private String given(Dataset answers, int pair) {
        List<String> given = new ArrayList<>();
        for (int i : new int[] {2 * pair, 2 * pair + 1}) {
            Encoded one = answers.get(i);
            int from = 0;
            while (one.labels()[from] == Encoded.NO_LOSS) {
                from++;
            }
            given.add(tokenizer.decode(Arrays.copyOf(one.ids(), from), false));
        }
        assertEquals(given.get(0), given.get(1));
        return given.get(0);
    }

    @Test
    void bothAnswersSeeTheSameOfATextThatIsCut() throws IOException {
        List<Row> rows = List.of(
                texts("question", "longest answer", "short"),
                texts("question", "bad", "longest answer"),
                texts("question", "good", "bad"));
        Dataset answers = PreferenceDataset.of(rows, tokenizer, 18, null).texts();
        assertEquals("ion", given(answers, 0));
        assertEquals("[short<|im_end|>]", learnt(answers, 1));
        assertEquals("ion", given(answers, 1));
        assertEquals("[longest answer<|im_end|>]", learnt(answers, 3));
        assertEquals("question", given(answers, 2));
        assertEquals(new Truncations(2, 0, 4 * 5), answers.truncations());
    }

    @Test
    void bothAnswersSeeTheSameOfAConversationThatIsCut() throws IOException {
        List<Message> given = List.of(
                Message.of("system", "s"),
                Message.of("user", "early"),
                Message.of("assistant", "early"),
                Message.of("user", "question"));
        ChatFormat format = format(
                "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}{{ eos_token }}{% endfor %}{% if"
                        + " add_generation_prompt %}a:{% endif %}",
                LossOn.ASSISTANT, false);
        List<Row> rows = List.of(turns(given, "good", "longest"), turns(given, "longest", "bad"));
        // "s:s|u:early|a:early|u:question|a:longest|"
        Dataset whole = PreferenceDataset.of(rows, tokenizer, 41, format).texts();
        assertEquals("s:s<|im_end|>u:early<|im_end|>a:early<|im_end|>u:question<|im_end|>a:", given(whole, 0));
        assertEquals(new Truncations(0, 0, 0), whole.truncations());
        // without the first exchange it is 16 tokens shorter, for the answer that would fit with it too
        Dataset without = PreferenceDataset.of(rows, tokenizer, 40, format).texts();
        assertEquals("s:s<|im_end|>u:question<|im_end|>a:", given(without, 0));
        assertEquals("s:s<|im_end|>u:question<|im_end|>a:", given(without, 1));
        assertEquals("[good<|im_end|>]", learnt(without, 0));
        assertEquals(new Truncations(2, 0, 4 * 16), without.truncations());
        // what is left over loses tokens
        Dataset cut = PreferenceDataset.of(rows, tokenizer, 15, format).texts();
        assertEquals("tion<|im_end|>a:", given(cut, 0));
        assertEquals("tion<|im_end|>a:", given(cut, 1));
        assertEquals("[good<|im_end|>]", learnt(cut, 0));
        assertEquals("[bad<|im_end|>]", learnt(cut, 3));
        assertEquals(new Truncations(2, 0, 4 * (16 + 10)), cut.truncations());
        Dataset least = PreferenceDataset.of(rows, tokenizer, 6, format).texts();
        assertEquals(":", given(least, 0));
        assertEquals("[good<|im_end|>]", learnt(least, 0));
        assertEquals("[longe]", learnt(least, 1));
        assertEquals(2, least.truncations().completions());
    }

    @Test
    void answersBeginWhereThePromptIsTheSame() throws IOException {
        // as templates of models that think write it: the prompt says that nothing is thought, and an answer what was
        ChatFormat thinks = format(
                "{% for m in messages %}{% if m.role == 'assistant' %}a:<think>{{ m.thought or '' }}</think>{{ m.content"
                        + " }}{{ eos_token }}{% else %}u:{{ m.content }}|{% endif %}{% endfor %}{% if"
                        + " add_generation_prompt %}a:<think></think>{% endif %}",
                LossOn.ASSISTANT, false);
        List<Message> given = List.of(Message.of("user", "q"));
        Message thought = new Message(Map.of("role", "assistant", "content", "good", "thought", "long"));
        Row row = new Preference(
                new Conversation(List.of(given.get(0), thought), 1, Map.of(), Origin.MEMORY), turns(given, "bad"));
        Dataset answers =
                PreferenceDataset.of(List.of(row), tokenizer, 100, thinks).texts();
        assertEquals("u:q|a:<think>", given(answers, 0));
        assertEquals("[long</think>good<|im_end|>]", learnt(answers, 0));
        assertEquals("[</think>bad<|im_end|>]", learnt(answers, 1));
    }

    @Test
    void aTokenOfPromptAndAnswerIsOfBothAnswers() throws IOException {
        Path folder = Files.createDirectory(directory.resolve("stories"));
        Path model = Path.of("src/test/resources/fixtures/stories260K");
        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(model.resolve(name), folder.resolve(name));
        }
        Files.writeString(
                folder.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.role[0] }}: {{ m.content }}{% if m.role == 'assistant' %}{{ eos_token"
                        + " }}{% else %} -{% endif %}{% endfor %}{% if add_generation_prompt %}a: {% endif %}");
        try (Tokenizer stories = Tokenizer.open(folder)) {
            ChatFormat format = new ChatFormat(ChatTemplate.open(folder), LossOn.ASSISTANT, false, Map.of());
            // " g" is one token, and " " before nothing is one too
            Row row = turns(List.of(Message.of("user", "q")), "good", "");
            Dataset answers =
                    PreferenceDataset.of(List.of(row), stories, 100, format).texts();
            List<Integer> from = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                long[] labels = answers.get(i).labels();
                from.add((int) Arrays.stream(labels)
                        .takeWhile(label -> label == Encoded.NO_LOSS)
                        .count());
            }
            assertEquals(from.get(0), from.get(1));
            assertArrayEquals(
                    Arrays.copyOf(answers.get(0).ids(), from.get(0)),
                    Arrays.copyOf(answers.get(1).ids(), from.get(0)));
        }
    }

    @Test
    void aTemplateThatWritesTwoPromptsIsRefused() throws IOException {
        ChatFormat looksAhead = format(
                "{% for m in messages %}{% if m.role == 'assistant' %}{{ '!' if m.content == 'bad' else 'a:' }}{{ m.content }}{{"
                        + " eos_token }}{% else %}u:{{ m.content }}|{% endif %}{% endfor %}{% if add_generation_prompt %}a:{%"
                        + " elif messages[-1].role == 'user' %}!{% endif %}",
                LossOn.ASSISTANT, false);
        Row row = turns(List.of(Message.of("user", "q")), "good", "bad");
        String message = String.valueOf(
                assertThrows(DataException.class, () -> PreferenceDataset.of(List.of(row), tokenizer, 100, looksAhead))
                        .getMessage());
        assertTrue(message.endsWith("answers are compared only where all before them is the same"), message);
    }

    @Test
    void answersThatAreTheSameTokensAreRefused() throws IOException {
        Row row = texts("ask", "the same, and good", "the same, and bad");
        assertEquals(
                2,
                PreferenceDataset.of(List.of(row), tokenizer, 30, null).texts().size());
        String cut = String.valueOf(
                assertThrows(DataException.class, () -> PreferenceDataset.of(List.of(row), tokenizer, 10, null))
                        .getMessage());
        assertTrue(
                cut.endsWith(
                        "has two answers that are the same tokens once they are cut to 10: raise max_length, or leave the"
                                + " row out"),
                cut);
        ChatFormat trims = format(
                "{% for m in messages %}<|im_start|>{{ m.content | trim }}<|im_end|>{% endfor %}{% if add_generation_prompt"
                        + " %}<|im_start|>{% endif %}",
                LossOn.ASSISTANT, false);
        Row blanks = turns(List.of(Message.of("user", "a")), "b", " b");
        String same = String.valueOf(
                assertThrows(DataException.class, () -> PreferenceDataset.of(List.of(blanks), tokenizer, 100, trims))
                        .getMessage());
        assertTrue(
                same.endsWith("has two answers that are the same tokens: there is nothing to learn from them"), same);
    }

    @Test
    void whatCannotBeComparedIsRefused() throws IOException {
        Row pair = texts("ask", "good", "bad");
        String both = String.valueOf(
                assertThrows(DataException.class, () -> Dataset.causalLm(List.of(pair), tokenizer, 100, null))
                        .getMessage());
        assertTrue(
                both.contains("holds two answers of which one is preferred, and a language model would learn both"),
                both);
        String single = String.valueOf(assertThrows(
                        DataException.class,
                        () -> PreferenceDataset.of(List.of(pair, new PlainText("a")), tokenizer, 100, null))
                .getMessage());
        assertTrue(single.contains("holds no preference"), single);
        Row talk = turns(List.of(Message.of("user", "a")), "good", "bad");
        String unwritten = String.valueOf(
                assertThrows(DataException.class, () -> PreferenceDataset.of(List.of(talk), tokenizer, 100, null))
                        .getMessage());
        assertTrue(unwritten.contains("the model has no chat template"), unwritten);
        ChatFormat all = format(CHATML, LossOn.ALL, false);
        String prompt = String.valueOf(
                assertThrows(ConfigException.class, () -> PreferenceDataset.of(List.of(talk), tokenizer, 100, all))
                        .getMessage());
        assertTrue(prompt.startsWith("loss_on all takes the prompt too"), prompt);
    }

    @Test
    void aPairIsAsLongAsItsLongerAnswerAndToldByBoth() throws IOException {
        PreferenceDataset two =
                PreferenceDataset.of(List.of(texts("ab", "c", "defg"), texts("ab", "cdef", "g")), tokenizer, 64, null);
        Dataset answers = two.texts();
        assertArrayEquals(new int[] {answers.length(1), answers.length(2)}, two.lengths());
        assertTrue(answers.length(1) > answers.length(0) && answers.length(2) > answers.length(3));
        PreferenceDataset turned =
                PreferenceDataset.of(List.of(texts("ab", "defg", "c"), texts("ab", "cdef", "g")), tokenizer, 64, null);
        assertNotEquals(two.fingerprint(), turned.fingerprint());
        assertTrue(two.fingerprint().startsWith("preferences of 4 rows, crc32c "), two.fingerprint());
    }
}
