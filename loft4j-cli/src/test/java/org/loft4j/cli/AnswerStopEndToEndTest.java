package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.HubEnvironment;
import sun.misc.Signal;

/** Ctrl-C in the middle of an answer. */
class AnswerStopEndToEndTest {
    @TempDir
    Path folder;

    /** Each turn is answered by the whole conversation so far, which the model goes on with. */
    @Test
    void theFirstOneEndsTheAnswerAndTheConversationGoesOn() throws Exception {
        assumeFalse(IgnoredSignals.interrupt(), "Ctrl-C is ignored here");
        Path model = Fixtures.copy("stories260K", folder.resolve("stories"));
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content }}"
                        + "{% elif loop.first %}Once upon a time{% endif %}{% endfor %}");
        AtomicInteger pieces = new AtomicInteger();
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        // waits between the pieces until the signal has come, which takes the machine a while
        PrintWriter reader = new PrintWriter(out) {
            @Override
            public void print(String piece) {
                super.print(piece);
                int said = piece.equals("> ") ? 0 : pieces.incrementAndGet();
                try {
                    if (said == 5) {
                        Signal.raise(new Signal("INT"));
                    }
                    if (said >= 5) {
                        Thread.sleep(err.toString().contains("stopped") ? 0 : 50);
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        };
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream("begin\ngo on\n/exit\n".getBytes(StandardCharsets.UTF_8)));
        int status;
        try {
            String[] call = {"chat", "--model", model.toString(), "--temperature", "0", "--max-new-tokens", "200"};
            status = Loft.run(HubEnvironment::ofUser, reader, new PrintWriter(err), call);
        } finally {
            System.setIn(before);
        }
        assertEquals(0, status, err.toString());
        assertTrue(err.toString().contains("stopped; the conversation goes on"), err.toString());
        String[] answers = out.toString().replace("\n> ", "> ").split("> ", -1);
        String whole = Captured.loft(
                        "generate",
                        "--model",
                        model.toString(),
                        "--text",
                        "Once upon a time",
                        "--max-new-tokens",
                        "200")
                .out()
                .substring("Once upon a time".length())
                .strip();
        assertTrue(whole.startsWith(answers[1]) && answers[1].length() < whole.length(), out + " of " + whole);
        // blanks aside: one between the two is the tokenizer's, and the signal may come within a word
        String both = (answers[1] + answers[2]).replace(" ", "");
        String asOne = whole.replace(" ", "");
        int further = answers[1].replace(" ", "").length() + 5;
        assertTrue(both.startsWith(asOne.substring(0, Math.min(asOne.length(), further))), out.toString());
    }
}
