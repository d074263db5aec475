package org.loft4j.cli;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Conversation;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;

/** Rows that a model of one output is asked about, of which conversations are written by its chat template, as in training. */
final class AskedConversations {
    private final LoadedModel loaded;
    private final Tokenizer tokenizer;
    private final int maxLength;
    private @Nullable ChatFormat format;

    /** @param maxLength tokens of a conversation at most */
    AskedConversations(LoadedModel loaded, Tokenizer tokenizer, int maxLength) {
        this.loaded = loaded;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
    }

    /** @throws org.loft4j.DataException if it is a conversation, and too long, or the model has no template that takes it */
    Asked asked(Row row) throws IOException {
        if (!(row instanceof Conversation conversation)) {
            return Asked.of(row);
        }
        ChatFormat chat = format(conversation);
        if (chat == null) {
            throw row.origin()
                    .fault(
                            "is a conversation, and the model has no chat template to make a text of it: name the column of"
                                    + " a text (--text-column), or take a model that has one");
        }
        String text = chat.written(conversation);
        int tokens = tokenizer.encode(text, false).length;
        if (tokens > maxLength) {
            throw row.origin()
                    .fault("is a conversation of " + tokens + " tokens, and max_length is " + maxLength
                            + ": a conversation is not cut, since its answer stands at its end; raise max_length, or leave"
                            + " the row out");
        }
        return new Asked(text, null, null, true, row.origin());
    }

    private @Nullable ChatFormat format(Conversation row) throws IOException {
        if (format == null) {
            format = new ChatFlags().format(loaded, List.of(row));
        }
        return format;
    }
}
