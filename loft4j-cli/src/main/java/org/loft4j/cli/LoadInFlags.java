package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.nn.LoadIn;
import org.loft4j.train.Method;
import picocli.CommandLine.Option;

/** In how many bits the frozen model is kept. */
final class LoadInFlags {
    @Option(
            names = "--load-in",
            paramLabel = "BITS",
            converter = Words.OfLoadIn.class,
            completionCandidates = WordLists.Precisions.class,
            description =
                    "Keep the frozen matrices of linear layers and of tokens in 8bit (a scale a row) or 4bit (NF4,"
                            + " double quantisation). Norms, classifiers, modules to save and adapters stay as they"
                            + " are. Default: full.")
    @Nullable
    LoadIn bits;

    LoadIn value() {
        return bits == null ? LoadIn.FULL : bits;
    }

    void check(Problems problems, Method method) {
        if (value() != LoadIn.FULL && !method.usesAdapter()) {
            problems.add("--load-in " + value().word() + " freezes the model, and method " + method.word()
                    + " trains it: leave one of them out");
        }
    }
}
