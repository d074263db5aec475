package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;

class ChatTemplateTest {
    private static final List<Message> HELLO = List.of(Message.of("user", "Hi"));

    @TempDir
    Path directory;

    private void config(String text) throws IOException {
        Files.writeString(directory.resolve("tokenizer_config.json"), text);
    }

    @Test
    void theFileOfItsOwnWins() throws IOException {
        assertTrue(ChatTemplate.find(directory).isEmpty());
        assertThrows(CheckpointException.class, () -> ChatTemplate.open(directory));
        config("{\"chat_template\": \"config {{ messages[0].content }}\"}");
        assertEquals("config Hi", ChatTemplate.open(directory).prompt(HELLO));
        Files.writeString(directory.resolve("chat_template.jinja"), "file {{ messages[0].content }}\n");
        ChatTemplate template = ChatTemplate.open(directory);
        assertEquals("file Hi", template.prompt(HELLO));
        Path other = Files.writeString(directory.resolve("mine.txt"), "mine {{ eos_token }}");
        assertEquals("mine ", ChatTemplate.read(other, directory).prompt(HELLO));
        assertThrows(CheckpointException.class, () -> ChatTemplate.read(directory.resolve("none"), directory));
    }

    @Test
    void anAdaptersTemplateGoesBeforeItsModels() throws IOException {
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        config("{\"bos_token\": \"<s>\", \"chat_template\": [{\"name\": \"default\", \"template\": \"base\"},"
                + " {\"name\": \"tool_use\", \"template\": \"tools\"}]}");
        assertEquals("base", ChatTemplate.open(adapter, directory).prompt(HELLO));
        Path own = Files.writeString(adapter.resolve("chat_template.jinja"), "{{ bos_token }} own");
        assertEquals("<s> own", ChatTemplate.open(adapter, directory).prompt(HELLO));
        // a copy of the model's, which may have others beside it
        Files.writeString(own, "base");
        assertEquals(
                List.of("default", "tool_use"),
                ChatTemplate.open(adapter, directory).names());
    }

    @Test
    void toolsChooseTheirOwnTemplate() throws IOException {
        config("{\"chat_template\": [{\"name\": \"default\", \"template\": \"plain\"},"
                + " {\"name\": \"tool_use\", \"template\": \"{{ tools | tojson }}\"}]}");
        Files.writeString(
                Files.createDirectory(directory.resolve("additional_chat_templates"))
                        .resolve("rag.jinja"),
                "rag");
        ChatTemplate template = ChatTemplate.open(directory);
        assertEquals(List.of("default", "tool_use", "rag"), template.names());
        assertEquals("plain", template.prompt(HELLO));
        assertEquals(
                "[{\"name\": \"f\"}]",
                template.render(HELLO, true, Map.of("tools", List.of(Map.of("name", "f"))))
                        .text());
    }

    @Test
    void templatesSeeSpecialTokensAndWhatTheCallerGives() throws IOException {
        config(
                "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\"}, \"pad_token\": null, \"chat_template\":"
                        + " \"{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ tools is none }}{{ unk_token }}"
                        + "{{ thinking if thinking is defined }}{{ add_generation_prompt }}\"}");
        Files.writeString(
                directory.resolve("special_tokens_map.json"), "{\"unk_token\": \"<u>\", \"bos_token\": \"no\"}");
        ChatTemplate template = ChatTemplate.open(directory);
        assertEquals("<s></s>FalseTrue<u>True", template.prompt(HELLO));
        assertEquals(
                "<s></s>FalseTrue<u>1False",
                template.render(HELLO, false, Map.of("thinking", 1L)).text());
    }

    @Test
    void faultsNameFileLineAndCause() throws IOException {
        config("{\"chat_template\": \"a\\n{{ raise_exception('roles must alternate') }}\"}");
        var raised = assertThrows(
                ConfigException.class, () -> ChatTemplate.open(directory).prompt(HELLO));
        assertEquals(
                directory.resolve("tokenizer_config.json") + ": chat template, line 2: roles must alternate",
                raised.getMessage());
        config("{\"chat_template\": \"{{ raise_exception('a\\\\u001b[2Jb\\\\u009bc') }}\"}".replace("\\\\", "\\"));
        var order = assertThrows(
                ConfigException.class, () -> ChatTemplate.open(directory).prompt(HELLO));
        assertTrue(order.getMessage().endsWith("line 1: a?[2Jb?c"), order.getMessage());
        config("{\"chat_template\": \"a\\n\\n{% for %}\"}");
        var wrong = assertThrows(CheckpointException.class, () -> ChatTemplate.open(directory));
        assertTrue(
                wrong.getMessage()
                        .endsWith("chat template, line 3: expected 'name', found '%}'; correct the template, or give"
                                + " another where a call takes one (--chat-template)"),
                wrong.getMessage());
        config("{\"chat_template\": 3}");
        assertThrows(CheckpointException.class, () -> ChatTemplate.open(directory));
    }

