package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Messages as OpenAI's interface has them, for templates that know other ones. */
class MessageFormTest {
    /** Writes content as it is, whatever it is. */
    private static final String TRIMS = "{% for m in messages %}<{{ m.role }}>{{ m['content'] | trim }}{% endfor %}";
    /** Leaves out what is no text. */
    private static final String STRINGS =
            "{% for m in messages %}<{{ m.role }}>{{ m.content if m.content is string else '' }}{% endfor %}";
    /** Fails at what is no text. */
    private static final String ADDS = "{% for m in messages %}{{ '<' + m.role + '>' + m.content }}{% endfor %}";

    private static final String PARTS =
            "{% for m in messages %}<{{ m.role }}>{% if m.content is string %}{{ m.content }}"
                    + "{% else %}{% for p in m.content %}{{ '<image>' if p.type == 'image' else p.text }}{% endfor %}{% endif %}"
                    + "{% endfor %}";

    private static final String CALLS = "{% for m in messages %}<{{ m.role }}>{{ m.content or '' }}"
            + "{% for c in m.tool_calls or [] %}{% set c = c.function or c %}{{ c.name }} ARGUMENTS{% endfor %}{% endfor %}";
    private static final String AS_JSON = CALLS.replace("ARGUMENTS", "{{ c.arguments | tojson }}");
    private static final String EITHER =
            CALLS.replace("ARGUMENTS", "{{ c.arguments if c.arguments is string else c.arguments | tojson }}");
    private static final String ITEMS =
            CALLS.replace("ARGUMENTS", "{% for k, v in c.arguments.items() %}{{ k }}={{ v }}{% endfor %}");

    /** Calls of turns without content alone, their arguments as text: DeepSeek-R1's distillates do so. */
    private static final String BARE = "{% for m in messages %}{% if m['content'] is none %}"
            + "{% for c in m['tool_calls'] %}{{ '<call>' + c['function']['name'] + ' ' + c['function']['arguments'] }}"
            + "{% endfor %}{% else %}<{{ m['role'] }}>{{ m['content'] }}{% endif %}{% endfor %}";

    @TempDir
    Path directory;

    private ChatTemplate template(String source) throws IOException {
        return ChatTemplate.read(Files.writeString(directory.resolve("chat.jinja"), source), directory);
    }

    private String write(String template, String messages) throws IOException {
        Path file = Files.writeString(directory.resolve("rows.jsonl"), "{\"messages\": [" + messages + "]}\n");
        Conversation row = (Conversation) DataFiles.read(file).get(0);
        return template(template).render(row.messages(), false, row.variables()).text();
    }

    private static String user(String content) {
        return "{\"role\": \"user\", \"content\": " + content + "}";
    }

    @Test
    void textPartsAreOneTextWhereTheTemplateDoesNotWriteThem() throws IOException {
        String two = "[{\"type\": \"text\", \"text\": \"a\"}, {\"type\": \"text\", \"text\": \"b\"}]";
        for (String template : List.of(TRIMS, STRINGS, ADDS)) {
            assertEquals("<user>a\nb", write(template, user(two)), template);
            assertEquals("<user>", write(template, user("[]")), template);
        }
        assertEquals("<user>ab", write(PARTS, user(two)), "as the template has it");
        assertEquals("<tool>a\nb", write(TRIMS, user(two).replace("user", "tool")));
    }

    private String refused(String template, String messages) {
        return String.valueOf(assertThrows(ConfigException.class, () -> write(template, messages))
                .getMessage());
    }

    @Test
    void partsThatAreNoTextAreRefusedWhereTheTemplateWritesTextsAlone() throws IOException {
        String file = "[{\"type\": \"text\", \"text\": \"a\"}, {\"type\": \"file\", \"text\": \"b\"}]";
        for (String template : List.of(TRIMS, STRINGS, ADDS)) {
            assertEquals(
                    "message 2 (user) has a part of type \"file\", and this chat template writes texts alone",
                    refused(template, user("\"a\"") + "," + user(file)));
        }
        assertEquals("<user>ab", write(PARTS, user(file)), "as the template has it");
        assertTrue(write(TRIMS, user(file).replace("user", "tool")).startsWith("<tool>[{'type': 'text'"));
    }

    @Test
    void whatIsSeenOrHeardIsRefusedWhateverTheTemplateWritesForIt() throws IOException {
        for (String type : List.of("image", "image_url", "video", "input_audio")) {
            String parts = "[{\"type\": \"text\", \"text\": \"a\"}, {\"type\": \"" + type + "\", \"url\": \"b\"}]";
            for (String template : List.of(TRIMS, STRINGS, ADDS, PARTS)) {
                assertEquals(
                        "message 1 (user) has a part of type \"" + type + "\": models here read text alone",
                        refused(template, user(parts)));
            }
        }
    }

    /** Python's spelling of it would be learnt. */
    @Test
    void contentThatIsNeitherTextNorPartsIsRefusedButOfTools() throws IOException {
        for (String template : List.of(TRIMS, STRINGS, PARTS)) {
            assertEquals(
                    "message 1 (user) has content that is a list, and neither a text nor parts such as {\"type\": \"text\","
                            + " \"text\": \"…\"}: JSON that is said must be text",
                    refused(template, user("[\"a\", \"b\"]")));
            String object =
                    refused(template, user("\"a\"") + "," + user("{\"b\": 1}").replace("user", "assistant"));
            assertTrue(object.startsWith("message 2 (assistant) has content that is an object, and neither"), object);
        }
        assertEquals("<tool>{'b': 1}", write(TRIMS, user("{\"b\": 1}").replace("user", "tool")));
    }

