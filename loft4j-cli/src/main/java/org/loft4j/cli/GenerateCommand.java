package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.cli.AskedTexts.Faults;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Conversation;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.LossOn;
import org.loft4j.data.Origin;
import org.loft4j.data.PlainText;
import org.loft4j.data.Row;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.GenerationDefaults;
import org.loft4j.infer.Generator;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;
import org.loft4j.infer.TextGenerator.Answer;
import org.loft4j.infer.TextGenerator.Request;
import org.loft4j.infer.TextGenerator.TextListener;
import org.loft4j.io.Json;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft generate}. */
@Command(
        name = "generate",
        description =
                "Continues texts with a language model, or answers them with --chat; an encoder-decoder writes"
                        + " another text of each. Always with the likeliest token, or with beams the likeliest text, unless a temperature is given or one of the --top and --min options, which draw.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft generate --model models/Llama --text \"Once upon a time\"",
            "  loft generate --model models/Llama --adapter run --text \"Once upon a time\" --compare-base",
            "  loft generate --model models/Qwen --chat --text \"Who was Ada Lovelace?\"",
            "  loft generate --model models/Llama --data prompts.txt --temperature 0.8 --top-p 0.95 --json",
            "  loft generate --model models/Bart --data articles.txt --num-beams 4 --no-repeat-ngram-size 3"
        })
