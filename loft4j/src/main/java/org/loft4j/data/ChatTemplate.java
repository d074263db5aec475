package org.loft4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Links;
import org.loft4j.Shown;
import org.loft4j.data.jinja.Rendered;
import org.loft4j.data.jinja.Template;
import org.loft4j.data.jinja.TemplateException;

/**
 * The chat template of a model: how the turns of a conversation become one text. It is rendered as Transformers'
 * {@code apply_chat_template} renders it, for training and generation alike, and it writes its special tokens itself: encode its
 * text without adding any.
 */
public final class ChatTemplate {
    /** Characters that are too few to end an answer. */
    private static final int LITTLE = 2;

    private static final int MESSAGE_LIMIT = 1000;
    private static final String PROBE = "loft4j's answer";
    private static final Message USER = Message.of("user", "?");
    private static final Message ASKER = Message.of("user", PROBE);
    private static final Message ANSWER = Message.of("assistant", PROBE);

    private final ChatTemplateFiles files;
    private final Map<String, Template> templates;
    private final Map<String, MessageForm> forms;
    private final @Nullable ZonedDateTime moment;

    private ChatTemplate(
            ChatTemplateFiles files,
            Map<String, Template> templates,
            Map<String, MessageForm> forms,
            @Nullable ZonedDateTime moment) {
        this.files = files;
        this.templates = templates;
        this.forms = forms;
        this.moment = moment;
    }

    private ChatTemplate(ChatTemplateFiles files) throws CheckpointException {
        this(files, parsed(files), new ConcurrentHashMap<>(), null);
    }

    private static Map<String, Template> parsed(ChatTemplateFiles files) throws CheckpointException {
        Map<String, Template> parsed = new LinkedHashMap<>();
        for (Map.Entry<String, String> source : files.sources().entrySet()) {
            try {
                parsed.put(source.getKey(), Template.parse(source.getValue()));
            } catch (TemplateException e) {
                String name = files.sources().size() > 1 ? source.getKey() : null;
                throw new CheckpointException(
                        files.file(),
                        complaint(name, e)
                                + "; correct the template, or give another where a call takes one (--chat-template)",
                        e);
            }
        }
        return parsed;
    }

    /**
     * The template of a model directory: chat_template.jinja, else {@code chat_template} of tokenizer_config.json (a text, or a list
     * of named ones), else of chat_template.json; further named ones lie in additional_chat_templates.
     *
     * @throws CheckpointException if there is none, or it cannot be parsed
     */
    public static ChatTemplate open(Path modelDirectory) throws IOException {
        return open(null, modelDirectory);
    }

    /**
     * The template that goes with an adapter: its own, else its model's.
     *
     * @param adapterDirectory null for none
     * @throws CheckpointException if there is none, or it cannot be parsed
     */
    public static ChatTemplate open(@Nullable Path adapterDirectory, Path modelDirectory) throws IOException {
        return find(adapterDirectory, modelDirectory)
                .orElseThrow(() -> new CheckpointException(
                        modelDirectory,
                        "has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json):"
                                + " the model was not made for conversations; name a template file to use one"));
    }

    /** The template of a model directory, if it has one. */
    public static Optional<ChatTemplate> find(Path modelDirectory) throws IOException {
        return find(null, modelDirectory);
    }

    /** The template of an adapter, else of its model, if one of them has one. */
    public static Optional<ChatTemplate> find(@Nullable Path adapterDirectory, Path modelDirectory) throws IOException {
        ChatTemplateFiles files = ChatTemplateFiles.read(adapterDirectory, modelDirectory);
        return files.sources().isEmpty() ? Optional.empty() : Optional.of(new ChatTemplate(files));
    }

    /** The template in a file of its own, with the special tokens of a model. */
    public static ChatTemplate read(Path templateFile, Path modelDirectory) throws IOException {
        return new ChatTemplate(ChatTemplateFiles.of(templateFile, modelDirectory));
    }

    /** The same for which it is always one moment: some templates write the date, and the tokens of a run must not change with it. */
    ChatTemplate at(ZonedDateTime fixed) {
        return new ChatTemplate(files, templates, forms, fixed);
    }

    /**
     * The text of a directory's main template, to be passed on, whether or not it can be parsed; null if there is none.
     *
     * @throws CheckpointException if its file is a link to some other file of this machine
     */
    public static @Nullable String source(Path directory) throws IOException {
        ChatTemplateFiles files = ChatTemplateFiles.read(directory);
        if (files.main() != null) {
            Links.requireOwn(directory, directory.relativize(files.file()));
        }
        return files.main();
    }

    /** The text of the main template; null where all have other names. */
    public @Nullable String source() {
        return files.main();
    }

    /** The names of all templates; one is {@code default} as a rule. */
    public List<String> names() {
        return List.copyOf(templates.keySet());
    }

