package org.loft4j.data;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Texts to read, and what an encoder-decoder is to write of each: prompts and their completions. */
public final class SourceTargetDataset implements Tokenized {
    // of each row the text and what is written behind it, on which the loss is
    private final Dataset both;
    private final int[] sources;
    private final @Nullable Languages languages;

    private SourceTargetDataset(Dataset both, int[] sources, @Nullable Languages languages) {
        this.both = both;
        this.sources = sources;
        this.languages = languages;
    }

    /**
     * Tokenizes prompts and completions, each with the special tokens that the tokenizer puts around a text, as Transformers'
     * examples do; a completion ends with the end token in any case, and has the code of its language where the tokenizer has such.
     * Of each what exceeds {@code maxLength} tokens is cut from
     * its end, and the special tokens stay.
     *
     * @throws DataException if a row is no prompt with a completion, or one of the two has no tokens
     */
    public static SourceTargetDataset of(List<? extends Row> rows, Tokenizer tokenizer, int maxLength)
            throws IOException {
        tokenizer.requireRoom(maxLength);
        Checks.atLeast("max_length", maxLength, 2);
        List<PromptCompletion> prompted = new ArrayList<>();
        for (Row row : rows) {
            prompted.add(prompted(row));
        }
        List<String> prompts = new ArrayList<>();
        for (PromptCompletion row : prompted) {
            if (!row.before().isEmpty()) {
                throw row.origin()
                        .fault(
                                "has turns before its prompt (\"system\" or \"history\"), for which an encoder-decoder has no"
                                        + " place: write them into the prompt, or leave them out by a query that names the other columns");
            }
            prompts.add(row.prompt());
        }
        List<TokenizedText> read = tokenizer.tokenize(prompts);
        List<TokenizedText> written = tokenizer.tokenizeWritten(
                prompted.stream().map(PromptCompletion::completion).toList());
        TruncationCount cuts = new TruncationCount();
        List<int[]> sources = new ArrayList<>();
        List<int[]> targets = new ArrayList<>();
        for (int i = 0; i < prompted.size(); i++) {
            TokenizedText source = read.get(i);
            TokenizedText target = written.get(i);
            boolean nothing = source.content().length == 0;
            if (nothing || target.content().length == 0) {
                throw prompted.get(i)
                        .origin()
                        .fault("the tokenizer finds no tokens in the " + (nothing ? "prompt" : "completion"));
            }
            int[] keptSource = source.truncate(maxLength).ids();
            int[] keptTarget = target.truncate(maxLength).ids();
            int lost = target.ids().length - keptTarget.length;
            cuts.add(source.ids().length - keptSource.length + lost, lost > 0);
            sources.add(keptSource);
            targets.add(keptTarget);
        }
        return of(sources, targets, cuts.total(), tokenizer.languages());
    }

    /**
     * Texts that were tokenized elsewhere, all of what is written to be learnt.
     *
     * @throws ConfigException if there are not as many of both, or one has no token
     */
    public static SourceTargetDataset ofIds(List<int[]> sources, List<int[]> targets) {
        if (sources.size() != targets.size()) {
            throw new ConfigException(sources.size() + " texts to read need as many to write, got " + targets.size());
        }
        for (int i = 0; i < sources.size(); i++) {
            Checks.atLeast("number of tokens of a text to read", sources.get(i).length, 1);
            Checks.atLeast("number of tokens of a text to write", targets.get(i).length, 1);
        }
        return of(sources, targets, Truncations.NONE, null);
    }

    private static SourceTargetDataset of(
            List<int[]> sources, List<int[]> targets, Truncations cuts, @Nullable Languages languages) {
        int[][] ids = new int[sources.size()][];
        int[][] loss = new int[ids.length][];
        int[] lengths = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            lengths[i] = sources.get(i).length;
            ids[i] = IntStream.concat(Arrays.stream(sources.get(i)), Arrays.stream(targets.get(i)))
                    .toArray();
            loss[i] = new int[] {lengths[i], ids[i].length};
        }
        return new SourceTargetDataset(Dataset.ofLanguage(ids, loss, cuts), lengths, languages);
    }

    private static PromptCompletion prompted(Row row) throws DataException {
        if (row instanceof PromptCompletion prompted) {
            return prompted;
        }
        String holds = row instanceof Conversation
                ? "holds messages, and an encoder-decoder has no turns"
                : row instanceof LabeledText || row instanceof MultiLabelText || row instanceof TaggedWords
                        ? "holds a text with its label, which an encoder-decoder writes as a text where its column is named"
                        : row instanceof TextPair || row instanceof TextMatch
                                ? "holds texts that belong together, of which an encoder-decoder writes one where its column is named"
                                : row instanceof Preference
                                                || row instanceof JudgedAnswer
                                                || row instanceof RewardedPrompt
                                        ? "holds answers that are compared or judged, which causal language models alone learn here"
                                        : "holds a text to read and none to write";
        throw row.origin()
                .fault(holds
                        + ": it learns rows of \"prompt\" and \"completion\", or of the columns that --prompt-column and"
                        + " --completion-column name");
    }

    /** The languages of a translation; null where the tokenizer has no codes of them. */
    public @Nullable Languages languages() {
        return languages;
    }

    /** Each text with what is written of it behind it. */
    @Override
    public Dataset texts() {
        return both;
    }

    @Override
    public int size() {
        return both.size();
    }

    /** Of both together, by which rows of similar length share a batch. */
    @Override
    public int[] lengths() {
        return both.lengths();
    }

    /** Of each row the tokens of the text to read, or of that to write, whichever has more. */
    public int[] longerSides() {
        return IntStream.range(0, sources.length)
                .map(i -> Math.max(sources[i], both.length(i) - sources[i]))
                .toArray();
    }

    /** Tokens and padding of a batch, of what is read and what is written. */
    public long cells(int[] indices) {
        return (long) indices.length * (longestSource(indices) + longestTarget(indices));
    }

    /** Tokens of the longest text to read among some. */
    public int longestSource(int[] indices) {
        return Arrays.stream(indices).map(i -> sources[i]).max().orElse(0);
    }

    /** Tokens of the longest text to write among some. */
    public int longestTarget(int[] indices) {
        return Arrays.stream(indices)
                .map(i -> both.length(i) - sources[i])
                .max()
                .orElse(0);
    }

    @Override
    public String fingerprint() {
        return "texts to read and to write: " + both.fingerprint();
    }

    @Override
    public long heapBytes() {
        return both.heapBytes() + HeapSize.ofInts(sources.length);
    }

    @Override
    public SourceTargetBatch batch(int[] indices, long padId) {
        int[][] read = new int[indices.length][];
        int[][] written = new int[indices.length][];
        for (int i = 0; i < indices.length; i++) {
            int[] ids = both.ids(indices[i]);
            read[i] = Arrays.copyOf(ids, sources[indices[i]]);
            written[i] = Arrays.copyOfRange(ids, sources[indices[i]], ids.length);
        }
        return new SourceTargetBatch(collate(read, padId), collate(written, padId));
    }

    private static Batch collate(int[][] ids, long padId) {
        Dataset all = Dataset.causalLmIds(List.of(ids));
        return Batch.collate(all, IntStream.range(0, ids.length).toArray(), padId);
    }

    /** The same as {@link #batch}: tokens stay as they are. */
    @Override
    public SourceTargetBatch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }
}