final class GenerateCommand implements Verb {
    @Option(
            names = "--text",
            paramLabel = "TEXT",
            description = "A text to continue; may be given several times. This or --data is required.")
    @Nullable
    List<String> texts;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            description =
                    "Texts to continue, as 'loft train' takes its rows: files, a pattern of files or a query. Of a row"
                            + " its prompt, its text, or its messages up to the last answer. This or --text is required.")
    @Nullable
    DataReference data;

    @Option(
            names = "--chat",
            negatable = true,
            fallbackValue = "true",
            description = "Give each text to the model as a turn of the user, by its chat template. Default: as in"
                    + " training.")
    @Nullable
    Boolean chat;

    @Option(
            names = "--compare-base",
            description = "Print what the model without its adapter says beside what it says with it.")
    boolean compareBase;

    @Option(
            names = "--eval-batch-size",
            paramLabel = "ROWS",
            description = "Texts that go through the model at once. Default: ${DEFAULT-VALUE}.")
    int batchSize = 8;

    @Mixin(name = "Rows")
    ColumnFlags columns;

    @Mixin(name = "Rows with faults")
    FaultFlags faults;

    @Mixin(name = "Conversation")
    PromptFlags prompt;

    @Mixin(name = "Translation")
    LanguageFlags languages;

    @Mixin(name = "Sampling")
    SamplingFlags sampling;

    @Mixin(name = "Beams")
    BeamFlags beams;

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

    private final LeftOutRows leftOut = new LeftOutRows();

    /** Texts that ended at the greatest number of tokens. */
    private long cut;

    @Override
    public void check(Problems problems) {
        model.check(problems);
        device.check(problems);
        sampling.check(problems, () -> beams.over(SamplingConfig.GREEDY));
        beams.check(problems, sampling.maxNewTokens);
        prompt.check(problems);
        DataFlags.require(problems, "--data", data);
        problems.of(columns::asked);
        ColumnFlags.requireRows(problems, spec.commandLine().getParseResult(), data);
        if ((texts == null) == (data == null)) {
            problems.add("either --text TEXT or --data FILE is needed");
        }
        if (compareBase && model.adapter == null) {
            problems.add("--compare-base compares with and without an adapter: give --adapter DIR");
        }
        if (batchSize < 1) {
            problems.add("per_device_eval_batch_size must be at least 1, got " + batchSize);
        }
    }

    @Override
    public int run() throws IOException {
        List<Row> rows = usable(
                rows(),
                TextPair.class,
                "is a pair of texts, and one text is continued: name its column (--text-column)");
        FoundModel found = FoundModel.of(model);
        int most = most(found);
        SamplingConfig chosen = chosen(found, most);
        try (LoadedModel loaded = LoadedModel.openWriter(found, model, device, loadIn.value());
                Tokenizer opened = loaded.openTokenizer()) {
            Tokenizer tokenizer = languages.of(opened);
            Generator ids = Generator.of(loaded.model());
            ids.requireBeams(chosen.beams().count());
            if (found.task() == Task.SEQ2SEQ_LM) {
                rows = withoutTurns(rows);
            }
            Prompts prompts = Prompts.of(rows, format(rows, loaded), prompt, tokenizer, ids, faults());
            leftOut.tell(prompts.prompts().size(), "row", spec.commandLine().getErr());
            TextGenerator generator = new TextGenerator(ids, tokenizer);
            PromptFlags.tell(prompts.unwritten(), spec.commandLine().getErr());
            Request request = prompts.request(most, sampling.stop, chosen, tokenizer);
            List<Prompts.Prompt> all = prompts.prompts();
            // of a file with one row too: what reads the output must not depend on how long the input is
            boolean single = data == null && all.size() == 1;
            JsonElements json = common.json && !single ? new JsonElements(out(), "[", "]") : null;
            for (int start = 0; start < all.size(); start += batchSize) {
                List<Prompts.Prompt> some = all.subList(start, Math.min(all.size(), start + batchSize));
                if (start > 0 && out().checkError()) {
                    // whoever read the output has left, or its disk is full: the exit status tells
                    break;
                }
                for (Map<String, Object> tree : batch(start, some, loaded.adapter(), generator, request)) {
                    if (json != null) {
                        json.add(tree);
                    } else {
                        out().println(Json.text(tree));
                    }
                }
                out().flush();
            }
            if (json != null) {
                json.end();
            }
            // a text of an encoder-decoder is whole; of others a continuation has no end of its own
            if (cut > 0 && found.task() == Task.SEQ2SEQ_LM && sampling.maxNewTokens == null) {
                tellOfCuts(most);
            }
        }
        return ExitCode.OK;
    }

    private void tellOfCuts(int most) {
        PrintWriter err = spec.commandLine().getErr();
        err.println("loft: " + Quantities.of(cut, "text") + (cut == 1 ? " was" : " were") + " cut at "
                + Quantities.of(most, "token")
                + ", by the model's files or by default: --max-new-tokens says where else");
        err.flush();
    }

    /** How many tokens a continuation has at most: of an encoder-decoder as its files have it, but for what was asked. */
    private int most(FoundModel found) throws IOException {
        boolean writer = found.task() == Task.SEQ2SEQ_LM;
        return writer || sampling.maxNewTokens != null
                ? sampling.maxNewTokens(found.directory(), writer)
                : SamplingFlags.MAX_NEW_TOKENS;
    }

    /** How tokens are chosen: of an encoder-decoder as its files have it, but for what was asked. */
    private SamplingConfig chosen(FoundModel found, int most) throws IOException {
        SamplingConfig absent = found.task() == Task.SEQ2SEQ_LM
                ? GenerationDefaults.readWriter(found.directory())
                : SamplingConfig.GREEDY;
        SamplingConfig asked = beams.over(absent);
        boolean said = sampling.maxNewTokens != null;
        beams.requireLength(most, said);
        beams.requireUse(asked);
        SamplingConfig chosen = sampling.over(asked);
        beams.warn(chosen, found.directory(), most, said);
        return chosen;
    }

    private List<Row> rows() throws DataException {
        if (data == null) {
            return Objects.requireNonNull(texts).stream()
                    .map(text -> (Row) new PlainText(text, Origin.MEMORY))
                    .toList();
        }
        return faults.skip
                ? DataFiles.readWithoutFaulty(data, columns.asked(), leftOut::add)
                        .rows()
                : DataFiles.read(data, columns.asked());
    }

    /** What becomes of rows that cannot be continued. */
    private Faults faults() {
        return faults.skip ? leftOut::add : Faults.END;
    }

    /** Rows but those of a kind, which are at fault. */
    private List<Row> usable(List<Row> rows, Class<? extends Row> kind, String fault) throws DataException {
        List<Row> usable = new ArrayList<>();
        for (Row row : rows) {
            if (kind.isInstance(row)) {
                faults().of(row.origin().fault(fault));
            } else {
                usable.add(row);
            }
        }
        if (usable.isEmpty()) {
            leftOut.tell(0, "row", spec.commandLine().getErr());
        }
        return usable;
    }

    /** Those in the call that say how turns become a prompt; those of a file may be meant for other calls. */
    private List<String> promptOptions() {
        return PromptFlags.NAMES.stream()
                .filter(spec.commandLine().getParseResult()::hasMatchedOption)
                .toList();
    }

    private static String of(List<String> options) {
        return String.join(", ", options) + (options.size() == 1 ? " is" : " are");
    }

    /** An encoder-decoder reads a text as a whole. */
    private List<Row> withoutTurns(List<Row> rows) throws DataException {
        String none = "an encoder-decoder (" + Task.SEQ2SEQ_LM.word() + ") has no turns";
        List<String> ofTurns = new ArrayList<>(promptOptions());
        if (Boolean.TRUE.equals(chat)) {
            ofTurns.add(0, "--chat");
        }
        if (!ofTurns.isEmpty()) {
            throw new ConfigException(of(ofTurns) + " for turns of a conversation, and " + none + ": leave "
                    + (ofTurns.size() == 1 ? "it" : "them") + " out");
        }
        return usable(
                rows,
                Conversation.class,
                "holds messages, and " + none + ": name the column of the text it is to read (--prompt-column)");
    }

    /** How turns are written; null where there are none. */
    private @Nullable ChatFormat format(List<Row> rows, LoadedModel loaded) throws IOException {
        TrainedChat trained = loaded.trainedChat();
        boolean turns = chat != null ? chat : trained != null && trained.wrapPrompts();
        if (turns || rows.stream().anyMatch(Conversation.class::isInstance)) {
            return new ChatFormat(
                    loaded.chatTemplate(prompt.template), LossOn.ASSISTANT, turns, loaded.chatVariables());
        }
        List<String> idle = promptOptions();
        if (!idle.isEmpty()) {
            throw new ConfigException(of(idle)
                    + " for turns of a conversation, and the texts are continued as they"
                    + " stand: --chat makes each a turn");
        }
        if (chat == null && trained != null) {
            spec.commandLine()
                    .getErr()
                    .println("loft: the model was trained on conversations, and the texts are continued as they stand;"
                            + " --chat makes each a turn of the user, --no-chat says that this is meant");
        }
        return null;
    }

    /**
     * Continues some prompts, and prints the texts where no JSON is wanted.
     *
     * @param first number of the first of the prompts among all
     * @return what is to be printed as JSON
     */
    private List<Map<String, Object>> batch(
            int first,
            List<Prompts.Prompt> prompts,
            @Nullable LoraAdapter adapter,
            TextGenerator generator,
            Request request) {
        List<long[]> ids = prompts.stream().map(Prompts.Prompt::ids).toList();
        List<Answer> base = null;
        if (compareBase && adapter != null) {
            adapter.detach();
            base = generator.generate(ids, first, request, (row, piece) -> {});
            adapter.attach();
        }
        boolean streams = prompts.size() == 1 && !common.json && base == null;
        if (streams) {
            say(prompts.get(0).lead());
        }
        TextListener listener = streams ? (row, piece) -> say(piece) : (row, piece) -> {};
        long start = System.nanoTime();
        List<Answer> answers = generator.generate(ids, first, request, listener);
        double seconds = (System.nanoTime() - start) / 1e9 / answers.size();
        cut += answers.stream()
                .filter(answer -> answer.end() == TextGenerator.End.MAX_NEW_TOKENS)
                .count();
        List<Map<String, Object>> trees = new ArrayList<>();
        for (int i = 0; i < answers.size(); i++) {
            Answer before = base == null ? null : base.get(i);
            if (common.json) {
                trees.add(tree(prompts.get(i).shown(), answers.get(i), before, seconds));
            } else {
                print(prompts.get(i), answers.get(i), before, streams);
            }
        }
        return trees;
    }

    private void print(Prompts.Prompt prompt, Answer answer, @Nullable Answer base, boolean streamed) {
        if (base != null) {
            out().println(Terminal.written(prompt.shown()));
            out().println();
            int width = Integer.getInteger("loft.columns", 100);
            out().println(Terminal.written(SideBySide.of("base", base.text(), "adapted", answer.text(), width)));
        } else {
            out().println(streamed ? "" : Terminal.written(prompt.lead() + answer.text()));
        }
    }

    private void say(String piece) {
        out().print(Terminal.written(piece));
        out().flush();
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** @param seconds the text's share of those of its batch */
    private static Map<String, Object> tree(String prompt, Answer answer, @Nullable Answer base, double seconds) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("prompt", prompt);
        tree.put("continuation", answer.text());
        if (base != null) {
            tree.put("base_continuation", base.text());
        }
        tree.put("prompt_tokens", answer.promptTokens());
        tree.put("new_tokens", answer.newTokens());
        tree.put("stop", answer.end().name().toLowerCase(Locale.ROOT));
        tree.put("seconds", seconds);
        return tree;
    }
}
