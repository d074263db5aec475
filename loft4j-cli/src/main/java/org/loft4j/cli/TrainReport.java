package org.loft4j.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.report.Pasted;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.ImageDataset;
import org.loft4j.io.InnerNames;
import org.loft4j.io.Json;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.train.Rewards;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/**
 * What {@code loft train} says of a run, at its start and at its end.
 *
 * @param output directory of the run
 */
record TrainReport(Path output, TrainConfig config) {
    /** In a line: what is trained, on what, for how long. */
    String start(Model opened, TrainData encoded, TrainingRun training) {
        long trained = training.trainable().elements();
        Rewards rewards = encoded.rewards();
        Examples held = encoded.eval();
        long all = opened.weights().elements() + (config.method().usesAdapter() ? trained : 0);
        return config.method().word() + ": " + Quantities.count(trained) + " of " + Quantities.count(all)
                + " parameters (" + Quantities.percent(trained, all) + ")" + inside(opened) + ", "
                + Quantities.of(encoded.train().rows(), "row")
                + (held == null ? ", " : " and " + Quantities.count(held.size()) + " held out, ")
                + Quantities.of(training.totalSteps(), "step") + " on "
                + opened.description().device()
                + (training.step() > 0 ? ", going on after step " + training.step() : "")
                + (rewards != null && rewards.logged()
                        ? "; what it answers is in " + output.resolve(Rewards.COMPLETIONS)
                        : "");
    }

    /** What of a model is not loaded. */
    private static String inside(Model opened) {
        return opened.linears().keySet().stream().anyMatch(InnerNames::isInside)
                ? " of the language model, without the vision tower"
                : "";
    }

    /** Lets signals stop a run, and says what becomes of it. */
    Interruption interruption(TrainingRun run, RewardFlags.Judging judging, int deadline, Consumer<String> say) {
        return new Interruption(
                () -> {
                    String becomes = stopping(run, judging.judges());
                    // first: a program that judges may have gone with the same Ctrl-C
                    run.requestStop();
                    judging.leave();
                    say.accept("\nloft: " + becomes + "; once more ends at once");
                },
                new Interruption.Deadline(
                        deadline, () -> say.accept(late(deadline, run.awaitsReference(), run.newestCheckpoint()))),
                judging::kill);
    }

    /**
     * What becomes of a run that is asked to stop now.
     *
     * @param answers whether it has prompts answered
     */
    static String stopping(TrainingRun run, boolean answers) {
        if (run.awaitsReference()) {
            return "leaving before the first step, with nothing to save";
        }
        return (answers ? "finishing the step, or leaving it where its prompts are answered" : "finishing the step")
                + ", then saving";
    }

    /**
     * Said when what was under way has taken longer than whoever stopped the run would wait.
     *
     * @param awaitsReference {@link TrainingRun#awaitsReference}
     */
    String late(int deadline, boolean awaitsReference, @Nullable Path checkpoint) {
        String within = " within " + deadline + " s (--stop-deadline): ending now; ";
        if (awaitsReference) {
            return "loft: the look at the preferences before the first step was not left" + within
                    + "there was nothing to save, and the same call begins anew";
        }
        return "loft: the step was not finished and saved" + within
                + (checkpoint == null
                        ? "nothing had been saved yet, --save-steps saves more often"
                        : checkpoint + " stands. " + goOn(""));
    }

    private static Map<String, Double> ofResult(TrainResult result) {
        return result.resultStep() == result.bestStep() ? result.bestEvaluation() : result.lastEvaluation();
    }

    /** Whether the result was evaluated, and its loss is no number. */
    static boolean isOfNoUse(TrainResult result) {
        return result.outcome() != TrainResult.Outcome.INTERRUPTED
                && Double.isNaN(ofResult(result).getOrDefault("loss", 0.0));
    }

