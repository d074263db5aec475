package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.LossOn;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.TrainedChat;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** How conversations become text, and which part of them is learnt. */
final class ChatFlags {
    @Option(
            names = "--chat",
            negatable = true,
            fallbackValue = "true",
            description = "Write rows of prompt and completion as a turn of the user and one of the assistant, by the"
                    + " model's chat template. Default: as they stand; eval: as in training.")
    @Nullable
    Boolean chat;

    @Option(
            names = "--chat-template",
            paramLabel = "FILE",
            description =
                    "Jinja template for conversations, of a language model or to be ranked. Default: the model's own.")
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
                            + " assistant; eval: as in training.")
    @Nullable
    LossOn lossOn;

    /** Null where it is not of a call. */
    @Spec(Target.MIXEE)
    @Nullable
    CommandSpec mixee;

    void check(Problems problems) {
        ModelFlags.requireFile(problems, "--chat-template", template);
        TemplateVariables.check(problems, variables);
    }

    /** What of them is of a task: rankings have whole conversations, and pairs of texts stay pairs. */
    ChatFlags of(LearntTask aim) {
        if (!aim.ranking()) {
            return this;
        }
        ChatFlags ranked = new ChatFlags();
        ranked.chat = false;
        ranked.template = template;
        ranked.variables = variables;
        return ranked;
    }

    /** The format for some rows; null if none of them is a conversation, or the model has no template for them. */
    @Nullable
    ChatFormat format(Path modelDirectory, List<Row> rows) throws IOException {
        return format(modelDirectory, rows, ZonedDateTime.now());
    }

    /** @param moment what the template takes for now */
    @Nullable
    ChatFormat format(Path modelDirectory, List<Row> rows, ZonedDateTime moment) throws IOException {
        return format(new FoundModel(modelDirectory, null, null), rows, moment);
    }

    /** The same as the model was trained, unless this says otherwise. */
    @Nullable
    ChatFormat format(LoadedModel model, List<Row> rows) throws IOException {
        return format(model.found(), rows);
    }

    /** The same for a training that goes on from an adapter. */
    @Nullable
    ChatFormat format(FoundModel start, List<Row> rows, ZonedDateTime moment) throws IOException {
        ChatFormat format = format(start, rows);
        return format == null ? null : format.at(moment);
    }

    /** The same of what is not opened. */
    @Nullable
    ChatFormat format(FoundModel found, List<Row> rows) throws IOException {
        TrainedChat trained = found.trainedChat();
        boolean wraps = wraps(trained);
        if (!wraps && rows.stream().allMatch(row -> row.conversations().isEmpty())) {
            if (!rows.isEmpty()) {
                requireNone();
            }
            return null;
        }
        ChatTemplate read;
        if (template != null) {
            read = ChatTemplate.read(template, AdaptersTokenizer.directory(found.directory(), found.adapter()));
        } else if (wraps) {
            read = ChatTemplate.open(found.adapter(), found.directory());
        } else {
            read = ChatTemplate.find(found.adapter(), found.directory()).orElse(null);
        }
        Map<String, @Nullable Object> told = new LinkedHashMap<>(trained == null ? Map.of() : trained.variables());
        told.putAll(TemplateVariables.of(variables));
        return read == null ? null : new ChatFormat(read, lossOn(trained), wraps, told);
    }

    /** Refuses words of the call that are of conversations; a file of settings serves other rows too. */
    private void requireNone() {
        CommandSpec verb = mixee;
        String named = verb == null
                ? ""
                : Stream.of("--loss-on", "--chat-template", "--chat-template-kwargs")
                        .filter(option -> verb.findOption(option) != null)
                        .filter(verb.commandLine().getParseResult()::hasMatchedOption)
                        .collect(Collectors.joining(", "));
        if (!named.isEmpty()) {
            throw new ConfigException(
                    named + ": of conversations, and the rows are texts: leave it out; --chat writes prompt and"
                            + " completion as turns");
        }
    }

    /**
     * Says that a template ends answers by what is no special token, which ends no generation by itself, and that it leaves out what
     * another than the assistant says in one of some rows.
     *
     * @param tokenizer of a model that writes answers; null of one that ranks them
     */
    static void tell(@Nullable ChatFormat format, List<Row> rows, @Nullable Tokenizer tokenizer, PrintWriter err) {
        if (format != null) {
            rows.parallelStream()
                    .filter(row -> !format.unwritten(row).isEmpty())
                    .findFirst()
                    .ifPresent(row -> err.println("loft: the chat template leaves out what the "
                            + String.join(" and the ", format.unwritten(row)) + " says, as in "
                            + row.origin().source() + ", "
                            + row.origin().place()
                            + ": the model is neither taught nor asked with it"
                            + (tokenizer == null ? "" : "; --chat-template takes another template")));
            for (String end :
                    tokenizer == null ? List.<String>of() : format.template().stopStrings(tokenizer)) {
                err.println("loft: the chat template ends an answer with \"" + Shown.text(end.strip())
                        + "\", which is no special token of the tokenizer: it is learnt as text, loft's answers end"
                        + " there, and other programs need it as a stop text");
            }
        }
    }

    private LossOn lossOn(@Nullable TrainedChat trained) {
        if (lossOn != null) {
            return lossOn;
        }
        return trained == null
                ? LossOn.ASSISTANT
                : LossOn.valueOf(trained.lossOn().toUpperCase(Locale.ROOT));
    }

    /** What is left to the defaults of a training, by key. */
    Map<String, Object> resolved() {
        return resolved(null);
    }

    /** The same for a training that goes on from an adapter. */
    Map<String, Object> resolved(@Nullable TrainedChat trained) {
        return Map.of("chat", wraps(trained), "loss_on", lossOn(trained).word());
    }

    private boolean wraps(@Nullable TrainedChat trained) {
        return chat != null ? chat : trained != null && trained.wrapPrompts();
    }
}
