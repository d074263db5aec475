package org.loft4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * Texts of which one belongs to another text more than the rest do, for a model that gives each pair of texts a number: what is searched
 * for and passages, or a prompt and answers. An example is a group of pairs with the same first text, the right one first; the groups
 * need not be of one size.
 */
public final class RankedDataset implements Tokenized {
    private static final float RIGHT = 1;

    // a regression's, whose numbers are 1 for the right pair of each group and 0 for the others
    private final Dataset pairs;
    private final TextGroups groups;
    private final @Nullable ChatFormat chat;

    private RankedDataset(Dataset pairs, @Nullable ChatFormat chat) {
        this.pairs = pairs;
        this.chat = chat;
        IntStream begins = IntStream.range(0, pairs.size()).filter(i -> pairs.score(i) == RIGHT);
        this.groups = new TextGroups(
                pairs, IntStream.concat(begins, IntStream.of(pairs.size())).toArray());
    }

    /**
     * Tokenizes rows: a {@link TextMatch} with its negatives, or a {@link Preference} that is a prompt with two texts, or a conversation
     * with two turns behind it. Blanks around texts are left out; a pair is cut as {@link Dataset#classification} cuts it, and a row counts
     * once among {@link Dataset#truncations}. A conversation with an answer behind it is one text, as the chat template writes it whole, with
     * the special tokens that it writes and no others; it is never cut.
     *
     * @param chat how conversations are written; null for a model without a template, where one must be a turn and its answer, which
     *     then are a pair of texts
     * @throws DataException if a row is neither, has nothing beside the right text, a text has no tokens, another pair of a row is the
     *     same tokens as the right one, or a conversation is too long, or one that the template does not take
     */
    public static RankedDataset of(
            List<? extends Row> rows, Tokenizer tokenizer, int maxLength, @Nullable ChatFormat chat)
            throws DataException {
        tokenizer.requireRoom(maxLength);
        List<LabeledText> texts = new ArrayList<>();
        BitSet written = new BitSet();
        List<Integer> ofRow = new ArrayList<>();
        List<Integer> begins = new ArrayList<>();
        for (int row = 0; row < rows.size(); row++) {
            begins.add(texts.size());
            for (LabeledText pair : pairs(rows.get(row), chat)) {
                written.set(texts.size(), pair.textPair() == null);
                texts.add(pair);
                ofRow.add(row);
            }
        }
        EncodedTexts encoded = EncodedTexts.of(texts, written, tokenizer, maxLength);
        float[] scores = new float[texts.size()];
        begins.forEach(begin -> scores[begin] = RIGHT);
        int right = 0;
        for (int i = 0; i < scores.length; i++) {
            if (scores[i] == RIGHT) {
                right = i;
            } else if (Arrays.equals(encoded.ids()[i], encoded.ids()[right])) {
                throw texts.get(i)
                        .origin()
                        .fault("has two texts to rank that are the same tokens"
                                + (encoded.lost()[i] > 0
                                        ? " once they are cut to " + maxLength
                                                + ": raise max_length, or leave the row out"
                                        : ": there is nothing to learn from them"));
            }
        }
        return new RankedDataset(
                Dataset.ofTexts(encoded.ofRows(ofRow.stream().mapToInt(i -> i).toArray()), null, scores, null),
                written.isEmpty() ? null : chat);
    }

    /** The pairs of a row, the right one first. */
    private static List<LabeledText> pairs(Row row, @Nullable ChatFormat chat) throws DataException {
        if (row instanceof TextMatch match) {
            if (match.negatives().isEmpty()) {
                throw row.origin()
                        .fault(
                                "holds no \"negative\", and a ranking is learnt by what belongs to the anchor beside what does"
                                        + " not: give it one, or more, such as what 'loft embed --query' finds near it, or learn"
                                        + " sentence embeddings (--task sentence-embedding), which make do without");
            }
            List<LabeledText> pairs = new ArrayList<>();
            pairs.add(pair(match.anchor(), match.positive(), row.origin()));
            match.negatives().forEach(negative -> pairs.add(pair(match.anchor(), negative, row.origin())));
            return pairs;
        }
        if (row instanceof Preference preference) {
            return List.of(answer(preference.chosen(), chat), answer(preference.rejected(), chat));
        }
        throw row.origin()
                .fault(
                        "holds nothing to rank: it needs \"anchor\", \"positive\" and \"negative\", or \"prompt\", \"chosen\""
                                + " and \"rejected\"");
    }

    private static LabeledText answer(Row row, @Nullable ChatFormat chat) throws DataException {
        if (row instanceof PromptCompletion prompted) {
            return pair(prompted.alone(), prompted.completion(), row.origin());
        }
        return whole((Conversation) row, chat);
    }

    /**
     * What is ranked of a conversation with its answer: the one text that the chat template writes, or a turn and its answer as a pair.
     *
     * @param chat null for a model without a template
     * @throws DataException if the template does not take the turns, or there is none and they are not two
     */
    public static LabeledText whole(Conversation conversation, @Nullable ChatFormat chat) throws DataException {
        List<Message> turns = conversation.messages();
        if (chat != null) {
            return new LabeledText(chat.written(conversation), null, "", conversation.origin());
        }
        if (turns.size() != 2) {
            throw conversation
                    .origin()
                    .fault(
                            "holds a conversation of " + turns.size()
                                    + " turns, and the model has no chat template to make a text of it: name one to train with"
                                    + " (--chat-template), take a model that has one, or rows whose prompt is one turn, or a text");
        }
        return pair(turns.get(0).text(), turns.get(1).text(), conversation.origin());
    }

    private static LabeledText pair(String text, String other, Origin origin) {
        return new LabeledText(text.strip(), other.strip(), "", origin);
    }

    /** All pairs, one group after the other, with 1 as the number of the right one and 0 as that of the others. */
    @Override
    public Dataset texts() {
        return pairs;
    }

    /** Not where all are conversations, each of which is one text. */
    @Override
    public boolean hasPairs() {
        return pairs.hasPairs();
    }

    /** How conversations are written; null where there are none, or the model has no template for them. */
    @Override
    public @Nullable ChatFormat chatFormat() {
        return chat;
    }

    @Override
    public boolean isRanked() {
        return true;
    }

    /** The number of groups. */
    @Override
    public int size() {
        return groups.count();
    }

    /** Of each group the longest pair. */
    @Override
    public int[] lengths() {
        return groups.lengths();
    }

    /** How many pairs a batch of so many groups has at most. */
    public long rowsTogether(long some) {
        return groups.largest(some);
    }

    /** Pairs and padding of a batch. */
    public long cells(int[] indices) {
        int[] which = groups.of(indices).toArray();
        return (long) which.length
                * Arrays.stream(which).map(pairs::length).max().orElse(0);
    }

    @Override
    public String fingerprint() {
        return "groups to rank of " + pairs.fingerprint();
    }

    @Override
    public long heapBytes() {
        return pairs.heapBytes() + HeapSize.ofInts(groups.count() + 1);
    }

    @Override
    public Batch batch(int[] indices, long padId) {
        int[] sizes = Arrays.stream(indices).map(groups::size).toArray();
        return Batch.collate(pairs, groups.of(indices).toArray(), padId).with(new RowFacts.Groups(sizes));
    }

    @Override
    public Batch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }
}