    /** The text of a conversation, ending with what comes before an answer: what the model continues. */
    public String prompt(List<Message> messages) {
        return prompt(messages, Map.of());
    }

    /** @param variables what else the template may read */
    public String prompt(List<Message> messages, Map<String, ? extends @Nullable Object> variables) {
        return render(messages, true, variables).text();
    }

    /**
     * The text of a conversation. Content that is a list of texts is one text where the template does not write such lists, and
     * arguments of a tool's call that are the JSON of an object are the object where it does not write them as they stand.
     *
     * @param addGenerationPrompt whether the head of the assistant's next turn ends it
     * @param variables what else the template may read: {@code tools}, {@code enable_thinking} …; {@code tools} also choose the
     *     template named tool_use, where there is one
     * @throws ConfigException if the template does not take these messages; the message names file, line and cause, or which of
     *     the messages has no content
     */
    public Rendered render(
            List<Message> messages, boolean addGenerationPrompt, Map<String, ? extends @Nullable Object> variables) {
        Named chosen = chosen(variables);
        Map<String, @Nullable Object> all = known();
        all.put("messages", chosen.shaped(messages));
        all.put("add_generation_prompt", addGenerationPrompt);
        all.putAll(variables);
        try {
            return chosen.template().render(all, now());
        } catch (TemplateException e) {
            throw new ConfigException(
                    files.file() + ": " + complaint(templates.size() > 1 ? chosen.name() : null, e), e);
        }
    }

    /**
     * Whose turns {@link #prompt} leaves out: a template may know the user and the assistant alone, and pass over others without a
     * word. Of the system and the developer each turn must be written, of others their last; the assistant's are not looked at.
     *
     * @param messages turns that are to be answered
     * @return roles, such as system; none where the template does not take these messages
     */
    public SortedSet<String> unwritten(List<Message> messages, Map<String, ? extends @Nullable Object> variables) {
        SortedSet<String> roles = new TreeSet<>();
        Set<String> later = new TreeSet<>();
        for (int i = messages.size() - 1; i >= 0; i--) {
            Message message = messages.get(i);
            boolean looked = message.isAnswer() || !message.tells() && !later.add(message.role());
            if (!looked && !message.text().isBlank() && leavesOut(messages, i, variables)) {
                roles.add(message.role());
            }
        }
        return roles;
    }

    /** Whether a turn may say what it likes, and the prompt is the same. What is written in another form, such as escaped, changes it. */
    private boolean leavesOut(List<Message> messages, int index, Map<String, ? extends @Nullable Object> variables) {
        try {
            String other = prompt(probe(messages, index), variables);
            return !other.contains(PROBE) && other.equals(prompt(messages, variables));
        } catch (ConfigException e) {
            // words that are refused are looked at; whoever has these turns answered hears what is wrong with them
            return false;
        }
    }

    /**
     * How many of some messages {@link #render} puts into another form than they were given in: content in parts that becomes one
     * text, arguments as text that become an object.
     */
    public int reshaped(List<Message> messages, Map<String, ? extends @Nullable Object> variables) {
        List<Map<String, @Nullable Object>> shaped = chosen(variables).shaped(messages);
        return (int) IntStream.range(0, shaped.size())
                .filter(i -> shaped.get(i) != messages.get(i).fields())
                .count();
    }

    /**
     * One of the templates.
     *
     * @param form in which it takes messages, which may be another where there are tools
     */
    private record Named(String name, Template template, Supplier<MessageForm> form) {
        List<Map<String, @Nullable Object>> shaped(List<Message> messages) {
            return MessageForm.apply(messages, form);
        }
    }

    private Named chosen(Map<String, ? extends @Nullable Object> variables) {
        boolean tools = variables.get("tools") != null;
        String name = tools && templates.containsKey("tool_use") ? "tool_use" : "default";
        Template template = templates.get(name);
        if (template == null) {
            throw new ConfigException(
                    files.file() + ": has no template named default; it has " + Quoted.list(templates.keySet()));
        }
        return new Named(name, template, () -> form(template, name, tools));
    }

    /** What a template may read whatever the messages are. */
    private Map<String, @Nullable Object> known() {
        Map<String, @Nullable Object> all = new LinkedHashMap<>();
        all.put("tools", null);
        all.put("documents", null);
        all.putAll(files.specialTokens());
        return all;
    }

    private ZonedDateTime now() {
        return moment == null ? ZonedDateTime.now() : moment;
    }