    @Test
    void argumentsThatAreTextAreParsedWhereTheTemplateWouldQuoteThem() throws IOException {
        String text = "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"type\": \"function\","
                + " \"function\": {\"name\": \"f\", \"arguments\": \"{\\\"b\\\": 1, \\\"a\\\":  2.5}\"}}]}";
        String flat = "{\"role\": \"assistant\", \"tool_calls\": [{\"name\": \"f\","
                + " \"arguments\": \"{\\\"b\\\": 1, \\\"a\\\":  2.5}\"}]}";
        for (String call : List.of(text, flat)) {
            assertEquals("<assistant>f {\"b\": 1, \"a\": 2.5}", write(AS_JSON, call));
            assertEquals("<assistant>f b=1a=2.5", write(ITEMS, call));
            assertEquals("<assistant>f {\"b\": 1, \"a\":  2.5}", write(EITHER, call), "as it stands");
        }
        assertEquals("<assistant>f {\"b\": 1}", write(AS_JSON, call("{\"b\": 1}")));
        for (String other : List.of("\"\"", "\"[1]\"", "\"{\"", "\"{} {}\"")) {
            assertEquals("<assistant>f " + ByteModel.json(text(other)), write(AS_JSON, call(other)), "no object");
        }
        assertEquals("<assistant>", write(TRIMS, call("\"{}\"").replace("null", "\"\"")), "calls are not written");
    }

    @Test
    void callsMayBeThoseOfTurnsWithoutContentAlone() throws IOException {
        String arguments = "\"{\\\"b\\\":  1}\"";
        assertEquals("<user>q<call>f {\"b\":  1}", write(BARE, user("\"q\"") + "," + call(arguments)));
    }

    @Test
    void turnsThatStayAsTheyAreAreNotCounted() throws IOException {
        String clean = call("{\"b\": 1}") + "," + call("\"no JSON\"") + ",{\"role\": \"assistant\", \"content\": \"a\","
                + " \"tool_calls\": []}";
        for (String template : List.of(AS_JSON, ITEMS.replace(".items()", " | items"), TRIMS)) {
            assertEquals(0, reshaped(template, clean), template);
        }
        assertEquals(1, reshaped(AS_JSON, clean + "," + call("\"{}\"")));
        String image = "[{\"type\": \"image\", \"url\": \"b\"}]";
        assertEquals(0, reshaped(TRIMS, user(image).replace("user", "tool")));
    }

    private int reshaped(String template, String messages) throws IOException {
        Path file = Files.writeString(directory.resolve("rows.jsonl"), "{\"messages\": [" + messages + "]}\n");
        Conversation row = (Conversation) DataFiles.read(file).get(0);
        return template(template).reshaped(row.messages(), row.variables());
    }

    private static String call(String arguments) {
        return "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"function\": {\"name\": \"f\","
                + " \"arguments\": " + arguments + "}}]}";
    }

    private static String text(String json) {
        return json.substring(1, json.length() - 1);
    }

    @Test
    void aTurnWithoutContentAndCallsIsRefused() throws IOException {
        for (String calls : List.of("", ", \"tool_calls\": null", ", \"tool_calls\": []")) {
            Path file = Files.writeString(
                    directory.resolve("rows.jsonl"),
                    "{\"messages\": [" + user("\"q\"") + ", {\"role\": \"assistant\", \"content\": null" + calls
                            + "}]}\n");
            ChatFormat format = new ChatFormat(template(TRIMS));
            ByteModel.write(directory, "{}");
            try (Tokenizer tokenizer = Tokenizer.open(directory)) {
                String fault = String.valueOf(assertThrows(
                                DataException.class,
                                () -> Dataset.causalLm(DataFiles.read(file), tokenizer, 100, format))
                        .getMessage());
                assertEquals(
                        file + ", line 1: message 2 (assistant) has neither content nor tool_calls: its content is"
                                + " null; a turn that says nothing has \"\"",
                        fault);
            }
        }
    }

    @Test
    void toolsMayHaveATemplateWithAnotherForm() throws IOException {
        Files.writeString(
                directory.resolve("tokenizer_config.json"),
                "{\"chat_template\": [{\"name\": \"default\", \"template\": " + ByteModel.json(EITHER)
                        + "}, {\"name\": \"tool_use\", \"template\": " + ByteModel.json(AS_JSON) + "}]}");
        ChatTemplate both = ChatTemplate.open(directory);
        Map<String, @Nullable Object> calls = new LinkedHashMap<>();
        calls.put("role", "assistant");
        calls.put("tool_calls", List.of(Map.of("name", "f", "arguments", "{\"b\":1}")));
        List<Message> messages = List.of(new Message(calls));
        assertEquals(
                "<assistant>f {\"b\":1}", both.render(messages, false, Map.of()).text());
        assertEquals(
                "<assistant>f {\"b\": 1}",
                both.render(messages, false, Map.of("tools", List.of(Map.of("name", "f"))))
                        .text());
    }
}
