package org.loft4j.cli;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Conversation;
import org.loft4j.data.LabeledText;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.RankedDataset;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;

/**
 * Rows that a model of one output is asked about, of which conversations are written by its chat template, as in training; once, where
 * they are read twice and are not too many.
 */
final class AskedConversations implements AskedTexts.Reading {
    /** Tokens that are kept from one reading to the next. */
    private static final int MOST_KEPT = 1 << 22;

    private final FoundModel found;
    private final Tokenizer tokenizer;
    private final int maxLength;
    private final Map<Row, Asked> kept = new HashMap<>();
    private long keptTokens;
    private @Nullable ChatFormat format;

    /** @param maxLength tokens of a conversation at most */
    AskedConversations(FoundModel found, Tokenizer tokenizer, int maxLength) {
        this.found = found;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
    }

    /**
     * What is asked in a row: a text, a pair of texts, or a conversation whose last turn is the assistant's.
     *
     * @throws DataException if it is a prompt, whose answer is not read, or a conversation that is too long, does not end with an
     *     answer, or is none that the model's template takes; without a template it must be a turn and its answer
     */
    @Override
    public Asked of(Row row) throws IOException {
        Asked known = kept.remove(row);
        return known == null ? made(row) : known;
    }

    @Override
    public Asked first(Row row) throws IOException {
        Asked made = made(row);
        long[] ids = made.written();
        if (ids != null && keptTokens + ids.length <= MOST_KEPT) {
            keptTokens += ids.length;
            kept.put(row, made);
        }
        return made;
    }

    private Asked made(Row row) throws IOException {
        if (row instanceof PromptCompletion) {
            throw row.origin()
                    .fault(
                            "is a prompt, and the model judges it with its answer, which is not read there: give both as"
                                    + " \"messages\", as \"text\" and \"text_pair\", or the prompt alone as a text (--text-column)");
        }
        if (!(row instanceof Conversation conversation)) {
            return Asked.of(row);
        }
        if (!conversation.endsWithAnswer()) {
            throw row.origin()
                    .fault(
                            "is a conversation without an answer at its end, and the model judges whole ones: give the answer as"
                                    + " the last of its \"messages\", with the role assistant");
        }
        ChatFormat chat = format(conversation);
        LabeledText whole = RankedDataset.whole(conversation, chat);
        long[] ids = chat == null ? null : tokenizer.encode(whole.text(), false);
        if (ids != null && ids.length > maxLength) {
            throw row.origin().fault(ChatFormat.tooLong(ids.length, maxLength));
        }
        return new Asked(whole.text(), whole.textPair(), null, ids, row.origin());
    }

    private @Nullable ChatFormat format(Conversation row) throws IOException {
        if (format == null) {
            format = new ChatFlags().format(found, List.of(row));
        }
        return format;
    }
}
