package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A template that knows user and assistant alone passes over what the system says, and nothing else would tell. */
class UnwrittenTurnsEndToEndTest {
    private static final String LEFT_OUT = "the chat template leaves out what the system says";
    private static final String TURNS =
            "{{ bos_token }}{% for m in messages if m.role in KNOWN %}{{ m.content }}{{ eos_token }}{% endfor %}";
    private static final String ASKED = "{\"messages\": [{\"role\": \"user\", \"content\": \"Once\"}";
    private static final String ANSWERED = ", {\"role\": \"assistant\", \"content\": \"upon\"}]}\n";
    private static final String TOLD = ASKED.replace("[", "[{\"role\": \"system\", \"content\": \"Be brief.\"}, ");

    @TempDir
    Path folder;

    private Path model;
    private Path rows;
    private Path knowing;

    @BeforeEach
    void aModelThatTalks() throws IOException {
        model = Fixtures.copy("stories260K", folder.resolve("stories"));
        Files.writeString(model.resolve("chat_template.jinja"), TURNS.replace("KNOWN", "['user', 'assistant']"));
        knowing = Files.writeString(
                folder.resolve("knowing.jinja"), TURNS.replace("KNOWN", "['user', 'assistant', 'system']"));
        rows = Files.writeString(folder.resolve("rows.jsonl"), ASKED + ANSWERED + TOLD + ANSWERED + TOLD + ANSWERED);
    }

    @Test
    void aTrainingTellsIt() {
        for (boolean knows : new boolean[] {false, true}) {
            String[] call = {
                "train",
                "--model",
                model.toString(),
                "--data",
                rows.toString(),
                "--rank",
                "2",
                "--epochs",
                "1",
                "--output",
                folder.resolve("run" + knows).toString(),
                "--chat-template",
                knows
                        ? knowing.toString()
                        : model.resolve("chat_template.jinja").toString()
            };
            Captured train = Captured.loft(call);
            assertEquals(0, train.status(), train.err());
            assertEquals(!knows, train.err().contains(LEFT_OUT + ", as in " + rows + ", line 2"), train.err());
        }
    }

    @Test
    void whoLooksAtRowsSeesIt() throws IOException {
        Captured check = Captured.loft("data", "check", rows.toString(), "--model", model.toString());
        assertTrue(
                check.out()
                        .contains(
                                "  rows of which the chat template leaves out what the system, or another than the assistant, says: 2"),
                check.out());
        Captured json = Captured.loft(
                "data",
                "check",
                rows.toString(),
                "--model",
                model.toString(),
                "--chat-template",
                knowing.toString(),
                "--json");
        assertEquals(
                0,
                new ObjectMapper()
                        .readTree(json.out())
                        .at("/training_rows/rows_with_turns_left_out")
                        .intValue());
        Captured inspect = Captured.loft("inspect", "--data", rows.toString(), "--model", model.toString());
        assertTrue(inspect.out().contains("row 1, line 1: nothing cut"), inspect.out());
        assertTrue(inspect.out().contains("row 2, line 2: " + LEFT_OUT + "; nothing cut"), inspect.out());
    }

    @Test
    void whoAsksHearsIt() {
        for (String[] how : new String[][] {
            {"--chat", "--text", "Once", "--system", "Be brief."},
            {"--data", rows.toString()}
        }) {
            assertTrue(generate(how).err().contains(LEFT_OUT + ": the model is asked without it"));
        }
        assertFalse(generate("--chat", "--text", "Once").err().contains(LEFT_OUT));
        Captured knows = generate("--data", rows.toString(), "--chat-template", knowing.toString());
        assertFalse(knows.err().contains(LEFT_OUT), knows.err());
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream("/exit\n".getBytes(StandardCharsets.UTF_8)));
        try {
            Captured chat = Captured.loft("chat", "--model", model.toString(), "--system", "Be brief.");
            assertTrue(chat.err().contains(LEFT_OUT), chat.err());
        } finally {
            System.setIn(before);
        }
    }

    private Captured generate(String... how) {
        String[] call = new String[how.length + 5];
        System.arraycopy(how, 0, call, 5, how.length);
        call[0] = "generate";
        call[1] = "--model";
        call[2] = model.toString();
        call[3] = "--max-new-tokens";
        call[4] = "1";
        Captured made = Captured.loft(call);
        assertEquals(0, made.status(), made.err());
        return made;
    }
}
