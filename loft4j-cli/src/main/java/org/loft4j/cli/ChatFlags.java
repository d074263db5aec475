package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Conversation;
import org.loft4j.data.LossOn;
import org.loft4j.data.Row;
import picocli.CommandLine.Option;

/** How conversations become text, and which part of them is learnt. */
final class ChatFlags {
    @Option(
            names = "--chat",
            description = "Write rows of prompt and completion as a turn of the user and one of the assistant, by the"
                    + " model's chat template. Default: as they stand.")
    boolean chat;

    @Option(
            names = "--chat-template",
            paramLabel = "FILE",
            description = "Jinja template for conversations. Default: the model's own.")
    @Nullable
    Path template;

    @Option(
            names = "--chat-template-kwargs",
            paramLabel = "KEY=VALUE",
            split = ",",
            description =
                    "What the template may read beside the messages, such as enable_thinking=false. Default: nothing.")
    @Nullable
    List<String> variables;

    @Option(
            names = "--loss-on",
            paramLabel = "PART",
            completionCandidates = WordLists.LossParts.class,
            description =
                    "What is learnt of a conversation: assistant (each of its turns), last (its last turn), or all. Default:"
                            + " assistant.")
    LossOn lossOn = LossOn.ASSISTANT;

    void check(Problems problems) {
        ModelFlags.requireFile(problems, "--chat-template", template);
        TemplateVariables.check(problems, variables);
    }

    /** The format for some rows; null if none of them is a conversation, or the model has no template for them. */
    @Nullable
    ChatFormat format(Path modelDirectory, List<Row> rows) throws IOException {
        return format(null, modelDirectory, rows);
    }

    /** The same with the template of a model's adapter. */
    @Nullable
    ChatFormat format(@Nullable Path adapterDirectory, Path modelDirectory, List<Row> rows) throws IOException {
        if (!chat && rows.stream().noneMatch(Conversation.class::isInstance)) {
            return null;
        }
        ChatTemplate read;
        if (template != null) {
            read = ChatTemplate.read(template, modelDirectory);
        } else if (chat) {
            read = ChatTemplate.open(adapterDirectory, modelDirectory);
        } else {
            read = ChatTemplate.find(adapterDirectory, modelDirectory).orElse(null);
        }
        Map<String, @Nullable Object> told = new LinkedHashMap<>(TemplateVariables.of(variables));
        return read == null ? null : new ChatFormat(read, lossOn, chat, told);
    }
}
