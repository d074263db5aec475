package org.loft4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.cli.AskedTexts.Faults;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Conversation;
import org.loft4j.data.Message;
import org.loft4j.data.Origin;
import org.loft4j.data.PlainText;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.Row;
import org.loft4j.data.TaggedWords;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator.Request;

/**
 * What a model is asked to continue.
 *
 * @param prompts in the order of the rows
 * @param template by which the continuations are turns of conversations; null where they are none
 * @param unwritten those of whom the template leaves out what they say, such as system
 */
record Prompts(List<Prompt> prompts, @Nullable ChatTemplate template, SortedSet<String> unwritten) {
    /**
     * One prompt.
     *
     * @param shown how it is named to the user
     * @param lead what is printed before the continuation: the text that is continued, nothing before an answer
     * @param ids what the model reads
     */
    record Prompt(String shown, String lead, long[] ids) {}

    /** What is asked for. */
    Request request(int maxNewTokens, List<String> stops, SamplingConfig sampling, Tokenizer tokenizer) {
        Request request = new Request(maxNewTokens, tokenizer.stopIds(), stops, sampling);
        return template == null ? request : request.asTurnOf(template, tokenizer);
    }

    /**
     * @param format how turns are written, and whether a text is one; rows of messages are in any case. Null where there are none
     * @param flags whose variables overrule those of the rows
     * @param generator that is asked
     * @param faults takes what is wrong with rows that cannot be continued
     * @throws ConfigException if one of no file is too long for the model, or the template does not take it
     */
    static Prompts of(
            List<Row> rows,
            @Nullable ChatFormat format,
            PromptFlags flags,
            Tokenizer tokenizer,
            Generator generator,
            Faults faults)
            throws DataException {
        List<Prompt> prompts = new ArrayList<>();
        SortedSet<String> unwritten = new TreeSet<>();
        for (Row row : rows) {
            try {
                SortedSet<String> unwrittenHere = new TreeSet<>();
                prompts.add(prompt(row, format, flags, tokenizer, generator, unwrittenHere));
                unwritten.addAll(unwrittenHere);
            } catch (DataException e) {
                faults.of(e);
            }
        }
        return new Prompts(prompts, format == null ? null : format.template(), unwritten);
    }

    /** One that can be continued: else its answer would be lost, and those before it made for nothing. */
    private static Prompt prompt(
            Row row,
            @Nullable ChatFormat format,
            PromptFlags flags,
            Tokenizer tokenizer,
            Generator generator,
            Set<String> unwritten)
            throws DataException {
        try {
            Prompt prompt;
            if (format != null && (format.wrapPrompts() || row instanceof Conversation)) {
                prompt = turn(row, format, flags, tokenizer, unwritten);
            } else {
                String text = text(row);
                prompt = new Prompt(text, generator.goesOn() ? text : "", generator.ids(tokenizer, text));
            }
            generator.check(List.of(prompt.ids()));
            return prompt;
        } catch (ConfigException e) {
            if (row.origin().equals(Origin.MEMORY)) {
                throw e;
            }
            throw row.origin().fault(String.valueOf(e.getMessage()));
        }
    }

    private static Prompt turn(
            Row row, ChatFormat format, PromptFlags flags, Tokenizer tokenizer, Set<String> unwritten)
            throws DataException {
        List<Message> messages = new ArrayList<>();
        if (flags.system != null) {
            messages.add(Message.of("system", flags.system));
        }
        Map<String, @Nullable Object> variables = new LinkedHashMap<>(format.variables());
        if (row instanceof Conversation conversation) {
            messages.addAll(asked(conversation, !messages.isEmpty()));
            variables.putAll(conversation.variables());
        } else if (row instanceof PromptCompletion prompted) {
            messages.addAll(rest(prompted.before(), !messages.isEmpty()));
            messages.add(Message.of("user", prompted.turn()));
        } else {
            messages.add(Message.of("user", text(row)));
        }
        variables.putAll(flags.variables());
        String rendered = format.template().prompt(messages, variables);
        unwritten.addAll(format.template().unwritten(messages, variables));
        String shown = messages.get(messages.size() - 1).text();
        // the template writes its special tokens itself
        return new Prompt(shown, "", tokenizer.encode(rendered, false));
    }

    /**
     * The turns before the last answer.
     *
     * @param told whether the call says what the model is told before the conversation, in place of the row
     */
    private static List<Message> asked(Conversation conversation, boolean told) {
        List<Message> messages = conversation.messages();
        if (conversation.given() > 0) {
            // what a row gives as its prompt is all of it, though it may end with the beginning of an answer
            return rest(messages.subList(0, conversation.given()), told);
        }
        int end = messages.size();
        while (end > 1 && messages.get(end - 1).role().equals("assistant")) {
            end--;
        }
        return end > 1 ? rest(messages.subList(0, end), told) : messages.subList(0, end);
    }

    private static List<Message> rest(List<Message> messages, boolean told) {
        boolean tells = !messages.isEmpty() && messages.get(0).tells();
        return messages.subList(told && tells ? 1 : 0, messages.size());
    }

    private static String text(Row row) throws DataException {
        if (row instanceof TaggedWords words) {
            return words.text();
        }
        return row instanceof PromptCompletion prompted ? prompted.alone() : ((PlainText) row).text();
    }
}