    @Test
    void turnsThatTellAndAreLeftOutAreKnown() throws IOException {
        List<Message> turns = List.of(Message.of("system", "s"), Message.of("developer", " "), Message.of("user", "s"));
        List<Message> late = List.of(
                Message.of("developer", "d"),
                Message.of("user", "u"),
                Message.of("system", "s"),
                Message.of("user", "v"));
        for (List<String> known : List.of(List.of("user"), List.of("user", "system"), List.of("user", "developer"))) {
            config("{\"chat_template\": \"{% for m in messages if m.role in "
                    + known.toString().replaceAll("\\w+", "'$0'") + " %}{{ m.content }}{% endfor %}\"}");
            ChatTemplate template = ChatTemplate.open(directory);
            assertEquals(known.contains("system") ? Set.of() : Set.of("system"), template.unwritten(turns, Map.of()));
            Set<String> unknown = new TreeSet<>(Set.of("system", "developer"));
            known.forEach(unknown::remove);
            assertEquals(unknown, template.unwritten(late, Map.of()));
        }
    }

    @Test
    void soAreToolsAndUsersByTheirLastTurn() throws IOException {
        List<Message> turns = List.of(
                Message.of("user", "u"),
                Message.of("assistant", "a"),
                Message.of("tool", "t"),
                Message.of("user", "v"));
        config("{\"chat_template\": \"{% for m in messages if m.role != 'tool' %}{{ m.content }}{% endfor %}\"}");
        assertEquals(Set.of("tool"), ChatTemplate.open(directory).unwritten(turns, Map.of()));
        config("{\"chat_template\": \"A text without marks\"}");
        assertEquals(Set.of("tool", "user"), ChatTemplate.open(directory).unwritten(turns, Map.of()));
        for (String content : List.of("content", "content | upper", "content | escape", "content[:2]")) {
            config("{\"chat_template\": \"{% for m in messages[1:] %}{{ m.CONTENT }}{% endfor %}\"}"
                    .replace("CONTENT", content));
            assertEquals(Set.of(), ChatTemplate.open(directory).unwritten(turns, Map.of()), content);
        }
    }

    @Test
    void wordsThatTheTemplateRefusesAreLookedAt() throws IOException {
        config("{\"chat_template\": \"{% for m in messages %}{% if m.role == 'tool' and m.content is not mapping %}"
                + "{{ raise_exception('an object') }}{% endif %}{{ m.content }}{% endfor %}\"}");
        Message tool = new Message(Map.of("role", "tool", "content", Map.of("degrees", 20)));
        assertEquals(Set.of(), ChatTemplate.open(directory).unwritten(List.of(HELLO.get(0), tool), Map.of()));
    }

    @Test
    void soAreThosePromptsThatBecomeTurns() throws IOException {
        config("{\"chat_template\": \"{{ messages[-1].content }}\"}");
        ChatFormat wraps = new ChatFormat(ChatTemplate.open(directory), LossOn.ASSISTANT, true, Map.of());
        List<Message> before = List.of(Message.of("system", "s"));
        Row chosen = new PromptCompletion(before, "u", "u", "a", Origin.MEMORY);
        Row rejected = new PromptCompletion(before, "u", "u", "b", Origin.MEMORY);
        assertEquals(Set.of("system"), wraps.unwritten(chosen));
        assertEquals(Set.of("system"), wraps.unwritten(new Preference(chosen, rejected)));
        assertEquals(Set.of(), new ChatFormat(ChatTemplate.open(directory)).unwritten(chosen));
    }