    private MessageForm form(Template template, String name, boolean tools) {
        return forms.computeIfAbsent(
                tools ? name + " with tools" : name,
                key -> MessageForm.of(messages -> {
                    Map<String, @Nullable Object> all = known();
                    all.put("add_generation_prompt", false);
                    all.put("messages", messages);
                    if (tools) {
                        Map<String, Object> parameters = Map.of("type", "object", "properties", Map.of());
                        all.put(
                                "tools",
                                List.of(Map.of(
                                        "type",
                                        "function",
                                        "function",
                                        Map.of("name", "f", "description", "f", "parameters", parameters))));
                    }
                    try {
                        return template.render(all, now()).text();
                    } catch (TemplateException e) {
                        return "";
                    }
                }));
    }

    private static String complaint(@Nullable String name, TemplateException e) {
        return "chat template" + (name == null ? "" : " " + Quoted.text(name)) + ", line " + e.line() + ": "
                + Shown.text(String.valueOf(e.getMessage()), MESSAGE_LIMIT);
    }

    /** The turns, one of which says something else in the same form. */
    static List<Message> probe(List<Message> turns, int index) {
        Map<String, @Nullable Object> fields =
                new LinkedHashMap<>(turns.get(index).fields());
        boolean parts = fields.get("content") instanceof List;
        fields.put("content", parts ? List.of(Map.of("type", "text", "text", PROBE)) : PROBE);
        List<Message> probed = new ArrayList<>(turns);
        probed.set(index, new Message(fields));
        return probed;
    }

    /** All ids at which an answer ends: those of the model, and the token that this template puts behind an answer. */
    public Set<Long> stopIds(Tokenizer tokenizer) {
        Set<Long> ids = new TreeSet<>(tokenizer.stopIds());
        endOfTurn(tokenizer).ifPresent(ids::add);
        return ids;
    }

    /**
     * The special token that this template puts behind an answer, found by writing one; empty if it puts none. A chat ends at it
     * even where the model's files do not name it.
     */
    public OptionalLong endOfTurn(Tokenizer tokenizer) {
        return tokenizer.firstSpecial(behindAnAnswer());
    }

    /**
     * The text at which an answer ends beside {@link #stopIds}: what this template puts behind an answer where that is no special
     * token of the tokenizer, such as {@code <|im_end|>} of a template that was made for another model. Such an end is learnt as
     * text, and ends no generation by itself. It is the first line that is not blank, up to a special token, with the line break before
     * it, since in the midst of a line the same text ends nothing. One or two characters by themselves stand in answers too.
     *
     * @return one text, or none
     */
    public List<String> stopStrings(Tokenizer tokenizer) {
        String behind = behindAnAnswer();
        String end = behind.strip();
        OptionalLong first = tokenizer.firstWritten(behind);
        if (end.isEmpty() || first.isEmpty() || stopIds(tokenizer).contains(first.getAsLong())) {
            return List.of();
        }
        String blank = behind.substring(0, behind.indexOf(end));
        String line =
                tokenizer.beforeSpecial(end.lines().findFirst().orElse("")).strip();
        String stop = blank.contains("\n") ? "\n" + line : line;
        return line.isEmpty() || stop.length() <= LITTLE ? List.of() : List.of(stop);
    }

    /** Whether a token is the last of a conversation that ends with an answer; where this template takes none, nobody knows that it is not. */
    public boolean mayEndWith(long id, Tokenizer tokenizer) {
        try {
            long[] ids = tokenizer.encode(written(false, USER, ANSWER), false);
            return ids.length > 0 && ids[ids.length - 1] == id;
        } catch (ConfigException e) {
            return true;
        }
    }

    /** What this template writes behind an answer; empty where it takes none. */
    private String behindAnAnswer() {
        try {
            String behind = behind(written(false, USER, ANSWER));
            return behind.substring(0, behind.length() - headAnyway().length());
        } catch (ConfigException e) {
            return "";
        }
    }

    /**
     * The head of the assistant's next turn where this template ends every conversation with it, whether or not it is asked to;
     * empty otherwise. Behind an answer it belongs to the next one.
     */
    String headAnyway() {
        try {
            String asked = written(true, USER);
            String answered = written(false, USER, ANSWER);
            if (!asked.equals(written(false, USER)) || !answered.startsWith(asked)) {
                return "";
            }
            // what both end with may be the end of a turn, which another turn then follows
            String behind = behind(answered);
            String head = ChatExamples.commonEnd(behind(written(true, ASKER)), behind);
            int ends = ChatExamples.common(behind, behind(written(false, USER, ANSWER, USER)));
            return behind.substring(Math.max(ends, behind.length() - head.length()));
        } catch (ConfigException e) {
            return "";
        }
    }

    private String written(boolean asks, Message... turns) {
        return render(List.of(turns), asks, Map.of()).text();
    }

    /** What a text has behind the words of {@link #PROBE}; empty where it has not these. */
    private static String behind(String text) {
        int end = text.lastIndexOf(PROBE) + PROBE.length();
        return end < PROBE.length() ? "" : text.substring(end);
    }
}
