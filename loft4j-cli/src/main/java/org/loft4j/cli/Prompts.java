package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Conversation;
import org.loft4j.data.Message;
import org.loft4j.data.PlainText;
import org.loft4j.data.PromptCompletion;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;

/**
 * What a model is asked to continue.
 *
 * @param prompts in the order of the rows
 * @param stopIds at which a continuation ends
 */
record Prompts(List<Prompt> prompts, Set<Long> stopIds) {
    /**
     * One prompt.
     *
     * @param shown how it is named to the user
     * @param lead what is printed before the continuation: the text that is continued, nothing before an answer
     * @param ids what the model reads
     */
    record Prompt(String shown, String lead, long[] ids) {}

    /** @param chat whether a text is a turn of the user; rows of messages are turns in any case */
    static Prompts of(List<Row> rows, boolean chat, PromptFlags flags, Path directory, Tokenizer tokenizer)
            throws IOException {
        boolean turns = chat || rows.stream().anyMatch(Conversation.class::isInstance);
        ChatTemplate template = turns ? flags.template(directory) : null;
        List<Prompt> prompts = new ArrayList<>();
        for (Row row : rows) {
            if (template != null && (chat || row instanceof Conversation)) {
                prompts.add(turn(row, template, flags, tokenizer));
            } else {
                prompts.add(new Prompt(text(row), text(row), tokenizer.encodePrompt(text(row))));
            }
        }
        return new Prompts(prompts, template == null ? tokenizer.stopIds() : template.stopIds(tokenizer));
    }

    private static Prompt turn(Row row, ChatTemplate template, PromptFlags flags, Tokenizer tokenizer) {
        List<Message> messages = new ArrayList<>();
        if (flags.system != null) {
            messages.add(Message.of("system", flags.system));
        }
        Map<String, @Nullable Object> variables = new LinkedHashMap<>();
        if (row instanceof Conversation conversation) {
            messages.addAll(asked(conversation));
            variables.putAll(conversation.variables());
        } else {
            String said = row instanceof PromptCompletion prompted ? prompted.turn() : text(row);
            messages.add(Message.of("user", said));
        }
        variables.putAll(flags.variables());
        String rendered = template.render(messages, true, variables).text();
        String shown = String.valueOf(messages.get(messages.size() - 1).fields().get("content"));
        // the template writes its special tokens itself
        return new Prompt(shown, "", tokenizer.encode(rendered, false));
    }

    /** The turns before the last answer. */
    private static List<Message> asked(Conversation conversation) {
        List<Message> messages = conversation.messages();
        int end = messages.size();
        while (end > 1 && messages.get(end - 1).role().equals("assistant")) {
            end--;
        }
        return messages.subList(0, end);
    }

    private static String text(Row row) {
        return row instanceof PromptCompletion prompted ? prompted.prompt() : ((PlainText) row).text();
    }
}
