package org.loft4j.data;

/** One example as it stands in a file, before tokenization. */
public sealed interface Row
        permits Conversation, LabeledText, MultiLabelText, PlainText, PromptCompletion, TaggedWords, TextPair {
    /** Where it was read. */
    Origin origin();

    /** What the row takes on the Java heap, about, in bytes. */
    default long heapBytes() {
        return HeapSize.of(this);
    }
}
