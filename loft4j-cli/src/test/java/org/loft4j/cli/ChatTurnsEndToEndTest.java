package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.StoryCalls.ONCE;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code loft chat}, on a small trained language model: its turns, and those that it has no room for. {@link ChatAnswersEndToEndTest} has
 * what is answered.
 */
class ChatTurnsEndToEndTest {
    @TempDir
    Path folder;

    private StoryCalls calls;
    private Path model;

    @BeforeEach
    void aModelThatTellsStories() throws Exception {
        calls = StoryCalls.in(folder);
        model = calls.model();
    }

    @Test
    void aConversationGoesOnLineByLine() {
        Captured call = calls.typed("Once upon a time\n/reset\nOnce upon a time\n/exit\n", "--stop", " One day");
        assertEquals(0, call.status(), call.err());
        assertEquals("> " + ONCE + "\n> > " + ONCE + "\n> \n", call.out());
    }

    @Test
    void whatIsCutOffIsSaid() {
        Captured call = calls.typed("Once upon a time\n", "--max-new-tokens", "3");
        assertTrue(call.err().contains("cut off after 3 tokens"), call.err());
    }

    @Test
    void aConversationThatOutgrowsTheModelLosesItsOldestExchanges() throws Exception {
        String line = "Once upon a time there was a little girl who loved to play in the park with her big dog Max.\n";
        Captured call = calls.typed(line.repeat(12), "--max-new-tokens", "60", "--system", "Tell a story.");
        assertEquals(0, call.status(), call.err());
        assertEquals(13, call.out().split("> ", -1).length - 1, call.out());
        List<String> told =
                call.err().lines().filter(text -> text.contains("left out")).toList();
        assertEquals(
                List.of(
                        "loft: the oldest exchange no longer fits into the model's 512 tokens and is left out, as later ones"
                                + " will be"),
                told);
        // the last turn is asked with the system prompt and the exchanges before it that fit
        Path template = folder.resolve("strict.jinja");
        Files.writeString(
                template,
                "{% if messages[0].role != 'system' or messages[1].role != 'user' %}{{ raise_exception('order') }}{% endif %}"
                        + Files.readString(model.resolve("chat_template.jinja")));
        Captured strict = calls.typed(
                line.repeat(12), "--max-new-tokens", "60", "--system", "Tell a story.", "--chat-template", template);
        assertEquals(call.out(), strict.out(), strict.err());
    }

    @Test
    void aFilesLongestTextKeepsNoHalfOfTheModelFree() throws Exception {
        String line = "the big dog ".repeat(75) + "\n";
        Files.writeString(model.resolve("generation_config.json"), "{\"max_length\": 512}");
        Captured call = calls.typed("Once upon a time\n" + line, "--stop", " One day", "--temperature", "0");
        assertEquals(0, call.status(), call.err());
        assertTrue(!call.err().contains("left out"), call.err());
        Files.writeString(model.resolve("generation_config.json"), "{\"max_length\": 0}");
        Files.writeString(model.resolve("model.safetensors"), "");
        Captured bad = calls.typed("Once\n");
        assertTrue(bad.err().contains("\"max_length\" must be from 1"), bad.err());
    }

    @Test
    void aMessageThatIsTooLongByItselfLeavesTheConversationAsItWas() {
        String turn = "Once upon a time\n";
        String endless = "the big dog ".repeat(400) + "\n";
        Captured without = calls.typed(turn + turn, "--stop", " One day");
        Captured with = calls.typed(turn + endless + turn, "--stop", " One day");
        assertEquals(0, with.status(), with.err());
        assertTrue(with.err().contains("this message alone takes "), with.err());
        assertTrue(with.err().contains("the model reads fewer than 512: say it in fewer words"), with.err());
        assertEquals(without.out(), with.out().replace("> > ", "> "));
    }

    @Test
    void anAnswerThatFillsTheModelSaysSo() {
        Captured call = calls.typed("the big dog ".repeat(126) + "\n", "--temperature", "0");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("cut off after 6 tokens: the model's 512 are full"), call.err());
    }

    @Test
    void aModelWithoutATemplateSaysSo() throws Exception {
        Files.delete(model.resolve("chat_template.jinja"));
        Captured call = calls.typed("hello\n");
        assertEquals(1, call.status());
        assertTrue(call.err().contains("has no chat template"), call.err());
    }

    @Test
    void aTurnThatTheTemplateRefusesLeavesTheConversationAsItWas() throws Exception {
        Path template = folder.resolve("refusing.jinja");
        Files.writeString(
                template,
                "{% if messages[-1].content == 'boom' %}{{ raise_exception('not that') }}{% endif %}"
                        + Files.readString(model.resolve("chat_template.jinja")));
        Object[] more = {"--stop", " One day", "--chat-template", template};
        Captured without = calls.typed("Once upon a time\nOnce\n", more);
        Captured with = calls.typed("Once upon a time\nboom\nOnce\n", more);
        assertEquals(0, with.status(), with.err());
        assertTrue(with.err().contains("the chat template refuses this turn"), with.err());
        assertTrue(with.err().contains("not that"), with.err());
        assertEquals(without.out(), with.out().replace("> > ", "> "));
    }

    @Test
    void aTurnThatIsNoUtf8LeavesTheConversationAsItWas() {
        Captured without = calls.typed("Once upon a time\nOnce\n", "--stop", " One day");
        Captured with = calls.typed(
                "\u00ef\u00bb\u00bfOnce upon a time\n\ncaf\u00e9\nOnce\n".getBytes(StandardCharsets.ISO_8859_1),
                "--stop",
                " One day");
        assertEquals(0, with.status(), with.err());
        assertTrue(
                with.err()
                        .contains(
                                "standard input, line 3: is not UTF-8; convert it to UTF-8; the conversation is as it was"),
                with.err());
        assertEquals(without.out(), with.out().replace("> > ", "> ").replace("> > ", "> "));
    }
}
