package org.loft4j.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.Shown;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Model;

/** Whether the file of an adapter has the tensors that its settings and the model ask for, no others, and numbers in them. */
final class AdapterNames {
    /** A layer of BERT's base class and of others like it, from which no sentence embedding is made. */
    static final String POOLER = "pooler.dense";

    /** The same of ALBERT's, whose pooler is one layer. */
    private static final String BASE_POOLER = PeftFiles.PREFIX + "pooler.";

    private static final int SHOWN = 4;

    private AdapterNames() {}

    /** Refuses an adapter whose settings name another task than the model's: its modules have other names, or it has another head. */
    static void requireTask(Path configFile, PeftConfig config, Model model) throws CheckpointException {
        if (config.task() != null && config.task() != model.task()) {
            throw new CheckpointException(
                    configFile,
                    "the adapter's task_type is " + PeftFiles.taskType(config.task()) + ", but the model is one for "
                            + PeftFiles.taskType(model.task())
                            + (model.hasHead()
                                    ? ""
                                    : ": merge it into its model for the task that it has, and open what comes of that"));
        }
    }

    /** Reads a tensor, and refuses one of which a value is no number, or infinite. */
    static Tensor finite(TensorSource file, String name) throws CheckpointException {
        Tensor value = file.read(name);
        if (!value.isfinite().all().item_bool()) {
            throw new CheckpointException(
                    file.path(),
                    "tensor " + name
                            + " has values that are no numbers, or infinite: the training that made it has run away;"
                            + " take an earlier checkpoint, or train anew at a lower learning rate");
        }
        return value;
    }

    /**
     * Refuses a file that lacks a tensor, or has one too many.
     *
     * @param expected the names
     * @param hint what may be the reason
     */
    static void require(TensorSource file, Set<String> expected, Model model, String hint) throws CheckpointException {
        List<String> missing =
                expected.stream().filter(name -> !file.names().contains(name)).toList();
        List<String> extra = file.names().stream()
                .filter(name -> !expected.contains(name)
                        && !PeftFiles.isBaseLayer(name, file.names())
                        && (model.hasHead() || !name.startsWith(BASE_POOLER)))
                .toList();
        List<String> faults = new ArrayList<>();
        if (!missing.isEmpty()) {
            faults.add("tensors are missing that its settings and the model ask for: " + list(missing));
        }
        if (!extra.isEmpty()) {
            faults.add("tensors have no place by its settings and the model: " + list(extra));
        }
        if (!faults.isEmpty()) {
            throw new CheckpointException(file.path(), String.join("; ", faults) + known(extra, model) + hint);
        }
    }

    /** What PEFT writes and nothing here has a place for; empty where it is something else. */
    private static String known(List<String> extra, Model model) {
        if (extra.stream().anyMatch(name -> name.contains(".lora_embedding_"))) {
            return ". Low-rank factors of an embedding cannot be read here: merge the adapter with PEFT";
        }
        if (extra.stream().anyMatch(InnerTensors::isBeside)) {
            return ". The adapter has changed the vision tower too, which is not read here: merge the adapter with PEFT";
        }
        if (!model.hasHead()) {
            return "";
        }
        String head = model.head().path() + ".weight";
        boolean own = model.weights().find(head) != null
                || model.weights().quantized().containsKey(head);
        if (extra.contains(PeftFiles.PREFIX + head) && !own) {
            return ". The output embedding of this model is its input embedding, and the adapter brings another for the"
                    + " output alone, which the model has no place for: train it anew without "
                    + model.head().path()
                    + " in modules_to_save,"
                    + " or with the input embedding in its place, which is then both";
        }
        return "";
    }

    private static String list(List<String> names) {
        String more = names.size() > SHOWN ? " and " + (names.size() - SHOWN) + " more" : "";
        return names.stream().limit(SHOWN).map(Shown::text).collect(Collectors.joining(", ")) + more;
    }
}
