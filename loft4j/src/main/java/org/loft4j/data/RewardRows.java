package org.loft4j.data;

import java.util.Collection;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Prompts whose answers a reward judges. */
final class RewardRows {
    static final String MESSAGES = "messages";

    private RewardRows() {}

    /** Which column of a file is the prompt. */
    static RowKind kind(Columns asked, Collection<String> present, String where, Origin origin) throws DataException {
        if (asked.prompt() == null && !present.contains("prompt") && present.contains(MESSAGES)) {
            return asked.answers() ? new RowKind.Rewarded(MESSAGES) : new RowKind.Chat(MESSAGES);
        }
        String prompt = RowKind.named(RowKind.or(asked.prompt(), "prompt"), "prompt", present, where, origin);
        return asked.answers() ? new RowKind.Rewarded(prompt) : new RowKind.Prompted(prompt, null, null);
    }

    /** @param prompt without an answer */
    static RewardedPrompt of(Row prompt, Map<String, @Nullable Object> columns, Origin origin) throws DataException {
        try {
            return new RewardedPrompt(prompt, columns, origin);
        } catch (ConfigException e) {
            throw origin.fault(String.valueOf(e.getMessage()));
        }
    }
}
