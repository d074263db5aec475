package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What the labels of texts are, of a model that is used as it was trained. */
final class ProblemFlags {
    @Option(
            names = "--problem-type",
            paramLabel = "PROBLEM",
            converter = Words.OfProblemType.class,
            completionCandidates = WordLists.ProblemTypes.class,
            description =
                    "What the labels of texts or images are, where nothing says it that lies with the model or the adapter, as with an adapter"
                            + " that PEFT has trained: single_label_classification (classes, of which each has one) or"
                            + " multi_label_classification (labels, of which it may have several, or none). Default: what"
                            + " loft_task.json says, else config.json of the model, else single_label_classification.")
    @Nullable
    ProblemType asked;
}
