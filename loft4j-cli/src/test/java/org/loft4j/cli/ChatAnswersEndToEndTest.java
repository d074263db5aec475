package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Message;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.Task;

class ChatAnswersEndToEndTest {
    @TempDir
    Path folder;

    private Path model;

    @BeforeEach
    void aModelThatTalks() throws IOException {
        model = Fixtures.copy("stories260K", folder.resolve("stories"));
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ ' ' if not loop.last }}{% endfor %}");
    }

    private List<String> answers(String lines, String... options) {
        String[] all = Stream.concat(Stream.of("--model", model.toString()), Stream.of(options))
                .toArray(String[]::new);
        return Stream.of(output(lines, all).substring(2).split("\n(> )+"))
                .filter(answer -> !answer.isBlank())
                .toList();
    }

    private static String output(String lines, String... options) {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(lines.getBytes(StandardCharsets.UTF_8)));
        try {
            Captured call = Captured.loft(Stream.concat(Stream.of("chat", "--max-new-tokens", "12"), Stream.of(options))
                    .toArray(String[]::new));
            assertEquals(0, call.status(), call.err());
            return call.out();
        } finally {
            System.setIn(before);
        }
    }

    @Test
    void eachAnswerHasDrawsOfItsOwnAndACallHasThemAgain() {
        String twice = "Once upon a time\n/reset\nOnce upon a time\n";
        List<String> drawn = answers(twice, "--temperature", "2");
        assertNotEquals(drawn.get(0), drawn.get(1), drawn::toString);
        assertEquals(drawn, answers(twice, "--temperature", "2"));
        List<String> likeliest = answers(twice, "--temperature", "0");
        assertEquals(likeliest.get(0), likeliest.get(1));
    }

    /** What was read of the turns before is kept, and each answer is that to the whole conversation. */
    @Test
    void eachAnswerIsThatToTheWholeConversation() throws IOException {
        // answers but the last are written otherwise than they were given, and the oldest exchanges are left out
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' and loop.revindex > 3 %}He said no."
                        + "{% else %}{{ m.content }}{% endif %}{{ ' ' if not loop.last }}{% endfor %}");
        Path config = model.resolve("config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replaceFirst("\"max_position_embeddings\": \\d+", "\"max_position_embeddings\": 64"));
        Path run = learnt();
        List<String> questions = List.of("Once upon a time", "Lily saw a cat", "Then", "The end", "Tom was sad", "Why");
        String[] greedy = {"--adapter", run.toString(), "--temperature", "0", "--compare-base"};
        String lines = String.join("\n", questions);
        String[] both = output(lines, greedy).split("> ");
        List<Message> messages = new ArrayList<>();
        StringBuilder expected = new StringBuilder("> ");
        int leftOut = 0;
        int different = 0;
        try (TextGenerator base = TextGenerator.open(model);
                TextGenerator adapted = TextGenerator.open(run)) {
            for (int i = 0; i < questions.size(); i++) {
                messages.add(Message.of("user", questions.get(i)));
                while (tokens(adapted, messages) + 12 > 64) {
                    messages.subList(0, 2).clear();
                    leftOut++;
                }
                String answer =
                        adapted.reply(messages, 12, SamplingConfig.GREEDY).text();
                String ofBase = base.reply(messages, 12, SamplingConfig.GREEDY).text();
                different += answer.equals(ofBase) ? 0 : 1;
                assertEquals(
                        words(SideBySide.of("base", ofBase, "adapted", answer, 100)), words(both[i + 1]), "turn " + i);
                expected.append(answer).append("\n> ");
                messages.add(Message.of("assistant", answer));
            }
        }
        assertTrue(leftOut > 0 && different > 0, leftOut + " left out, " + different + " different");
        String out = output(lines, Arrays.copyOf(greedy, greedy.length - 1));
        assertEquals(expected.append('\n').toString(), out.replace(System.lineSeparator(), "\n"));
    }

    private static int tokens(TextGenerator generator, List<Message> messages) {
        String prompt = generator.chatTemplate().orElseThrow().prompt(messages, Map.of());
        return generator.tokenizer().encode(prompt, false).length;
    }

    private static List<String> words(String text) {
        return List.of(text.strip().split("\\s+"));
    }

    /** An adapter that says something else than the model. */
    private Path learnt() throws IOException {
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"), "{\"prompt\": \"Once\", \"completion\": \" more he ran\"}\n".repeat(8));
        Path run = folder.resolve("run");
        Captured call = Captured.loft(
                "train",
                "--model",
                model.toString(),
                "--data",
                rows.toString(),
                "--output",
                run.toString(),
                "--method",
                "lora",
                "--learning-rate",
                "0.01",
                "--epochs",
                "3");
        assertEquals(0, call.status(), call.err());
        return run;
    }

    @Test
    void anEndThatIsNoTokenIsToldAndEndsAnAnswer() throws IOException {
        Path chats = Files.writeString(
                folder.resolve("chats.jsonl"),
                "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}\n");
        String template = "{{ bos_token }}{% for m in messages %}{{ m.content }}"
                + "{% if m.role == 'assistant' %}END\n{% endif %}{% endfor %}";
        for (String end : List.of("Lily", "</s>")) {
            Files.writeString(model.resolve("chat_template.jinja"), template.replace("END", end));
            String[] train = {
                "train",
                "--model",
                model.toString(),
                "--data",
                chats.toString(),
                "--output",
                folder.resolve(end.equals("Lily") ? "run" : "run2").toString(),
                "--method",
                "lora",
                "--rank",
                "2",
                "--epochs",
                "1"
            };
            Captured call = Captured.loft(train);
            assertEquals(0, call.status(), call.err());
            assertEquals(
                    end.equals("Lily"),
                    call.err()
                            .contains(
                                    "the chat template ends an answer with \"" + end + "\", which is no special token"),
                    call.err());
            String answer = answers("Once upon a time\n", "--temperature", "0").get(0);
            assertEquals(end.equals("Lily"), answer.endsWith("girl named "), answer);
        }
    }

    @Test
    void whoContinuesATextWithAModelOfConversationsIsToldSo() throws IOException {
        TrainedChat trained = new TrainedChat(false, "assistant", Map.of(), null);
        new TaskFile(Task.CAUSAL_LM, List.of(), null, 64, null, trained).write(model);
        String told = "loft: the model was trained on conversations, and the texts are continued as they stand;";
        for (String turns : List.of("", "--chat", "--no-chat")) {
            Captured call = Captured.loft(
                    Stream.of("generate", "--model", model.toString(), "--text", "Once", "--max-new-tokens", "2", turns)
                            .filter(word -> !word.isEmpty())
                            .toArray(String[]::new));
            assertEquals(0, call.status(), call.err());
            assertEquals(turns.isEmpty(), call.err().contains(told), call.err());
        }
    }

    @Test
    void anAnswerHasNoBlankThatTheTokenizerPutsBeforeTexts() {
        String answer = answers("Once upon a\n", "--temperature", "0").get(0);
        assertTrue(answer.startsWith("time"), answer);
        Captured call = Captured.loft(
                "generate", "--model", model.toString(), "--chat", "--text", "Once upon a", "--max-new-tokens", "12");
        assertEquals(answer, call.out().strip(), call.err());
        assertFalse(call.out().startsWith(" "), call.out());
        String continued = Captured.loft(
                        "generate", "--model", model.toString(), "--text", "Once upon a", "--max-new-tokens", "12")
                .out();
        assertTrue(continued.startsWith("Once upon a time"), continued);
    }
}
