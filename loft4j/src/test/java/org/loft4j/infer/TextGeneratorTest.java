package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.Thread.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
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
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

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

    @Test
    void anAnswerIsHeardAsItGrowsAndEndsAtAStopString() throws Exception {
        try (TextGenerator generator = TextGenerator.open(model)) {
            String whole = generator
                    .complete("Once upon a time", 40, SamplingConfig.GREEDY)
                    .text();
            String stop = whole.substring(20, 24);
            Request request = new Request(40, Set.of(), List.of(stop), SamplingConfig.GREEDY);
            StringBuilder heard = new StringBuilder();
            Set<Thread> on = new HashSet<>();
            Answer answer = generator.complete("Once upon a time", request, (row, piece) -> {
                assertEquals(0, row);
                on.add(Thread.currentThread());
                heard.append(piece);
            });
            assertEquals(whole.substring(0, whole.indexOf(stop)), answer.text());
            assertEquals(End.STOP_STRING, answer.end());
            assertEquals(answer.text(), heard.toString());
            assertEquals(Set.of(Thread.currentThread()), on);
        }
    }

    /** The tokenizer puts a blank before every text, and Transformers takes it away where it decodes an answer alone. */
    @Test
    void aReplyIsATextOfItsOwnAndWhatIsContinuedIsNot() throws Exception {
        Files.writeString(model.resolve("chat_template.jinja"), "{{ bos_token }}{{ messages[0].content }}");
        try (TextGenerator generator = TextGenerator.open(model)) {
            String prompt = "Once upon a";
            String continued =
                    generator.complete(prompt, 9, SamplingConfig.GREEDY).text();
            assertTrue(continued.startsWith(" time"), continued);
            StringBuilder heard = new StringBuilder();
            Request request = new Request(9, Set.of(), List.of(), SamplingConfig.GREEDY);
            Answer reply = generator.reply(
                    List.of(Message.of("user", prompt)), Map.of(), request, (row, piece) -> heard.append(piece));
            assertEquals(continued.substring(1), reply.text());
            assertEquals(reply.text(), heard.toString());
        }
    }

    /** A template of another model has an end that this model's tokenizer does not know. */
    @Test
    void aReplyEndsAtTheTemplatesEndThoughItIsNoToken() throws Exception {
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}Lily\n{% endif %}"
                        + "{% endfor %}");
        try (TextGenerator generator = TextGenerator.open(model)) {
            Answer reply = generator.reply(List.of(Message.of("user", "Once upon a time")), 40, SamplingConfig.GREEDY);
            assertEquals(", there was a little girl named ", reply.text());
            assertEquals(End.STOP_STRING, reply.end());
        }
    }

    @Test
    void aReplyReadsToolsAndVariablesWhichOverruleThoseOfTheTraining() throws Exception {
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for tool in tools or [] %}{{ tool.function.name }} {% endfor %}{{ place }} {{ time }} "
                        + "{% for m in messages %}{{ m.content }}{% endfor %}");
        TrainedChat trained = new TrainedChat(false, "all", Map.of("place", "Here", "time", "today"), null);
        new TaskFile(Task.CAUSAL_LM, List.of(), null, 64, null, trained).write(model);
        List<Message> messages = List.of(Message.of("user", "Tom saw"));
        Map<String, Object> variables = Map.of(
                "time",
                "once",
                "tools",
                List.of(Map.of("type", "function", "function", Map.of("name", "weather", "parameters", Map.of()))));
        Request request = new Request(12, Set.of(), List.of(), SamplingConfig.GREEDY);
        try (TextGenerator generator = TextGenerator.open(model)) {
            StringBuilder heard = new StringBuilder();
            Answer reply = generator.reply(messages, variables, request, (row, piece) -> heard.append(piece));
            assertEquals(asTurn(generator.complete("weather Here once Tom saw", 12, SamplingConfig.GREEDY)), reply);
            assertEquals(reply.text(), heard.toString());
            assertEquals(
                    asTurn(generator.complete("Here today Tom saw", 12, SamplingConfig.GREEDY)),
                    generator.reply(messages, 12, SamplingConfig.GREEDY));
            // what a program needs for prompts of its own
            String prompt = generator.chatTemplate().orElseThrow().prompt(messages, Map.of("place", "A", "time", "b"));
            assertEquals(
                    "A b Tom saw",
                    generator.tokenizer().decode(generator.tokenizer().encode(prompt, false), true));
        }
    }

    private static Answer asTurn(Answer continued) {
        assertTrue(continued.text().startsWith(" "), continued.text());
        return new Answer(
                continued.text().substring(1), continued.promptTokens(), continued.newTokens(), continued.end());
    }

    /** What ends a text by the model's files does so beside the ids of a request. */
    @Test
    void theIdsOfARequestComeBesideTheModelsEnd() throws Exception {
        try (Model stories = Models.open(model, ModelOptions.of(Task.CAUSAL_LM));
                Tokenizer tokenizer = Tokenizer.open(model)) {
            long word = tokenizer.encode("there", false)[0];
            long other = tokenizer.encode("cat", false)[0];
            Request request = new Request(9, Set.of(other), List.of(), SamplingConfig.GREEDY);
            for (long end : new long[] {other, tokenizer.eosId().orElseThrow()}) {
                Decoder decoder = ScriptedDecoder.saying((Decoder) stories, word, end, word, word);
                try (TextGenerator generator = new TextGenerator(new Generator(decoder), tokenizer)) {
                    Answer answer = generator.complete("Once", request, (row, piece) -> {});
                    assertEquals(End.STOP_ID, answer.end());
                    assertEquals(2, answer.newTokens());
                }
            }
        }
    }

    /** Frozen layers alone: what an adapter brings in full has no place in a matrix of fewer bits. */
    @Test
    void aModelIsOpenedInFewerBitsAndItsAdaptersOwnMatrixInFull(@TempDir Path adapter) throws Exception {
        ModelOptions few = ModelOptions.of(Task.CAUSAL_LM).withLoadIn(LoadIn.NF4);
        try (TextGenerator full = TextGenerator.open(model);
                TextGenerator generator = TextGenerator.open(model, few)) {
            assertNotEquals(
                    full.complete("Once upon a time", 100, SamplingConfig.GREEDY),
                    generator.complete("Once upon a time", 100, SamplingConfig.GREEDY));
        }
        String layer = "base_model.model.model.layers.0.";
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(
                    adapter.resolve("adapter_model.safetensors"),
                    Map.of(
                            layer + "self_attn.q_proj.lora_A.weight",
                            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1, 64),
                            layer + "self_attn.q_proj.lora_B.weight",
                            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 64, 1),
                            layer + "mlp.gate_proj.weight",
                            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 172, 64)),
                    Map.of());
        }
        Files.writeString(
                adapter.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"task_type\": \"CAUSAL_LM\", \"r\": 1, \"lora_alpha\": 1,"
                        + " \"target_modules\": [\"layers.0.self_attn.q_proj\"],"
                        + " \"modules_to_save\": [\"layers.0.mlp.gate_proj\"]}");
        try (TextGenerator generator = TextGenerator.open(model, adapter, few)) {
            assertFalse(generator
                    .complete("Once upon a time", 12, SamplingConfig.GREEDY)
                    .text()
                    .isEmpty());
        }
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
    void anAnswerWhoseThreadIsInterruptedEndsBeforeTheNextToken() throws Exception {
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
                assertEquals(heard[0], predicted[0]);
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
