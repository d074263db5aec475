package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.loft4j.data.StreamingDecoder;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.io.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code loft generate}. */
@Command(
        name = "generate",
        description = "Continues a text with a language model, always with the likeliest token.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft generate --model models/Llama --text \"Once upon a time\"",
            "  loft generate --model models/Llama --adapter run --text \"Once upon a time\" --max-new-tokens 60"
        })
final class GenerateCommand implements Verb {
    @Option(names = "--text", paramLabel = "TEXT", required = true, description = "The text to continue.")
    String text;

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description =
                    "The continuation ends after so many tokens, or where the model ends it. Default: ${DEFAULT-VALUE}.")
    int maxNewTokens = 100;

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
        if (maxNewTokens < 1) {
            problems.add("max_new_tokens must be at least 1, got " + maxNewTokens);
        }
    }

    @Override
    public int run() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        try (LoadedModel loaded = LoadedModel.open(model, device, loadIn.value());
                Tokenizer tokenizer = Tokenizer.open(loaded.tokenizer())) {
            Generator generator = Generator.of(loaded.model());
            long[] prompt = tokenizer.encode(text, true);
            StreamingDecoder decoder = new StreamingDecoder(tokenizer, prompt);
            StringBuilder continuation = new StringBuilder();
            if (!common.json) {
                out.print(text);
                out.flush();
            }
            long start = System.nanoTime();
            Generator.Continuation made = generator.greedy(prompt, maxNewTokens, tokenizer.stopIds(), id -> {
                String piece = tokenizer.stopIds().contains(id) ? "" : decoder.add(id);
                continuation.append(piece);
                if (!common.json) {
                    out.print(piece);
                    out.flush();
                }
            });
            double seconds = (System.nanoTime() - start) / 1e9;
            String rest = decoder.finish();
            continuation.append(rest);
            if (common.json) {
                Map<String, Object> tree = new LinkedHashMap<>();
                tree.put("prompt", text);
                tree.put("continuation", continuation.toString());
                tree.put("prompt_tokens", prompt.length);
                tree.put("new_tokens", made.ids().length);
                tree.put("stop", made.stop().name().toLowerCase(Locale.ROOT));
                tree.put("seconds", seconds);
                out.println(Json.text(tree));
            } else {
                out.println(rest);
            }
        }
        return ExitCode.OK;
    }
}
