package org.loft4j.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** A row as what is asked and what is answered, so that rows can be told apart. */
final class RowText {
    private RowText() {}

    /** What the row gives to the model. */
    static String question(Row row) {
        if (row instanceof LabeledText labeled) {
            return both(labeled.text(), labeled.textPair());
        }
        if (row instanceof MultiLabelText several) {
            return both(several.text(), several.textPair());
        }
        if (row instanceof TextPair pair) {
            return both(pair.text(), pair.textPair());
        }
        if (row instanceof Conversation conversation) {
            return conversation.opening();
        }
        if (row instanceof TaggedWords tagged) {
            return String.join(" ", tagged.words());
        }
        if (row instanceof PromptCompletion prompted) {
            return prompted.before().isEmpty() ? prompted.prompt() : prompted.before() + "\n" + prompted.prompt();
        }
        if (row instanceof Preference preference) {
            return question(preference.chosen());
        }
        if (row instanceof JudgedAnswer judged) {
            return question(judged.answer());
        }
        if (row instanceof RewardedPrompt prompt) {
            return question(prompt.prompt());
        }
        if (row instanceof TextMatch match) {
            return match.anchor();
        }
        return ((PlainText) row).text();
    }

    /** The same as what tells rows apart: blanks at the ends of a text do not, which those of encoders drop and nobody sees. */
    static String identity(Row row) {
        return Arrays.stream(question(row).split("\0", -1)).map(String::strip).collect(Collectors.joining("\0"));
    }

    /** A pair of texts as one; another than any single text, which has no NUL. */
    private static String both(String text, @Nullable String textPair) {
        return textPair == null ? text : text + '\0' + textPair;
    }

    /** What the model should make of it; empty where the row is all text. */
    static String answer(Row row) {
        if (row instanceof LabeledText labeled) {
            return labeled.label();
        }
        if (row instanceof MultiLabelText several) {
            // the same labels in another order are the same answer
            return String.join("\0", new TreeSet<>(several.labels()));
        }
        if (row instanceof Conversation conversation) {
            List<Message> messages = conversation.messages();
            return messages.subList(conversation.asked(), messages.size()).toString();
        }
        if (row instanceof TaggedWords tagged) {
            return String.join(" ", tagged.tags());
        }
        if (row instanceof Preference preference) {
            return both(answer(preference.chosen()), answer(preference.rejected()));
        }
        if (row instanceof JudgedAnswer judged) {
            return both(answer(judged.answer()), judged.good() ? "good" : "bad");
        }
        if (row instanceof RewardedPrompt prompt) {
            return String.valueOf(sorted(prompt.columns()));
        }
        if (row instanceof TextMatch match) {
            return String.join("\0", match.texts().subList(1, match.texts().size()));
        }
        return row instanceof PromptCompletion prompted ? prompted.completion() : "";
    }

    /** The same, however its maps were ordered: those of {@link Map#of} are in every process another way. */
    private static @Nullable Object sorted(@Nullable Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<String, @Nullable Object> inOrder = new TreeMap<>();
            map.forEach((key, one) -> inOrder.put(String.valueOf(key), sorted(one)));
            return inOrder;
        }
        return value instanceof List<?> list
                ? list.stream().map(RowText::sorted).collect(Collectors.toList())
                : value;
    }

    /** How long it is, in characters; of a conversation about so. */
    static int length(Row row) {
        return question(row).length() + answer(row).length();
    }

    /** Takes all that a row says into a checksum. */
    static void update(CRC32C crc, Row row) {
        update(crc, question(row));
        update(crc, answer(row));
        if (row instanceof Conversation conversation) {
            update(crc, conversation.given() + " " + conversation.variables());
        } else if (row instanceof PromptCompletion prompted) {
            update(crc, prompted.turn());
        } else if (row instanceof TaggedWords tagged) {
            update(crc, tagged.words().toString());
        } else if (row instanceof Preference preference) {
            update(crc, preference.chosen());
            update(crc, preference.rejected());
        } else if (row instanceof JudgedAnswer judged) {
            update(crc, judged.answer());
        } else if (row instanceof RewardedPrompt prompt) {
            update(crc, prompt.prompt());
        }
    }

    private static void update(CRC32C crc, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        crc.update(bytes);
        // "ab", "c" and "a", "bc" are two rows
        crc.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).flip());
    }
}
