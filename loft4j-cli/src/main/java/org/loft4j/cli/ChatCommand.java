package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Message;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.infer.Reading;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;
import org.loft4j.infer.TextGenerator.Answer;
import org.loft4j.infer.TextGenerator.Request;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft chat}. */
@Command(
        name = "chat",
        description =
                "Talks with a model, turn by turn, through its chat template. Each line that is typed is a turn; /reset"
                        + " begins anew, /exit or the end of the input ends, Ctrl-C ends an answer. Tokens are drawn as the model's generation_config.json"
                        + " recommends, unless the options say otherwise.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft chat --model models/Qwen",
            "  loft chat --model models/Qwen --adapter run --compare-base --temperature 0",
            "  echo \"Who was Ada Lovelace?\" | loft chat --model models/Qwen --system \"Answer in one sentence.\""
        })
final class ChatCommand implements Verb {
    @Option(
            names = "--compare-base",
            description =
                    "Print what the model without its adapter says beside what it says with it. The conversation goes"
                            + " on with the adapter's answers.")
    boolean compareBase;

    @Mixin(name = "Conversation")
    PromptFlags prompt;

    @Mixin(name = "Sampling")
    SamplingFlags sampling;

    @Mixin(name = "Model")
    ModelFlags model;

    @Mixin(name = "Device")
    DeviceFlags device;

