package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.DataException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Conversation;
import org.loft4j.data.LossOn;
import org.loft4j.data.Message;
import org.loft4j.data.Origin;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.Row;
import org.loft4j.data.TaggedWords;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

class PromptsTest {
    private static final Path MODEL = Fixtures.of("stories260K");

    @TempDir
    Path folder;

    private Prompts.Prompt prompt(PromptFlags flags, Message... messages) throws IOException {
        return prompt(flags, new Conversation(List.of(messages)), false);
    }

    private Prompts.Prompt prompt(PromptFlags flags, Row row, boolean turns) throws IOException {
        Path template = Files.writeString(
                folder.resolve("template.jinja"),
                "{% for m in messages %}{{ m.role }}: {% if m.content is string %}{{ m.content }}{% else %}"
                        + "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}; {% endfor %}");
        ChatFormat format = new ChatFormat(ChatTemplate.read(template, MODEL), LossOn.ASSISTANT, turns, Map.of());
        try (Model model = Models.open(MODEL, ModelOptions.of(Task.CAUSAL_LM));
                Tokenizer tokenizer = Tokenizer.open(MODEL)) {
            return Prompts.of(List.of(row), format, flags, tokenizer, Generator.of(model), AskedTexts.Faults.END)
                    .prompts()
                    .get(0);
        }
    }

    private static String text(Prompts.Prompt prompt) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(MODEL)) {
            return tokenizer.decode(prompt.ids(), true).strip();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"system", "developer"})
    void whatTheCallTellsTheModelTakesThePlaceOfWhatTheRowTellsIt(String role) throws IOException {
        PromptFlags flags = new PromptFlags();
        Message own = Message.of(role, "Be brief.");
        Message question = Message.of("user", "Who?");
        Message answer = Message.of("assistant", "She.");
        assertEquals(role + ": Be brief.; user: Who?;", text(prompt(flags, own, question, answer)));
        flags.system = "Be kind.";
        assertEquals("system: Be kind.; user: Who?;", text(prompt(flags, own, question, answer)));
        assertEquals("system: Be kind.; user: Who?;", text(prompt(flags, question)));
    }

    @Test
    void aPromptOfMessagesIsAskedAsItIsLearntThoughItEndsWithTheBeginningOfAnAnswer() throws IOException {
        List<Message> messages =
                List.of(Message.of("user", "Who?"), Message.of("assistant", "She"), Message.of("assistant", "sings."));
        PromptFlags none = new PromptFlags();
        assertEquals(
                "user: Who?; assistant: She;",
                text(prompt(none, new Conversation(messages, 2, Map.of(), Origin.MEMORY), false)));
        assertEquals("user: Who?;", text(prompt(none, new Conversation(messages), false)));
    }

    @Test
    void whatIsSaidBeforeAPromptIsWrittenWithTurnsAlone() throws IOException {
        List<Message> before =
                List.of(Message.of("system", "s"), Message.of("user", "b"), Message.of("assistant", "B"));
        Row row = new PromptCompletion(before, "q", "q", "", Origin.MEMORY);
        PromptFlags flags = new PromptFlags();
        assertEquals("system: s; user: b; assistant: B; user: q;", text(prompt(flags, row, true)));
        assertThrows(DataException.class, () -> prompt(flags, row, false));
        flags.system = "k";
        assertEquals("system: k; user: b; assistant: B; user: q;", text(prompt(flags, row, true)));
    }

    @Test
    void wordsAreContinuedAsATextOfThem() throws IOException {
        Row row = new TaggedWords(List.of("Once", "upon"), List.of());
        assertEquals("Once upon", prompt(new PromptFlags(), row, false).lead());
    }

    @Test
    void contentInPartsIsShownAsItsTexts() throws IOException {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("role", "user");
        fields.put(
                "content",
                List.of(Map.of("type", "text", "text", "Who is it,"), Map.of("type", "text", "text", "and where?")));
        assertEquals(
                "Who is it,\nand where?",
                prompt(new PromptFlags(), new Message(fields)).shown());
        assertEquals("Hi", prompt(new PromptFlags(), Message.of("user", "Hi")).shown());
    }
}
