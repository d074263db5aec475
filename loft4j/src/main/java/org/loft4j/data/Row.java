package org.loft4j.data;

/** One example as it stands in a file, before tokenization. */
public sealed interface Row permits Conversation, LabeledText, PlainText, PromptCompletion, TaggedWords, TextPair {
    /** Where it was read. */
    Origin origin();
}
