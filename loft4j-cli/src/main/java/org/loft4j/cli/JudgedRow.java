package org.loft4j.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Conversation;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Message;
import org.loft4j.data.MultiLabelText;
import org.loft4j.data.Origin;
import org.loft4j.data.PlainText;
import org.loft4j.data.Preference;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.Row;
import org.loft4j.data.TaggedWords;
import org.loft4j.data.TextMatch;
import org.loft4j.data.TextPair;
import org.loft4j.data.image.LabeledImages;

/**
 * A row as what is written of it beside what a model makes of it.
 *
 * @param fields where it is and what it says, as JSON has it
 * @param place where it is, in words
 * @param text what it begins with
 * @param label its label or labels; empty where it has none
 */
record JudgedRow(Map<String, @Nullable Object> fields, String place, String text, String label) {
    static JudgedRow of(Row row) {
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        Origin origin = row.origin();
        fields.put("file", origin.source());
        if (origin.number() > 0) {
            fields.put(origin.unit() == Origin.Unit.LINE ? "line" : "row", origin.number());
        }
        put(fields, row);
        return new JudgedRow(fields, origin.place(), text(row), label(row));
    }

    /** An image, whose file is where it is. */
    static JudgedRow of(LabeledImages images, int index) {
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("image", images.name(index));
        boolean several = images.isMultiLabel();
        fields.put(several ? "labels" : "label", several ? images.labels(index) : images.label(index));
        return new JudgedRow(fields, images.name(index), "", String.join(", ", images.labels(index)));
    }

    private static void put(Map<String, @Nullable Object> fields, Row row) {
        if (row instanceof LabeledText labeled) {
            putTexts(fields, labeled.text(), labeled.textPair());
            fields.put("label", labeled.label());
        } else if (row instanceof MultiLabelText several) {
            putTexts(fields, several.text(), several.textPair());
            fields.put("labels", several.labels());
        } else if (row instanceof TextPair pair) {
            putTexts(fields, pair.text(), pair.textPair());
        } else if (row instanceof PlainText plain) {
            fields.put("text", plain.text());
        } else if (row instanceof TaggedWords tagged) {
            fields.put("tokens", tagged.words());
            fields.put("tags", tagged.tags());
        } else if (row instanceof TextMatch match) {
            fields.put("anchor", match.anchor());
            fields.put("positive", match.positive());
            fields.put("negatives", match.negatives());
        } else if (row instanceof PromptCompletion prompted) {
            if (!prompted.before().isEmpty()) {
                fields.put("before", fields(prompted.before()));
            }
            fields.put("prompt", prompted.prompt());
            fields.put("completion", prompted.completion());
        } else if (row instanceof Conversation conversation) {
            fields.put("messages", fields(conversation.messages()));
        } else if (row instanceof Preference pair) {
            put(fields, pair.chosen());
            fields.put("chosen", answer(pair.chosen()));
            fields.put("rejected", answer(pair.rejected()));
            // what both answer stands there once
            fields.remove("completion");
            fields.computeIfPresent("messages", (key, turns) -> asked((Conversation) pair.chosen()));
        }
    }

    private static void putTexts(Map<String, @Nullable Object> fields, String text, @Nullable String pair) {
        fields.put("text", text);
        if (pair != null) {
            fields.put("text_pair", pair);
        }
    }

    private static List<Map<String, @Nullable Object>> fields(List<Message> messages) {
        return messages.stream().map(Message::fields).toList();
    }

    private static List<Map<String, @Nullable Object>> asked(Conversation conversation) {
        return fields(conversation.messages().subList(0, conversation.messages().size() - 1));
    }

    private static String answer(Row row) {
        return row instanceof Conversation turns
                ? turns.messages().get(turns.messages().size() - 1).text()
                : ((PromptCompletion) row).completion();
    }

    private static String text(Row row) {
        if (row instanceof LabeledText labeled) {
            return labeled.text();
        }
        if (row instanceof MultiLabelText several) {
            return several.text();
        }
        if (row instanceof TextPair pair) {
            return pair.text();
        }
        if (row instanceof PlainText plain) {
            return plain.text();
        }
        if (row instanceof TaggedWords tagged) {
            return tagged.text();
        }
        if (row instanceof TextMatch match) {
            return match.anchor();
        }
        if (row instanceof Preference pair) {
            return text(pair.chosen());
        }
        if (row instanceof Conversation turns) {
            return turns.messages().isEmpty() ? "" : turns.messages().get(0).text();
        }
        return row instanceof PromptCompletion prompted ? prompted.prompt() : "";
    }

    private static String label(Row row) {
        if (row instanceof LabeledText labeled) {
            return labeled.label();
        }
        return row instanceof MultiLabelText several ? String.join(", ", several.labels()) : "";
    }
}
