package org.loft4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Prompts that a model answers while it learns, by rewards that judge the answers. */
public final class PromptDataset implements Tokenized {
    private final List<RewardedPrompt> rows;
    private final Dataset texts;
    private final Tokenizer tokenizer;
    private final @Nullable ChatFormat format;
    private final boolean turns;
    private final Set<Long> stopIds;
    private final List<String> stopStrings;

    private PromptDataset(
            List<RewardedPrompt> rows, Dataset texts, Tokenizer tokenizer, @Nullable ChatFormat format, boolean turns) {
        this.rows = List.copyOf(rows);
        this.texts = texts;
        this.tokenizer = tokenizer;
        this.format = format;
        this.turns = turns;
        this.stopIds = turns && format != null ? format.template().stopIds(tokenizer) : tokenizer.stopIds();
        this.stopStrings = turns && format != null ? format.template().stopStrings(tokenizer) : List.of();
    }

    /**
     * A prompt as the model reads it.
     *
     * @param ids its tokens, up to where the answer begins
     * @param row what a reward is told of it
     */
    public record Prompt(long[] ids, RewardedPrompt row) {}

    /**
     * Tokenizes prompts as they are when a trained model is asked: messages, and texts where the format makes turns of them, by the chat
     * template.
     *
     * @param tokenizer must stay open as long as answers are made: it decodes them
     * @param maxPrompt tokens of a prompt at most: the greatest length without that of an answer
     * @param format how conversations are written, and whether prompts become some; null where there are none
     * @throws ConfigException if the format takes the loss on all of a conversation
     * @throws DataException if a row is no {@link RewardedPrompt}, is empty or too long, or the template does not take it
     */
    public static PromptDataset of(
            List<? extends Row> rows, Tokenizer tokenizer, int maxPrompt, @Nullable ChatFormat format)
            throws DataException {
        if (format != null && format.lossOn() == LossOn.ALL) {
            throw new ConfigException(
                    "loss_on all takes the prompt too, and a reward judges answers: leave it out, or name assistant");
        }
        List<RewardedPrompt> prompts = new ArrayList<>();
        int[][] ids = new int[rows.size()][];
        boolean turns = false;
        for (Row row : rows) {
            if (!(row instanceof RewardedPrompt prompt)) {
                throw row.origin().fault("holds no prompt for a reward: rows of --format reward have one alone");
            }
            boolean turn = format != null && (format.wrapPrompts() || prompt.prompt() instanceof Conversation);
            turns |= turn;
            long[] made = turn ? written(prompt, format, tokenizer) : tokenizer.encodePrompt(alone(prompt));
            if (made.length == 0 || made.length > maxPrompt) {
                throw prompt.origin()
                        .fault(
                                made.length == 0
                                        ? "the prompt has no tokens"
                                        : "the prompt has " + made.length
                                                + " tokens, and beside an answer there is room for "
                                                + Math.max(0, maxPrompt)
                                                + ": raise max_length, lower max_completion_length, or leave the row out"
                                                + " (--skip-faulty-rows)");
            }
            ids[prompts.size()] = Arrays.stream(made).mapToInt(Math::toIntExact).toArray();
            prompts.add(prompt);
        }
        int[][] nothing = new int[ids.length][0];
        return new PromptDataset(prompts, Dataset.ofLanguage(ids, nothing, Truncations.NONE), tokenizer, format, turns);
    }

    private static long[] written(RewardedPrompt prompt, @Nullable ChatFormat format, Tokenizer tokenizer) {
        Map<String, @Nullable Object> variables = new LinkedHashMap<>(format == null ? Map.of() : format.variables());
        List<Message> messages = List.of();
        if (prompt.prompt() instanceof Conversation conversation) {
            messages = conversation.messages();
            variables.putAll(conversation.variables());
        } else if (prompt.prompt() instanceof PromptCompletion text) {
            messages = text.asked();
        }
        return format == null
                ? new long[0]
                // the template writes its special tokens itself
                : tokenizer.encode(format.template().prompt(messages, variables), false);
    }

    private static String alone(RewardedPrompt prompt) throws DataException {
        if (prompt.prompt() instanceof PromptCompletion text) {
            return text.alone();
        }
        throw prompt.origin()
                .fault("holds messages, but the model has no chat template: name one (--chat-template FILE), or use a"
                        + " model that has one");
    }

    /** The prompts, of which no token is learnt. */
    @Override
    public Dataset texts() {
        return texts;
    }

    /** The ids at which an answer ends; where turns are written those of the template among them. */
    public Set<Long> stopIds() {
        return stopIds;
    }

    /** Makes the text of an answer out of its ids, one by one. */
    public AnswerText answerText(Prompt prompt) {
        // a turn does not go on with the prompt's last word
        return new AnswerText(
                new StreamingDecoder(tokenizer, turns ? new long[0] : prompt.ids()),
                new StopStrings(stopStrings),
                stopIds);
    }

    @Override
    public int size() {
        return rows.size();
    }

    /** Of the prompts. */
    @Override
    public int[] lengths() {
        return texts.lengths();
    }

    @Override
    public String fingerprint() {
        CRC32C crc = new CRC32C();
        rows.forEach(row -> RowText.update(crc, row));
        return "prompts (crc32c " + Long.toHexString(crc.getValue()) + ") of " + texts.fingerprint();
    }

    @Override
    public long heapBytes() {
        return texts.heapBytes() + rows.stream().mapToLong(Row::heapBytes).sum();
    }

    @Override
    public @Nullable ChatFormat chatFormat() {
        return turns ? format : null;
    }

    @Override
    public PromptBatch batch(int[] indices, long padId) {
        return new PromptBatch(Arrays.stream(indices)
                .mapToObj(i ->
                        new Prompt(Arrays.stream(texts.ids(i)).asLongStream().toArray(), rows.get(i)))
                .toList());
    }

    /** The same as {@link #batch}. */
    @Override
    public PromptBatch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }
}
