package org.loft4j.data;

import java.util.List;

/** One example as it stands in a file, before tokenization. */
public sealed interface Row
        permits Conversation,
                JudgedAnswer,
                LabeledText,
                MultiLabelText,
                PlainText,
                Preference,
                PromptCompletion,
                RewardedPrompt,
                TaggedWords,
                TextMatch,
                TextPair {
    /** Where it was read. */
    Origin origin();

    /** The conversations in it, for which a chat template is needed: itself, or those of both answers of a preference, or that of a prompt; else none. */
    default List<Conversation> conversations() {
        return List.of();
    }

    /** What the row takes on the Java heap, about, in bytes. */
    default long heapBytes() {
        return HeapSize.of(this);
    }
}
