package org.loft4j.cli;

import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.UnmatchedArgumentException;

/** What is said of a verb that there is not: which one may be meant, or who does here what other tools call so. */
final class UnknownVerb {
    private static final String TRAIN = "train, which takes --method, --packing, preferences and rewards";

    /** Letters that differ where two are swapped. */
    private static final int FEW = 2;

    private static final Map<String, String> ELSEWHERE = Map.ofEntries(
            Map.entry("classify", "predict"),
            Map.entry("dpo", TRAIN),
            Map.entry("evaluate", "eval"),
            Map.entry("fine-tune", TRAIN),
            Map.entry("finetune", TRAIN),
            Map.entry("fit", TRAIN),
            Map.entry("grpo", TRAIN),
            Map.entry("infer", "predict, generate or chat"),
            Map.entry("inference", "predict, generate or chat"),
            Map.entry("kto", TRAIN),
            Map.entry("quantise", "train --load-in, or export --dtype"),
            Map.entry("quantize", "train --load-in, or export --dtype"),
            Map.entry("rerank", "predict, of pairs"),
            Map.entry("run", "predict, generate or chat"),
            Map.entry(
                    "serve",
                    "export --to gguf, whose file llama.cpp's server serves, or merge, whose directory vLLM's does"),
            Map.entry("sft", TRAIN),
            Map.entry("test", "eval"));

    private UnknownVerb() {}

    /** Whether what nobody takes is a verb. */
    static boolean is(UnmatchedArgumentException unmatched) {
        return !unmatched.isUnknownOption()
                && !unmatched.getCommandLine().getSubcommands().isEmpty();
    }

    static String message(UnmatchedArgumentException unmatched) {
        String word = unmatched.getUnmatched().get(0);
        String message = "there is no verb '" + word + "'";
        String here = ELSEWHERE.get(word.toLowerCase(Locale.ROOT));
        if (here != null && unmatched.getCommandLine().getParent() == null) {
            return message + "; here it is " + here;
        }
        return nearest(word, unmatched.getCommandLine())
                .map(verb -> message + "; did you mean " + verb + "?")
                .orElse(message);
    }

    private static Optional<String> nearest(String word, CommandLine command) {
        return command.getSubcommands().keySet().stream()
                .filter(verb -> word.length() > 2
                        && (verb.startsWith(word)
                                || ConfigKeys.distance(word, verb) <= Math.max(FEW, word.length() / 3)))
                .min(Comparator.comparingInt(verb -> ConfigKeys.distance(word, verb)));
    }
}