    /**
     * How it ended, how well, and what to call next.
     *
     * @param learnt the rows, as which the model is to be asked
     */
    String end(TrainResult result, Model opened, TrainData learnt) {
        StringBuilder text = new StringBuilder(result.summary()).append('\n');
        if (result.skippedSteps() > 0) {
            text.append(Quantities.of(result.skippedSteps(), "step"))
                    .append(
                            result.skippedSteps() == 1
                                    ? " was skipped: its gradients were not finite\n"
                                    : " were skipped: their gradients were not finite\n");
        }
        scores(text, "best evaluation (step " + result.bestStep() + ")", result.bestEvaluation());
        if (result.resultStep() > 0 && result.resultStep() != result.bestStep()) {
            scores(text, "evaluation of the result (step " + result.resultStep() + ")", result.lastEvaluation());
        }
        if (result.outcome() == TrainResult.Outcome.INTERRUPTED) {
            return text.append(goOn("")).append('\n').toString();
        }
        if (result.outcome() == TrainResult.Outcome.DIVERGED) {
            double lower = config.learningRate() / 3;
            text.append(goOn(String.format(Locale.ROOT, " --learning-rate %.1e", lower)))
                    .append('\n');
            return Objects.requireNonNull(result.divergence()).bySkipping()
                    ? text.toString()
                    : text.append("--divergence-factor 0 goes on whatever the loss does\n")
                            .toString();
        }
        Map<String, Double> ofResult = ofResult(result);
        if (isOfNoUse(result)) {
            return text.append(String.format(
                            Locale.ROOT,
                            "the loss of the result is no number: it is of no use; a lower --learning-rate than %s may be what it takes%n",
                            Trial.rateText(config.learningRate())))
                    .toString();
        }
        // it is 0 where every row is told the same class, and whatever is told where every row has the same one
        if (ofResult.getOrDefault("matthews", 1.0) == 0 && haveSeveralClasses(learnt.eval())) {
            text.append(
                    "matthews 0: the classes are told no better than by chance, as where all rows are told the same one;"
                            + " more --epochs, or another --learning-rate, may be what it takes\n");
        }
        // an adapter names its model
        String trained = (config.method().usesAdapter() ? "--adapter " : "--model ") + Pasted.quoted(output);
        // its adapter is made for the rounded weights, and does not say so
        LoadIn bits = opened.weights().loadIn();
        trained += bits == LoadIn.FULL ? "" : " --load-in " + bits.word();
        String verb = switch (opened.task()) {
            case CAUSAL_LM, SEQ2SEQ_LM -> "generate";
            case SENTENCE_EMBEDDING -> "embed";
            default -> "predict";
        };
        // a model that was trained with --chat is asked by turns in any case
        ChatFormat chat = learnt.train().chatFormat();
        String turns = chat != null && !chat.wrapPrompts() ? " --chat" : "";
        // what ranks conversations is asked about whole ones
        boolean ranks = chat != null && !opened.task().writes();
        String example = opened.imageShape() != null
                ? " --image FILE\n"
                : ranks
                        ? " --data CONVERSATIONS\n"
                        : turns + " --text \"…\"" + (learnt.train().hasPairs() ? " --text-pair \"…\"" : "") + "\n";
        return text.append("next: " + Pasted.command() + " ")
                .append(verb)
                .append(' ')
                .append(trained)
                .append(example)
                .toString();
    }

    /** Whether examples of one class each are not all of the same one. */
    private static boolean haveSeveralClasses(@Nullable Examples held) {
        IntToLongFunction label = held instanceof Dataset texts
                ? i -> texts.get(i).labels()[0]
                : held instanceof ImageDataset images ? images::label : i -> 0;
        return held != null
                && IntStream.range(0, held.size()).mapToLong(label).distinct().count() > 1;
    }

    private static void scores(StringBuilder text, String heading, Map<String, Double> scores) {
        if (!scores.isEmpty()) {
            text.append(heading).append(':');
            scores.forEach((name, value) -> text.append(String.format(Locale.ROOT, "  %s %.4f", name, value)));
            text.append('\n');
        }
    }

    /** The end for scripts. */
    Map<String, Object> tree(TrainResult result) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("outcome", result.outcome().name().toLowerCase(Locale.ROOT));
        tree.put("method", config.method().word());
        tree.put("step", result.step());
        tree.put("total_steps", result.totalSteps());
        tree.put("skipped_steps", result.skippedSteps());
        tree.put("best_step", result.bestStep());
        tree.put("result_step", result.resultStep());
        tree.put("last_evaluation", Json.finite(result.lastEvaluation()));
        tree.put("best_evaluation", Json.finite(result.bestEvaluation()));
        tree.put("seconds", result.seconds());
        tree.put("peak_resident_bytes", result.peakResidentBytes());
        tree.put("output_dir", result.output().toString());
        Path checkpoint = result.checkpoint();
        tree.put("checkpoint", checkpoint == null ? null : checkpoint.toString());
        return tree;
    }

    private String goOn(String settings) {
        return "to go on: " + Pasted.command() + " train --config "
                + Pasted.quoted(output.resolve(TrainCommand.SETTINGS)) + " --resume" + settings;
    }
}
