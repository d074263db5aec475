package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Message;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * Continues texts: tokens in, whole characters out, up to a stop string. Any number of threads may use it: they take turns, and
 * one answer uses all cores, on a thread of the generator's own, which {@link #close} ends.
 *
 * <p>An answer is given up by interrupting the thread that asked, as {@link java.util.concurrent.Future#cancel} does: whether it
 * waits for its turn or, at the next token, for its answer, it gets a {@link java.util.concurrent.CancellationException}, and
 * stays interrupted.
 *
 * <pre>
 * try (TextGenerator generator = TextGenerator.open(Path.of("run"))) {
 *     String text = generator.complete("Once upon a time", 60, SamplingConfig.GREEDY).text();
 * }
 * </pre>
 */
public final class TextGenerator implements AutoCloseable {
    private static final TextListener UNHEARD = (row, piece) -> {};

    private final Generator generator;
    private final Tokenizer tokenizer;
    private final @Nullable OpenModel opened;
    private final @Nullable ChatTemplate template;
    private final InTurn turns = new InTurn("generator");

    /** Both stay the caller's. */
    public TextGenerator(Generator generator, Tokenizer tokenizer) {
        this(generator, tokenizer, null, null);
    }

    private TextGenerator(
            Generator generator, Tokenizer tokenizer, @Nullable OpenModel opened, @Nullable ChatTemplate template) {
        this.generator = generator.inLanguageOf(tokenizer);
        this.tokenizer = tokenizer;
        this.opened = opened;
        this.template = template;
    }

    /**
     * Opens what a training left, on the processor: the directory of an adapter that names its model, or of a model.
     *
     * @throws ConfigException if it is no language model
     * @throws CheckpointException if a file cannot be used, or the model of the adapter is not on this machine
     */
    public static TextGenerator open(Path trained) throws IOException {
        return open(trained, ModelOptions.of(Task.CAUSAL_LM));
    }

    /**
     * Likewise as the options say: on another device, in another dtype, or in fewer bits ({@link ModelOptions#withLoadIn}), but for
     * what an adapter brings in full.
     *
     * @param options for {@link Task#CAUSAL_LM}, which stands for {@link Task#SEQ2SEQ_LM} where the model is for that
     */
    public static TextGenerator open(Path trained, ModelOptions options) throws IOException {
        return open(OpenModel.Place.of(trained), options);
    }

    /**
     * Opens a language model with its tokenizer and, where it has one, its chat template.
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if it is no language model
     * @throws CheckpointException if a file cannot be used
     */
    public static TextGenerator open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return open(
                modelDirectory,
                adapterDirectory,
                ModelOptions.of(Task.CAUSAL_LM).withDevice(device).withDtype(dtype));
    }

    /**
     * Likewise as the options say.
     *
     * @param options for {@link Task#CAUSAL_LM}, which stands for {@link Task#SEQ2SEQ_LM} where the model is for that
     */
    public static TextGenerator open(Path modelDirectory, @Nullable Path adapterDirectory, ModelOptions options)
            throws IOException {
        return open(new OpenModel.Place(modelDirectory, adapterDirectory), options);
    }

    private static TextGenerator open(OpenModel.Place place, ModelOptions options) throws IOException {
        boolean reads =
                options.task() == Task.CAUSAL_LM && Models.tasks(place.model()).contains(Task.SEQ2SEQ_LM);
        return OpenModel.open(place, reads ? options.withTask(Task.SEQ2SEQ_LM) : options)
                .into(opened -> {
                    ChatTemplate template =
                            ChatTemplate.find(place.adapter(), place.model()).orElse(null);
                    return new TextGenerator(Generator.of(opened.model()), opened.tokenizer(), opened, template);
                });
    }

    /**
     * Continues one text, to the model's own end or so many tokens.
     *
     * @throws IllegalStateException if it was closed
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public Answer complete(String prompt, int maxNewTokens, SamplingConfig sampling) {
        return complete(prompt, new Request(maxNewTokens, Set.of(), List.of(), sampling), UNHEARD);
    }

    /**
     * Continues one text, and tells of it as it grows.
     *
     * @param request whose stop ids come beside the model's own end
     * @param listener called on this thread, with row 0
     * @throws IllegalStateException if it was closed
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public Answer complete(String prompt, Request request, TextListener listener) {
        return turns.use(() ->
                generate(generator.ids(tokenizer, prompt), 0, request.stoppedBy(tokenizer.stopIds()), listener, null));
    }

    /**
     * Answers the last turn of a conversation, by the model's chat template.
     *
     * @throws ConfigException if the model has no chat template, or this was not made by {@link #open(Path)}
     * @throws IllegalStateException if it was closed
     */
    public Answer reply(List<Message> messages, int maxNewTokens, SamplingConfig sampling) {
        return reply(messages, Map.of(), new Request(maxNewTokens, Set.of(), List.of(), sampling), UNHEARD);
    }

    /**
     * Answers the last turn of a conversation, by the model's chat template, and tells of the answer as it grows.
     *
     * @param variables what else the template may read, {@code tools} among them, as {@link ChatTemplate#render} takes it; they
     *     come beside those of the training, which they overrule
     * @param request whose stop ids come beside the ends of the model and of the template's turns
     * @param listener called on this thread, with row 0
     * @throws ConfigException if the model has no chat template, or this was not made by {@link #open(Path)}, or the template does
     *     not take the messages
     * @throws IllegalStateException if it was closed
     */
    public Answer reply(
            List<Message> messages,
            Map<String, ? extends @Nullable Object> variables,
            Request request,
            TextListener listener) {
        return reply(messages, variables, request, listener, null);
    }

    /**
     * Likewise, from what was read of the turns before.
     *
     * @param reading for this conversation alone, made before its first turn; null to read all of it
     * @throws IllegalStateException if the reading was closed, too
     */
    public Answer reply(
            List<Message> messages,
            Map<String, ? extends @Nullable Object> variables,
            Request request,
            TextListener listener,
            @Nullable Reading reading) {
        if (!generator.goesOn()) {
            throw new ConfigException(
                    "an encoder-decoder has no turns: give it the text that it is to read (generate)");
        }
        if (template == null) {
            throw new ConfigException(
                    "the model has no chat template: continue a text, or put a chat_template.jinja beside its tokenizer");
        }
        return turns.use(() -> {
            Map<String, @Nullable Object> all = new LinkedHashMap<>(variables());
            all.putAll(variables);
            // the template writes its special tokens itself
            long[] prompt = tokenizer.encode(template.prompt(messages, all), false);
            return generate(prompt, 0, request.asTurnOf(template, tokenizer), listener, reading);
        });
    }

    /** What the template was told in training beside the messages. */
    private Map<String, @Nullable Object> variables() {
        TaskFile trained = opened == null ? null : opened.trainedAs();
        return trained == null || trained.chat() == null
                ? Map.of()
                : trained.chat().variables();
    }

    /** The tokenizer, for prompts of one's own; what {@link #open(Path)} opened is gone when this is closed. */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** The model's chat template; empty if it has none, or this was not made by {@link #open(Path)}. */
    public Optional<ChatTemplate> chatTemplate() {
        return Optional.ofNullable(template);
    }

    /**
     * What to ask for.
     *
     * @param maxNewTokens at least 1
     * @param stopIds ids that end a text and do not belong to it, as a rule {@link Tokenizer#stopIds}
     * @param stopStrings strings that do the same, special tokens among them; may be empty
     * @param sampling how tokens are chosen
     * @param turn whether the text is a turn of its own, and does not go on with the prompt's last word: a blank that the tokenizer
     *     puts before every text, as Llama 2's does, is then no part of it
     */
    public record Request(
            int maxNewTokens, Set<Long> stopIds, List<String> stopStrings, SamplingConfig sampling, boolean turn) {
        public Request {
            stopIds = Set.copyOf(stopIds);
            stopStrings = List.copyOf(stopStrings);
        }

        /** For a text that goes on with its prompt. */
        public Request(int maxNewTokens, Set<Long> stopIds, List<String> stopStrings, SamplingConfig sampling) {
            this(maxNewTokens, stopIds, stopStrings, sampling, false);
        }

        /** The same for a turn of a conversation, which ends where the template ends one, too. */
        public Request asTurnOf(ChatTemplate template, Tokenizer tokenizer) {
            Set<Long> ids = new HashSet<>(stopIds);
            ids.addAll(template.stopIds(tokenizer));
            List<String> strings = new ArrayList<>(stopStrings);
            strings.addAll(template.stopStrings(tokenizer));
            return new Request(maxNewTokens, ids, strings, sampling, true);
        }

        private Request stoppedBy(Set<Long> further) {
            Set<Long> all = new HashSet<>(stopIds);
            all.addAll(further);
            return new Request(maxNewTokens, all, stopStrings, sampling, turn);
        }
    }

    /** Why a text ended. */
    public enum End {
        /** The model ended it. */
        STOP_ID,
        /** A stop string came. */
        STOP_STRING,
        /** As many tokens as were asked for. */
        MAX_NEW_TOKENS,
        /** The sequence is as long as the model was made for. */
        MAX_POSITIONS
    }

    /**
     * A continuation.
     *
     * @param text without the end and without a stop string
     * @param promptTokens read
     * @param newTokens made, with the end if it came
     * @param end why it ended
     */
    public record Answer(String text, int promptTokens, int newTokens, End end) {}

    /** Hears the pieces of a text as they become certain. */
    @FunctionalInterface
    public interface TextListener {
        /** @param row number of the prompt, from 0 */
        void onText(int row, String piece);
    }

    /** Continues prompts that are tokenized already, the first of which is row 0. */
    public List<Answer> generate(List<long[]> prompts, Request request, TextListener listener) {
        return generate(prompts, 0, request, listener);
    }

    /**
     * Continues prompts that are tokenized already.
     *
     * @param firstRow number of the first of them among all that are continued with this seed: what is drawn depends on it
     * @param listener called on this thread, while others wait for their turn
     * @return one for each prompt, in their order
     * @throws IllegalStateException if it was closed
     */
    public List<Answer> generate(List<long[]> prompts, long firstRow, Request request, TextListener listener) {
        return generate(prompts, firstRow, request, listener, null);
    }

    /**
     * Continues one prompt that is tokenized already, from what was read of those before it.
     *
     * @param row number of the prompt among all that are continued with this seed: what is drawn depends on it
     * @param listener called on this thread, with row 0, while others wait for their turn
     * @param reading for prompts that begin alike, as those of a conversation; null to read all of it
     * @throws IllegalStateException if this or the reading was closed
     */
    public Answer generate(long[] prompt, long row, Request request, TextListener listener, @Nullable Reading reading) {
        return generate(List.of(prompt), row, request, listener, reading).get(0);
    }

    private List<Answer> generate(
            List<long[]> prompts, long firstRow, Request request, TextListener listener, @Nullable Reading reading) {
        // spared a change of threads for each piece
        TextListener here =
                listener == UNHEARD ? UNHEARD : (row, piece) -> turns.back(() -> listener.onText(row, piece));
        return turns.ask(prompts, read -> generateAlone(read, firstRow, request, here, reading));
    }

    private List<Answer> generateAlone(
            List<long[]> prompts, long firstRow, Request request, TextListener listener, @Nullable Reading reading) {
        GrowingTexts texts =
                new GrowingTexts(tokenizer, prompts, request, generator.goesOn(), listener, turns::requireWanted);
        int most = request.maxNewTokens();
        SamplingConfig sampling = request.sampling();
        Set<Long> stopIds = texts.stopIds();
        return texts.answers(
                reading == null
                        ? generator.generate(prompts, firstRow, most, stopIds, sampling, texts)
                        : List.of(
                                generator.generate(prompts.get(0), firstRow, most, stopIds, sampling, texts, reading)));
    }

    /** Waits for the answer in progress, refuses those that wait for their turn, and frees what {@link #open(Path)} opened. */
    @Override
    public void close() {
        turns.close(() -> {
            if (opened != null) {
                opened.close();
            }
        });
    }
}
