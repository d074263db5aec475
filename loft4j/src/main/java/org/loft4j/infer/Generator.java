package org.loft4j.infer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.data.Languages;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Continuation.Stop;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.Model;
import org.loft4j.nn.PromptSampler;
import org.loft4j.nn.TokenDraw;
import org.loft4j.nn.TokenInput;
import org.loft4j.nn.WritingRules;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Continues prompts token by token, reading each token once; several prompts in one batch, padded on the left. Of an encoder-decoder
 * a prompt is the text that it reads, as a whole and once, and the continuation what it writes of it.
 */
public final class Generator implements PromptSampler {
    private final Decoder model;
    private final long startId;
    private final WritingRules rules;

    /** @param model in evaluation mode; stays the caller's */
    public Generator(Decoder model) {
        this(
                model,
                model instanceof EncoderDecoder writer ? writer.startId() : -1,
                model instanceof EncoderDecoder writer ? writer.rules() : WritingRules.NONE);
    }

    private Generator(Decoder model, long startId, WritingRules rules) {
        this.model = model;
        this.startId = startId;
        this.rules = rules;
    }

    /**
     * A generator over a model of any kind.
     *
     * @throws ConfigException if the model writes no text
     */
    public static Generator of(Model model) {
        if (model instanceof Decoder decoder && model.task().writes()) {
            return new Generator(decoder);
        }
        throw new ConfigException("generation needs a model that writes text, got task " + model.task()
                + " of model_type " + model.description().family());
    }

    /**
     * The same, which writes in the language that the files of the tokenizer name, where it has codes of languages.
     *
     * @throws ConfigException if the model must be told the language, and no file says it
     */
    Generator inLanguageOf(Tokenizer tokenizer) {
        Languages languages = tokenizer.languages();
        if (languages == null || goesOn()) {
            return this;
        }
        if (languages.startsWithCode()) {
            // the code is what writing begins with, which config.json may say
            long first =
                    languages.target() == null ? startId : languages.target().id();
            return new Generator(model, first, rules);
        }
        return languages.target() == null && rules.first().isPresent()
                ? this
                : new Generator(
                        model,
                        startId,
                        rules.withFirst(languages.requireTarget().id()));
    }

    /** Whether what is written goes on with its prompt, and does not begin anew. */
    public boolean goesOn() {
        return !(model instanceof EncoderDecoder);
    }

    /** The ids of a text to continue, as training reads a prompt: where writing begins anew, the text is read with its end. */
    public long[] ids(Tokenizer tokenizer, String prompt) {
        return goesOn() ? tokenizer.encodePrompt(prompt) : tokenizer.encode(prompt, true);
    }

    /**
     * Whether prompts can be continued, for who wants to know it before.
     *
     * @throws ConfigException if there is none, or one is empty or leaves no place for a token
     * @throws org.loft4j.ShapeException if an id is none of the vocabulary
     * @throws IllegalStateException if the model has been closed
     */
    public void check(List<long[]> prompts) {
        if (model.weights().areClosed()) {
            throw new IllegalStateException("the model has been closed, and cannot write any more");
        }
        Checks.atLeast("number of prompts", prompts.size(), 1);
        long positions = model.description().maxPositions();
        for (long[] prompt : prompts) {
            Checks.atLeast("number of prompt ids", prompt.length, 1);
            TokenInput.requireBelow("input_ids", prompt, model.description().vocabularySize());
            if (!goesOn() && prompt.length > positions) {
                throw new ConfigException("a text to read must have at most as many tokens as max_position_embeddings, "
                        + positions + ", got " + prompt.length + ": shorten it");
            }
            if (goesOn() && prompt.length >= positions) {
                throw new ConfigException("a prompt must have fewer tokens than max_position_embeddings, " + positions
                        + ", got " + prompt.length);
            }
        }
    }

    /** Continues one prompt, always with the likeliest token. */
    public Continuation greedy(long[] prompt, int maxNewTokens, Set<Long> stopIds) {
        return generate(List.of(prompt), maxNewTokens, stopIds, SamplingConfig.GREEDY, (row, id) -> true)
                .get(0);
    }

    /** Continues prompts, the first of which is row 0. */
    public List<Continuation> generate(
            List<long[]> prompts, int maxNewTokens, Set<Long> stopIds, SamplingConfig sampling, Listener listener) {
        return generate(prompts, 0, maxNewTokens, stopIds, sampling, listener);
    }

