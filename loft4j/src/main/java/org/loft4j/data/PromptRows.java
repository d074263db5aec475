package org.loft4j.data;

import java.util.Collection;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** Prompts with one completion each. */
final class PromptRows {
    private PromptRows() {}

    /**
     * Which columns the rows of a file have.
     *
     * @param judged the column that says whether the completion is good; null where none is read
     */
    static RowKind kind(Columns asked, @Nullable String judged, Collection<String> present, String where, Origin origin)
            throws DataException {
        String prompt = RowKind.named(RowKind.or(asked.prompt(), "prompt"), "prompt", present, where, origin);
        if (!asked.answers()) {
            return new RowKind.Prompted(prompt, null, null);
        }
        return new RowKind.Prompted(
                prompt,
                RowKind.named(RowKind.or(asked.completion(), "completion"), "completion", present, where, origin),
                judged == null ? null : RowKind.named(judged, "label", present, where, origin));
    }
}
