package org.loft4j.data;

/** One example as it stands in a file, before tokenization. */
public sealed interface Row permits Conversation, LabeledText, PlainText, PromptCompletion, TaggedWords {
    /** Where it was read. */
    Origin origin();
}
