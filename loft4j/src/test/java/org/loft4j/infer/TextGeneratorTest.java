package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.Thread.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Message;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.TextGenerator.Answer;
import org.loft4j.infer.TextGenerator.End;
import org.loft4j.infer.TextGenerator.Request;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

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

    /** OpenMP would keep a team of threads for each thread that computes. */
    @Test
    void theModelHasOneThreadForAllThatAskAndTheyHearOnTheirOwn() throws Exception {
        Set<Thread> computing = ConcurrentHashMap.newKeySet();
        Set<Thread> heard = ConcurrentHashMap.newKeySet();
        try (Model stories = Models.open(model, ModelOptions.of(Task.CAUSAL_LM));
                Tokenizer tokenizer = Tokenizer.open(model);
                TextGenerator generator = new TextGenerator(
                        new Generator(ScriptedDecoder.of((Decoder) stories, i -> {
                            computing.add(Thread.currentThread());
                            return new float[] {0, 0, 0, i};
                        })),
                        tokenizer)) {
            Request request = new Request(3, Set.of(), List.of(), SamplingConfig.GREEDY);
            List<Thread> asking = Stream.generate(() -> new Thread(() -> generator.generate(
                            List.of(new long[] {1}), request, (row, piece) -> heard.add(Thread.currentThread()))))
                    .limit(3)
                    .toList();
            asking.forEach(Thread::start);
            for (Thread thread : asking) {
                thread.join(60_000);
            }
            assertEquals(1, computing.size(), computing.toString());
            assertEquals(Set.copyOf(asking), heard);
        }
    }

    @Test
    void anAnswerWhoseThreadIsInterruptedEndsAtTheNextToken() throws Exception {
        try (Model stories = Models.open(model, ModelOptions.of(Task.CAUSAL_LM));
                Tokenizer tokenizer = Tokenizer.open(model)) {
            float[] same = new float[(int) stories.description().vocabularySize()];
            same[(int) tokenizer.encode("there", false)[0]] = 1;
            int[] predicted = {0};
            Decoder decoder = ScriptedDecoder.of((Decoder) stories, i -> {
                predicted[0] = i + 1;
                return same;
            });
            try (TextGenerator generator = new TextGenerator(new Generator(decoder), tokenizer)) {
                Request request = new Request(40, Set.of(), List.of(), SamplingConfig.GREEDY);
                int[] heard = {0};
                assertThrows(
                        CancellationException.class,
                        () -> generator.generate(List.of(new long[] {1}), request, (row, piece) -> {
                            heard[0] = predicted[0];
                            Thread.currentThread().interrupt();
                        }));
                assertTrue(Thread.interrupted());
                assertEquals(heard[0] + 1, predicted[0]);
                Answer next = generator
                        .generate(List.of(new long[] {1}), request, (row, piece) -> {})
                        .get(0);
                assertEquals(40, next.newTokens());
            }
        }
    }

    /** The text, which a stop string is looked for in, has no special tokens. */
    @Test
    void aSpecialTokenMayBeAStopString() throws Exception {
        try (Model stories = Models.open(model, ModelOptions.of(Task.CAUSAL_LM));
                Tokenizer tokenizer = Tokenizer.open(model)) {
            long word = tokenizer.encode("there", false)[0];
            long begin = tokenizer.bosId().orElseThrow();
            long end = tokenizer.eosId().orElseThrow();
            String beginning = tokenizer.decode(new long[] {begin}, false);
            for (long special : new long[] {begin, end}) {
                Request request = new Request(5, Set.of(end), List.of("no", beginning), SamplingConfig.GREEDY);
                try (TextGenerator generator = new TextGenerator(
                        new Generator(ScriptedDecoder.saying((Decoder) stories, word, word, special, word, word, word)),
                        tokenizer)) {
                    List<long[]> prompts = List.of(new long[] {begin, word}, new long[] {begin});
                    for (Answer answer : generator.generate(prompts, request, (row, piece) -> {})) {
                        assertEquals(special == end ? End.STOP_ID : End.STOP_STRING, answer.end());
                        assertEquals(3, answer.newTokens());
                        assertFalse(answer.text().isEmpty());
                    }
                }
            }
        }
    }
}
