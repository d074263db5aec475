package org.loft4j.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.HubCache;
import org.loft4j.io.HubName;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;

/**
 * {@code loft_task.json}, which lies beside an adapter or a trained model and says what the training made of the model, so
 * that prediction needs no flags.
 *
 * @param task what the logits mean
 * @param labels names of the classes by index; empty for a language model. A task of texts with a single one is a regression, which
 *     the file says as {@code problem_type} too
 * @param pooling how the sequence becomes one vector; null where no sequence does
 * @param maxLength length in tokens to which rows were cut in training; of no meaning for images
 * @param baseModel directory or name of the model that was trained; null if unknown
 * @param chat how conversations were written; null where there were none, or nobody knows
 * @param pairs whether it is known that the texts were pairs
 * @param multiLabel whether a text or an image may have several of the labels, or none, which the file says as {@code problem_type}
 * @param rewards what has judged the answers; null where nothing has
 */
public record TaskFile(
        Task task,
        List<String> labels,
        @Nullable Pooling pooling,
        int maxLength,
        @Nullable String baseModel,
        @Nullable TrainedChat chat,
        boolean pairs,
        boolean multiLabel,
        @Nullable TrainedRewards rewards) {
    /** The file's name. */
    public static final String NAME = "loft_task.json";

    private static final String PAIRS = "text_pairs";
    private static final String REGRESSION = "regression";
    private static final String MULTI_LABEL = "multi_label_classification";

    public TaskFile {
        labels = List.copyOf(labels);
    }

    /** Of single texts, as far as anybody knows, each of which has one label. */
    public TaskFile(
            Task task,
            List<String> labels,
            @Nullable Pooling pooling,
            int maxLength,
            @Nullable String baseModel,
            @Nullable TrainedChat chat) {
        this(task, labels, pooling, maxLength, baseModel, chat, false, false, null);
    }

    /** The same of pairs of texts, or of single ones. */
    public TaskFile withPairs(boolean ofPairs) {
        return new TaskFile(task, labels, pooling, maxLength, baseModel, chat, ofPairs, multiLabel, rewards);
    }

    /** The same of answers that these rewards have judged; null for none. */
    public TaskFile withRewards(@Nullable TrainedRewards judging) {
        return new TaskFile(task, labels, pooling, maxLength, baseModel, chat, pairs, multiLabel, judging);
    }

    /**
     * What this model was made for.
     *
     * @param chat how conversations were written; null where there were none
     */
    public static TaskFile of(Model model, int maxLength, @Nullable TrainedChat chat) {
        ModelDescription description = model.description();
        Path directory = description.directory();
        HubName name = directory == null ? null : HubCache.nameOf(directory);
        return new TaskFile(
                model.task(),
                description.labels(),
                description.pooling(),
                maxLength,
                name != null ? name.toString() : directory == null ? null : directory.toString(),
                chat,
                false,
                model.isMultiLabel(),
                null);
    }

    /** How its model is opened, to be used or trained further as it was trained: for the task, with labels and pooling. */
    public ModelOptions options() {
        ModelOptions options = ModelOptions.of(task).withLabels(labels).withMultiLabel(multiLabel);
        return pooling == null ? options : options.withPooling(pooling);
    }

    public static boolean exists(Path directory) {
        return Files.isRegularFile(directory.resolve(NAME));
    }

    public static TaskFile read(Path directory) throws CheckpointException {
        JsonObject json = Json.read(directory.resolve(NAME));
        String problem = json.findString("problem_type");
        Task task = task(json);
        List<String> labels = json.strings("labels");
        TaskFile read = new TaskFile(
                task,
                labels,
                pooling(json),
                json.requireInt("max_length", 1),
                json.findString("base_model"),
                TrainedChat.read(json),
                json.booleanOr(PAIRS, false),
                MULTI_LABEL.equals(problem) && task.isOneLabelEach() && labels.size() > 1,
                TrainedRewards.read(json));
        if (problem != null && !(problem.equals(REGRESSION) && read.isRegression()) && !read.multiLabel()) {
            throw json.fault(
                    "problem_type",
                    "must be absent, or " + REGRESSION + " with one label for " + word(Task.SEQUENCE_CLASSIFICATION)
                            + ", or " + MULTI_LABEL + " with several, found " + problem);
        }
        return read;
    }

    /** Whether the training was one of numbers, and not of classes. */
    public boolean isRegression() {
        return task == Task.SEQUENCE_CLASSIFICATION && labels.size() == 1;
    }

    public void write(Path directory) throws IOException {
        Map<String, @Nullable Object> tree = new LinkedHashMap<>();
        tree.put("task", word(task));
        tree.put("labels", labels);
        if (isRegression()) {
            tree.put("problem_type", REGRESSION);
        } else if (multiLabel) {
            tree.put("problem_type", MULTI_LABEL);
        }
        if (pairs) {
            tree.put(PAIRS, true);
        }
        tree.put("pooling", pooling == null ? null : pooling.name().toLowerCase(Locale.ROOT));
        tree.put("max_length", maxLength);
        tree.put("base_model", baseModel);
        if (chat != null) {
            chat.put(tree);
        }
        if (rewards != null) {
            rewards.put(tree);
        }
        Json.write(directory.resolve(NAME), tree);
    }

    private static Task task(JsonObject json) throws CheckpointException {
        String found = json.requireString("task");
        for (Task task : Task.values()) {
            if (word(task).equals(found)) {
                return task;
            }
        }
        List<String> known = Arrays.stream(Task.values()).map(TaskFile::word).toList();
        throw json.fault("task", "must be one of " + String.join(", ", known) + ", found " + found);
    }

    private static @Nullable Pooling pooling(JsonObject json) throws CheckpointException {
        String found = json.findString("pooling");
        try {
            return found == null ? null : Pooling.parse("pooling", found);
        } catch (ConfigException e) {
            throw json.fault("pooling", "must be one of auto, pooler, cls, mean, last, found " + found);
        }
    }

    private static String word(Task task) {
        return task.name().toLowerCase(Locale.ROOT);
    }
}
