package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.Thread.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Message;
import org.loft4j.model.Fixture;

class TextGeneratorTest {
    @TempDir
    Path model;

    @BeforeEach
    void aModelThatTellsStories() throws IOException {
        try (Stream<Path> files = Files.list(Fixture.directory("stories260K"))) {
            for (Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName().toString()));
            }
        }
    }

    private String continued() throws IOException {
        try (TextGenerator generator = TextGenerator.open(model)) {
            return generator
                    .complete("Once upon a time", 12, SamplingConfig.GREEDY)
                    .text();
        }
    }

    @Test
    void anEndBehindTextsIsNotPutBehindAPrompt() throws IOException {
        String without = continued();
        Path config = model.resolve("tokenizer_config.json");
        Files.writeString(
                config, Files.readString(config).replace("\"add_eos_token\": false", "\"add_eos_token\": true"));
        assertEquals(without, continued());
    }

    /** Whoever closes it while the messages are read must wait for their answer: the tokenizer is needed behind them. */
    @Test
    void closingWaitsForAConversationFromItsFirstMessageOn() throws Exception {
        Files.writeString(model.resolve("chat_template.jinja"), "{% for m in messages %}{{ m.content }}{% endfor %}");
        Message message = Message.of("user", "Once upon a time");
        String undisturbed;
        try (TextGenerator generator = TextGenerator.open(model)) {
            undisturbed =
                    generator.reply(List.of(message), 12, SamplingConfig.GREEDY).text();
        }
        TextGenerator generator = TextGenerator.open(model);
        Thread closing = new Thread(generator::close);
        List<Message> messages = new AbstractList<>() {
            @Override
            public Message get(int index) {
                if (closing.getState() == State.NEW) {
                    closing.start();
                    while (closing.getState() != State.WAITING && closing.getState() != State.TERMINATED) {
                        Thread.onSpinWait();
                    }
                }
                return message;
            }

            @Override
            public int size() {
                return 1;
            }
        };
        assertEquals(
                undisturbed,
                generator.reply(messages, 12, SamplingConfig.GREEDY).text());
        closing.join(60_000);
        assertEquals(State.TERMINATED, closing.getState());
    }

    @Test
    void whatIsClosedSaysSoBeforeItTouchesATokenizerThatIsGone() throws Exception {
        Files.writeString(model.resolve("chat_template.jinja"), "{{ messages[0].content }}");
        TextGenerator generator = TextGenerator.open(model);
        generator.close();
        IllegalStateException complete =
                assertThrows(IllegalStateException.class, () -> generator.complete("Once", 12, SamplingConfig.GREEDY));
        assertEquals("the generator is closed", complete.getMessage());
        IllegalStateException reply = assertThrows(
                IllegalStateException.class,
                () -> generator.reply(List.of(Message.of("user", "Once")), 12, SamplingConfig.GREEDY));
        assertEquals("the generator is closed", reply.getMessage());
    }
}