    /** As Mistral's do since v0.3: where an answer follows, what the system says is left out; where it is asked for, it is there. */
    @Test
    void whatIsWrittenWhereItIsAskedForIsNotLeftOut() throws IOException {
        config("{\"chat_template\": \"{% for m in messages[1:] %}{% if loop.last and m.role == 'user' %}"
                + "{{ messages[0].content }}{% endif %}{{ m.content }}{% endfor %}\"}");
        ChatFormat format = new ChatFormat(ChatTemplate.open(directory));
        List<Message> turns = List.of(Message.of("system", "s"), Message.of("user", "u"), Message.of("assistant", "a"));
        assertEquals(Set.of(), format.unwritten(new Conversation(turns)));
        config("{\"chat_template\": \"{{ raise_exception('no system') }}\"}");
        assertEquals(Set.of(), new ChatFormat(ChatTemplate.open(directory)).unwritten(new Conversation(turns)));
    }

    @Test
    void theHeadThatATemplateWritesAnywayEndsNoAnswer() throws IOException {
        ByteModel.write(directory, "{\"eos_token\": \"<|end|>\"}", "<|end|>");
        Map<String, List<String>> stops = Map.of(
                "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ",
                List.of(),
                "{% for m in messages %}{{ m.role }}: {{ m.content }} STOP\n{% endfor %}assistant: ",
                List.of("STOP"),
                "{% for m in messages %}{{ m.role }}: {{ m.content }} STOP\n{% endfor %}",
                List.of("STOP"),
                "{% for m in messages %}{{ m.content }}{{ '\nNOW\n' if m.role == 'user' else '\nASK\n' }}{% endfor %}",
                List.of("\nASK"),
                "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
                        + "{% if add_generation_prompt %}assistant: {% endif %}",
                List.of(),
                "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}OVER",
                List.of("\nOVER"));
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            for (Map.Entry<String, List<String>> each : stops.entrySet()) {
                Files.writeString(directory.resolve("chat_template.jinja"), each.getKey());
                assertEquals(each.getValue(), ChatTemplate.open(directory).stopStrings(tokenizer), each.getKey());
            }
        }
    }

    @Test
    void anAnswerEndsWhereTheTemplateEndsIt() throws IOException {
        String template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }} <|im_end|>\n{% endfor %}";
        ByteModel.write(
                directory,
                "{\"eos_token\": \"<|end|>\", \"chat_template\": " + ByteModel.json(template) + "}",
                "<|end|>",
                "<|im_start|>",
                "<|im_end|>");
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            ChatTemplate chat = ChatTemplate.open(directory);
            assertEquals(OptionalLong.of(258), chat.endOfTurn(tokenizer));
            assertEquals(Set.of(256L, 258L), chat.stopIds(tokenizer));
            Files.writeString(directory.resolve("chat_template.jinja"), "{{ messages[-1].content }} and so on");
            assertEquals(OptionalLong.empty(), ChatTemplate.open(directory).endOfTurn(tokenizer));
            assertEquals(List.of(), chat.stopStrings(tokenizer));
            assertEquals(List.of("and so on"), ChatTemplate.open(directory).stopStrings(tokenizer));
            Files.writeString(directory.resolve("chat_template.jinja"), "{{ messages[-1].content }}\n<stop>\n<other>");
            assertEquals(List.of("\n<stop>"), ChatTemplate.open(directory).stopStrings(tokenizer));
            Files.writeString(directory.resolve("chat_template.jinja"), "{{ messages[-1].content }} [END]<|end|>");
            assertEquals(List.of("[END]"), ChatTemplate.open(directory).stopStrings(tokenizer));
            for (String without : List.of(
                    "{{ messages[-1].content }}\n",
                    "\"{{ messages[-1].content }}\"\n",
                    "{{ raise_exception('no') }}")) {
                Files.writeString(directory.resolve("chat_template.jinja"), without);
                assertEquals(List.of(), ChatTemplate.open(directory).stopStrings(tokenizer), without);
            }
        }
    }

    @Test
    void wholeNumbersKeepAllTheirDigits() throws IOException {
        String number = "-123456789012345678901234567890";
        Conversation row = ChatRowsTest.withTools(directory, "[{\"id\": " + number + "}]");
        Files.writeString(
                directory.resolve("chat_template.jinja"),
                "{{ tools | tojson }} {{ tools[0] }} {{ tools[0].id }}{% set id = tools[0].id %}"
                        + " {{ id | int }} {{ id is number }} {{ id is integer }} {{ id | float }}");
        ChatTemplate template = ChatTemplate.open(directory);
        assertEquals(
                "[{\"id\": N}] {'id': N} N N True True -1.2345678901234568e+29".replace("N", number),
                template.render(row.messages(), false, row.variables()).text());
    }
}
