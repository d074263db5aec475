package org.loft4j.train;

import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.loft4j.Shown;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.io.HubCache;
import org.loft4j.io.HubName;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;

/** The README.md of a result: what it is, how it was trained, how it did. */
final class ModelCard {
    /** Characters of a command or a pattern that are shown. */
    private static final int MOST_OF_REWARDS = 1000;

    private ModelCard() {}

    /** The hub's word for a task. */
    private static String pipeline(Task task) {
        return switch (task) {
            case CAUSAL_LM -> "text-generation";
            case SEQ2SEQ_LM -> "text2text-generation";
            case SEQUENCE_CLASSIFICATION -> "text-classification";
            case TOKEN_CLASSIFICATION -> "token-classification";
            case IMAGE_CLASSIFICATION -> "image-classification";
            case SENTENCE_EMBEDDING -> "sentence-similarity";
        };
    }

    /** @param classWeights those of the settings, counted in the data */
    static String text(
            Model model,
            Trainable trainable,
            RunNotes notes,
            TrainConfig config,
            ClassWeights classWeights,
            RunPlan plan,
            RunState state) {
        TaskFile task = notes.task();
        LoraAdapter adapter = trainable.adapter();
        StringBuilder text = new StringBuilder("---\n");
        boolean fromScratch = model.weights().areFromScratch();
        if (task.baseModel() != null && !fromScratch) {
            HubName named = HubName.find(task.baseModel());
            String base = named == null ? task.baseModel() : named.repository();
            text.append("base_model: ").append(quote(base)).append('\n');
        }
        text.append(adapter == null ? "" : "library_name: peft\n");
        text.append("pipeline_tag: ").append(pipeline(model.task())).append("\n---\n\n");
        text.append(
                adapter != null
                        ? "# Low-rank adapter\n\n"
                        : fromScratch ? "# Model trained from scratch\n\n" : "# Fine-tuned model\n\n");
        String trained = adapter == null
                ? String.format(Locale.ROOT, "all %,d parameters", trainable.elements())
                : String.format(
                        Locale.ROOT,
                        "%,d trainable parameters beside %,d",
                        trainable.elements(),
                        model.weights().elements());
        text.append("Trained with loft4j, method `")
                .append(config.method().word())
                .append("`: ")
                .append(trained)
                .append(" of the ")
                .append(model.description().family())
                .append(" model.\n\n");
        if (task.isRegression()) {
            text.append("One output: a number for each text, or pair of texts.\n\n");
        } else if (!task.labels().isEmpty()) {
            text.append("Labels: ")
                    .append(task.labels().stream().map(Shown::line).collect(Collectors.joining(", ")))
                    .append(
                            task.multiLabel()
                                    ? "; " + (task.task() == Task.IMAGE_CLASSIFICATION ? "an image" : "a text")
                                            + " may have several of them, or none.\n\n"
                                    : ".\n\n");
        }
        if (config.loss().classWeights().balanced()) {
            text.append("In the loss of training rare classes weighed more (balanced): ")
                    .append(classWeights.range())
                    .append(".\n\n");
        } else if (!classWeights.isEqual()) {
            text.append("In the loss of training classes weighed ")
                    .append(Shown.text(classWeights.words()))
                    .append(", and 1 where none is named.\n\n");
        }
        lengths(text, config.loss().matches().lengths(), model.vectorSize());
        if (notes.preferences()) {
            boolean judged = config.loss().preferences().kind() == PreferenceLoss.Kind.KTO;
            text.append("It has learnt which ")
                    .append(judged ? "answers are good and which bad" : "of two answers is preferred")
                    .append(" (")
                    .append(config.loss().preferences().described())
                    .append(").\n\n");
        }
        if (notes.rewards() != null) {
            text.append("It has learnt by rewards that judged its own answers: ")
                    .append(code(Shown.text(notes.rewards(), MOST_OF_REWARDS)))
                    .append(" (")
                    .append(config.loss().rewards().described())
                    .append(").\n\n");
        }
        if (notes.start() != null) {
            HubName onHub = HubCache.nameOf(notes.start());
            text.append("It goes on from the adapter `")
                    .append(onHub != null ? onHub.repository() : notes.start())
                    .append("`.\n\n");
        }
        text.append("| setting | value |\n|---|---|\n");
        row(text, "steps", state.step() + " of " + plan.totalSteps());
        row(text, "batch", config.batchSize() + " × " + config.gradientAccumulationSteps());
        row(text, "learning rate", config.learningRate());
        row(text, "seed", config.seed());
        if (model.weights().loadIn() != LoadIn.FULL) {
            row(text, "base model kept in", model.weights().loadIn().word());
        }
        if (adapter != null) {
            row(text, "rank", adapter.config().rank());
            row(text, "alpha", adapter.config().alpha());
        }
        Map<String, Double> scores = state.evaluationAt(state.resultStep());
        if (!scores.isEmpty()) {
            text.append("\n| held-out score | value |\n|---|---|\n");
            scores.forEach((name, value) -> row(text, name, String.format(Locale.ROOT, "%.4f", value)));
        }
        return text.toString();
    }

    /** @param lengths to which vectors were cut in the loss */
    private static void lengths(StringBuilder text, List<Integer> lengths, long width) {
        if (lengths.isEmpty()) {
            return;
        }
        int least = Collections.min(lengths);
        text.append("Vectors are of use by their first numbers alone, and were learnt so at ")
                .append(lengths.size() == 1 ? "length " : "lengths ")
                .append(lengths.stream()
                        .sorted(Comparator.reverseOrder())
                        .map(String::valueOf)
                        .collect(Collectors.joining(", ")))
                .append(" (Matryoshka): `loft embed --dimensions ")
                .append(least)
                .append("`, or `SentenceTransformer(…, truncate_dim=")
                .append(least)
                .append(")`; they are compared by their cosine.")
                .append(
                        Collections.max(lengths) < width
                                ? " Whole, with " + width + " numbers, they were not learnt."
                                : "")
                .append("\n\n");
    }

    private static void row(StringBuilder text, String name, Object value) {
        text.append("| ").append(name).append(" | ").append(value).append(" |\n");
    }

    /** As it stands, whatever Markdown would make of its signs. */
    private static String code(String text) {
        String fence = "`";
        while (text.contains(fence)) {
            fence += "`";
        }
        return fence + text + fence;
    }

    private static String quote(String yaml) {
        return '"' + yaml.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