    /**
     * Continues prompts. Of equal logits the lowest id wins. A continuation does not depend on what shares the batch, but for
     * the rounding of the products, and for a rotation whose frequencies follow the longest row (dynamic, longrope).
     *
     * @param prompts each of at least one id, and shorter than the model's longest sequence
     * @param firstRow number of the first of them among all that are continued with this seed: what is drawn depends on it
     * @param maxNewTokens at least 1
     * @param stopIds ids that end a continuation; may be empty
     * @param listener hears each new id as it comes, of beams those of the best text when it is known, with the number of the prompt
     *     in this call
     * @return one for each prompt, in their order
     * @throws ConfigException if a prompt cannot be continued, or there are more beams than tokens to begin with
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Continuation> generate(
            List<long[]> prompts,
            long firstRow,
            int maxNewTokens,
            Set<Long> stopIds,
            SamplingConfig sampling,
            Listener listener) {
        require(prompts, maxNewTokens);
        requireBeams(sampling.beams().count());
        TokenRules allowed = TokenRules.of(rules, sampling, stopIds);
        try (KeyValueCache cache = new KeyValueCache()) {
            if (model instanceof EncoderDecoder reader) {
                ReadColumns.read(reader, TokenColumns.of(prompts), cache);
            }
            List<long[]> begun = begun(prompts);
            ReadColumns columns = new ReadColumns(model, TokenColumns.of(begun), cache);
            if (sampling.beams().areSeveral()) {
                List<Beams> beams = each(
                        begun,
                        maxNewTokens,
                        (i, prompt, limit, last) ->
                                new Beams(i, prompt, limit, last, sampling, allowed, listener.draft(i)));
                return BeamSearch.of(beams, columns, model.description(), listener);
            }
            List<WrittenRow> rows = each(
                    begun,
                    maxNewTokens,
                    (i, prompt, limit, last) -> new WrittenRow(
                            i, new Sampler(sampling, firstRow + i, prompt), allowed, prompt, limit, last));
            goOn(rows, columns, listener);
            return rows.stream().map(WrittenRow::continuation).toList();
        }
    }

    /**
     * Continues one prompt from what was read of those before it, and leaves there what it reads, with the new ids but the last; where
     * the listener throws, as far as it has come. An encoder-decoder reads each text as a whole, and keeps nothing; nor do beams.
     *
     * @param row number of the prompt among all that are continued with this seed: what is drawn depends on it
     * @param listener hears of row 0
     * @throws IllegalStateException if the reading was closed
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public Continuation generate(
            long[] prompt,
            long row,
            int maxNewTokens,
            Set<Long> stopIds,
            SamplingConfig sampling,
            Listener listener,
            Reading reading) {
        if (!goesOn() || sampling.beams().areSeveral()) {
            return generate(List.of(prompt), row, maxNewTokens, stopIds, sampling, listener)
                    .get(0);
        }
        List<long[]> prompts = List.of(prompt.clone());
        require(prompts, maxNewTokens);
        TokenRules allowed = TokenRules.of(rules, sampling, stopIds);
        WrittenRow written = each(
                        prompts,
                        maxNewTokens,
                        (i, begun, limit, last) ->
                                new WrittenRow(i, new Sampler(sampling, row, begun), allowed, begun, limit, last))
                .get(0);
        Object edition = model.weights().edition();
        KeyValueCache cache = reading.take(model, prompts.get(0));
        ReadColumns columns = new ReadColumns(model, TokenColumns.of(prompts), cache);
        try {
            goOn(List.of(written), columns, listener);
        } finally {
            if (edition != model.weights().edition()) {
                // the listener has changed the model, and the tokens go together no more
                cache.clear();
            }
            reading.keep(cache, edition, columns.firstRow());
        }
        return written.continuation();
    }

    private void require(List<long[]> prompts, int maxNewTokens) {
        Checks.atLeast("max_new_tokens", maxNewTokens, 1);
        check(prompts);
    }

    /**
     * Refuses more beams than the model can begin: they differ in their first token.
     *
     * @throws ConfigException if there are more than the vocabulary has tokens
     */
    public void requireBeams(int beams) {
        long vocabulary = model.description().vocabularySize();
        if (beams > vocabulary) {
            throw new ConfigException("num_beams must be at most the model's vocabulary size, " + vocabulary
                    + ", with whose tokens beams begin, got " + beams);
        }
    }

    /** What is to go on with one prompt. */
    @FunctionalInterface
    private interface Start<T> {
        /**
         * @param number of the prompt in the call
         * @param prompt what stands before the first token
         * @param limit how many may be written at most
         * @param last why no more than that
         */
        T of(int number, long[] prompt, int limit, Stop last);
    }

    private <T> List<T> each(List<long[]> begun, int maxNewTokens, Start<T> start) {
        long positions = model.description().maxPositions();
        List<T> all = new ArrayList<>();
        for (int i = 0; i < begun.size(); i++) {
            long[] prompt = begun.get(i);
            int limit = (int) Math.min(maxNewTokens, positions - prompt.length);
            Stop last = limit == maxNewTokens ? Stop.MAX_NEW_TOKENS : Stop.MAX_POSITIONS;
            all.add(start.of(i, prompt, limit, last));
        }
        return all;
    }

    private void goOn(List<WrittenRow> rows, ReadColumns columns, Listener listener) {
        List<WrittenRow> reading = rows;
        while (true) {
            listener.onStep();
            long[] next = new long[reading.size()];
            try (Tensor logits = columns.next()) {
                for (int i = 0; i < next.length; i++) {
                    float[] row = row(logits, i);
                    FiniteLogits.require(row, model.description());
                    next[i] = reading.get(i).take(row, listener);
                }
            }
            columns.add(next);
            List<WrittenRow> all = reading;
            int[] open = IntStream.range(0, all.size())
                    .filter(i -> all.get(i).isOpen())
                    .toArray();
            if (open.length == 0) {
                return;
            }
            if (open.length < all.size()) {
                // what has ended is read no further
                reading = Arrays.stream(open).mapToObj(all::get).toList();
                columns.keepRows(open);
            }
        }
    }

    @Override
    public List<long[]> sample(
            List<long[]> prompts,
            long firstRow,
            int maxNewTokens,
            Set<Long> stopIds,
            TokenDraw draw,
            long seed,
            Listener listener) {
        SamplingConfig sampling = SamplingConfig.of(draw, 1, seed);
        return generate(prompts, firstRow, maxNewTokens, stopIds, sampling, listener).stream()
                .map(Continuation::ids)
                .toList();
    }

    /** What stands before the first new token. */
    private List<long[]> begun(List<long[]> prompts) {
        return goesOn() ? prompts : Collections.nCopies(prompts.size(), new long[] {startId});
    }

    private static float[] row(Tensor logits, int row) {
        try (NativeScope scope = new NativeScope()) {
            return Tensors.toFloats(logits.select(0, row));
        }
    }
}