    @Mixin(name = "Precision")
    LoadInFlags loadIn;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        model.check(problems);
        device.check(problems);
        sampling.check(problems, () -> SamplingConfig.GREEDY);
        prompt.check(problems);
        if (compareBase && model.adapter == null) {
            problems.add("--compare-base compares with and without an adapter: give --adapter DIR");
        }
        if (common.json) {
            problems.add("--json is not for a conversation: use 'generate --chat --json'");
        }
    }

    @Override
    public int run() throws IOException {
        FoundModel found = FoundModel.of(model);
        // a folder that is no model is told to be none before a file in it is asked for
        found.task();
        int most = sampling.maxNewTokens(found.directory(), false);
        try (LoadedModel loaded = LoadedModel.openLanguageModel(found, model, device, loadIn.value());
                Tokenizer tokenizer = loaded.openTokenizer()) {
            ChatTemplate template = loaded.chatTemplate(prompt.template);
            TextGenerator generator = new TextGenerator(Generator.of(loaded.model()), tokenizer);
            Path files = loaded.directory();
            Request request = new Request(most, Set.of(), sampling.stop, sampling.orRecommended(files))
                    .asTurnOf(template, tokenizer);
            long positions = loaded.model().description().maxPositions();
            // a file's number may be the whole context, of which a conversation would keep half
            int wanted = sampling.maxNewTokens == null ? Math.min(most, SamplingFlags.MAX_NEW_TOKENS) : most;
            long room = Math.min(wanted, positions / 2);
            Map<String, @Nullable Object> variables = new LinkedHashMap<>(loaded.chatVariables());
            variables.putAll(prompt.variables());
            List<Message> first = beginning();
            first.add(Message.of("user", "?"));
            PromptFlags.tell(
                    template.unwritten(first, variables), spec.commandLine().getErr());
            try (Reading reading = new Reading();
                    Reading base = new Reading()) {
                talk(
                        new Talk(generator, tokenizer, template, request, variables, positions, room, reading, base),
                        loaded.adapter());
            }
        }
        return ExitCode.OK;
    }

    /**
     * What makes the answers.
     *
     * @param positions the longest sequence that the model was made for, in tokens
     * @param room how many tokens are kept free for an answer
     * @param reading what the model has read of the conversation
     * @param base what it has read of it without its adapter
     */
    private record Talk(
            TextGenerator generator,
            Tokenizer tokenizer,
            ChatTemplate template,
            Request request,
            Map<String, @Nullable Object> variables,
            long positions,
            long room,
            Reading reading,
            Reading base) {
        /**
         * The prompt of a conversation, which loses its oldest exchanges until an answer fits behind it. An answer may
         * be longer than its room, up to the end of the model's positions.
         *
         * @param first index of the oldest exchange, behind the system prompt
         */
        long[] prompt(List<Message> messages, int first) {
            long[] ids = prompt(messages);
            while (ids.length + room > positions && messages.size() > first + 1) {
                messages.subList(first, first + 2).clear();
                ids = prompt(messages);
            }
            return ids;
        }

        private long[] prompt(List<Message> messages) {
            return tokenizer.encode(template.prompt(messages, variables), false);
        }

        /** @param number of the answer in this call: else each would be drawn by the same numbers as the one before */
        Answer answer(long[] prompt, long number, TextGenerator.TextListener listener) {
            return generator.generate(prompt, number, request, listener, reading);
        }

        /** The same while the adapter is detached. */
        Answer ofBase(long[] prompt, long number, TextGenerator.TextListener listener) {
            return generator.generate(prompt, number, request, listener, base);
        }
    }

    private void talk(Talk talk, @Nullable LoraAdapter adapter) throws IOException {
        ComingLines lines = new ComingLines(System.in, "standard input", true);
        List<Message> messages = beginning();
        boolean shortened = false;
        long answers = 0;
        while (true) {
            say("> ");
            AskedTexts.Asked said;
            try {
                said = lines.next();
            } catch (DataException e) {
                warn(e.getMessage() + "; the conversation is as it was");
                continue;
            }
            String line = said == null ? null : said.text();
            if (line == null || line.strip().equals("/exit")) {
                out().println();
                return;
            }
            if (line.strip().equals("/reset")) {
                messages = beginning();
                shortened = false;
            } else if (!line.isBlank()) {
                List<Message> turns = new ArrayList<>(messages);
                turns.add(Message.of("user", line));
                long[] ids;
                try {
                    ids = talk.prompt(turns, beginning().size());
                } catch (ConfigException e) {
                    warn("the chat template refuses this turn (" + e.getMessage() + "); the conversation is as it was");
                    continue;
                }
                if (ids.length >= talk.positions()) {
                    warn("this message alone takes " + ids.length
                            + " tokens, system prompt and template included, and the"
                            + " model reads fewer than " + talk.positions()
                            + ": say it in fewer words; the conversation is as it was");
                    continue;
                }
                int dropped = (messages.size() + 1 - turns.size()) / 2;
                if (dropped > 0 && !shortened) {
                    shortened = true;
                    warn((dropped == 1
                                    ? "the oldest exchange no longer fits"
                                    : "the oldest " + dropped + " exchanges no longer fit")
                            + " into the model's " + talk.positions() + " tokens and "
                            + (dropped == 1 ? "is" : "are") + " left out, as later ones will be");
                }
                String answer = answer(talk, ids, answers++, adapter);
                if (answer != null) {
                    turns.add(Message.of("assistant", answer));
                    messages = turns;
                }
            }
        }
    }

    /** The answer to a prompt, or what there is of it when it is stopped; null for nothing. */
    private @Nullable String answer(Talk talk, long[] prompt, long number, @Nullable LoraAdapter adapter) {
        Answer answer;
        StringBuilder said = new StringBuilder();
        try (AnswerStop stop = new AnswerStop()) {
            if (compareBase && adapter != null) {
                Answer base = ofBase(talk, prompt, number, adapter, stop);
                answer = talk.answer(prompt, number, (row, piece) -> stop.check());
                int width = Integer.getInteger("loft.columns", 100);
                out().println(Terminal.written(SideBySide.of("base", base.text(), "adapted", answer.text(), width)));
            } else {
                answer = talk.answer(prompt, number, (row, piece) -> {
                    said.append(piece);
                    say(piece);
                    stop.check();
                });
                out().println();
            }
        } catch (CancellationException e) {
            out().println();
            warn("stopped; " + (said.isEmpty() ? "the conversation is as it was" : "the conversation goes on")
                    + ", and Ctrl-C at the prompt ends it");
            return said.isEmpty() ? null : said.toString();
        }
        if (answer.end() == TextGenerator.End.MAX_NEW_TOKENS) {
            warn("cut off after " + answer.newTokens() + " tokens; --max-new-tokens allows more");
        } else if (answer.end() == TextGenerator.End.MAX_POSITIONS) {
            warn("cut off after " + answer.newTokens() + " tokens: the model's " + talk.positions() + " are full");
        }
        return answer.text();
    }

    private static Answer ofBase(Talk talk, long[] prompt, long number, LoraAdapter adapter, AnswerStop stop) {
        adapter.detach();
        try {
            return talk.ofBase(prompt, number, (row, piece) -> stop.check());
        } finally {
            adapter.attach();
        }
    }

    private List<Message> beginning() {
        List<Message> messages = new ArrayList<>();
        if (prompt.system != null) {
            messages.add(Message.of("system", prompt.system));
        }
        return messages;
    }

    private void say(String piece) {
        out().print(Terminal.written(piece));
        out().flush();
    }

    private void warn(String text) {
        spec.commandLine().getErr().println("loft: " + text);
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }
}
