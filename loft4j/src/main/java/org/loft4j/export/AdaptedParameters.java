package org.loft4j.export;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.ExpertStacks;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorSource;
import org.loft4j.tensor.Shapes;

/** Compares the factors of experts that lie in one tensor with the settings that name these, and with the base's tensors. */
final class AdaptedParameters {
    /** In the order of the module: PEFT wraps it for the first, and that wrapper for the second. */
    private static final List<String> PARAMETERS = List.of("gate_up_proj", "down_proj");

    private static final String WRAPPED = ".base_layer";

    private final TensorSource model;
    private final List<String> named;
    private final @Nullable LoraConfig lora;
    private final Notes notes;

    /**
     * @param model the base's files, whose experts may have matrices of their own
     * @param named target_parameters
     * @param lora the adapter's settings; null where they are not read here
     * @param notes gets what is found
     */
    AdaptedParameters(ModelDirectory model, List<String> named, @Nullable LoraConfig lora, Notes notes) {
        this.model = ExpertStacks.of(model);
        this.named = named;
        this.lora = lora;
        this.notes = notes;
    }

    /** The module that factors belong to, by their path in the file. */
    static String moduleOf(String path) {
        return path.replaceAll("(\\.base_layer)+$", "");
    }

    /**
     * Whether the factors of a module are as they are expected, or not known here; what is wrong with them is told.
     *
     * @param pairs all factors, by their paths
     */
    boolean fit(String module, Map<String, Map<String, TensorInfo>> pairs) throws CheckpointException {
        List<String> adapted = new ArrayList<>();
        for (String parameter : PARAMETERS) {
            String path = module + "." + parameter;
            String stored = stored(path);
            if (stored == null) {
                return true;
            }
            if (isNamed(path)) {
                adapted.add(parameter);
            }
        }
        Set<String> left = new TreeSet<>(pairs.keySet());
        left.removeIf(path -> !moduleOf(path).equals(module));
        boolean fit = true;
        String wrapper = module;
        for (int i = adapted.size() - 1; i >= 0; i--) {
            String path = module + "." + adapted.get(i);
            Map<String, TensorInfo> pair = pairs.get(wrapper);
            if (pair == null) {
                tell("there are no factors of " + path + ", which target_parameters mean: PEFT starts them anew with a"
                        + " warning");
                fit = false;
            } else {
                fit &= areOf(path, wrapper, pair);
            }
            left.remove(wrapper);
            wrapper += WRAPPED;
        }
        if (!left.isEmpty()) {
            tell("the factors of " + left.iterator().next() + " are of more parameters of " + module
                    + " than target_parameters " + named + " mean: PEFT leaves them out");
        }
        return fit && left.isEmpty();
    }

    private void tell(String what) {
        notes.add(
                Severity.CHANGE,
                Consumer.PEFT,
                what,
                "name in target_parameters what was trained, all of it and nothing else");
    }

    private boolean areOf(String path, String wrapper, Map<String, TensorInfo> pair) throws CheckpointException {
        TensorInfo a = pair.get("A");
        TensorInfo b = pair.get("B");
        String stored = stored(path);
        if (a == null || b == null || stored == null || a.shape().length != 2 || b.shape().length != 2) {
            // told of all factors alike
            return true;
        }
        long[] all = model.info(stored).shape();
        int rank = rankOf(path);
        boolean each = rank == 0 ? a.shape()[0] % all[0] == 0 : a.shape()[0] == all[0] * rank;
        // in and out as PEFT has them, or as it had them before 0.19
        long in = a.shape()[1];
        long out = b.shape()[0];
        if (each && ((in == all[1] && out == all[2]) || (in == all[2] && out == all[1]))) {
            return true;
        }
        notes.all(
                Severity.REFUSED,
                "the factors of " + wrapper + ", " + Shapes.text(a.shape()) + " and " + Shapes.text(b.shape())
                        + ", are none of " + stored + ", " + Shapes.text(all)
                        + (rank == 0 ? "" : ", at rank " + rank),
                "set r and target_parameters to those of the training; or it belongs to another base model");
        return false;
    }

    /** As the settings say; 0 where that is not known here. */
    private int rankOf(String path) {
        try {
            return lora == null ? 0 : lora.rankOf(path);
        } catch (ConfigException e) {
            return 0;
        }
    }

    private boolean isNamed(String path) {
        String whole = AdapterOnBase.canonical(path);
        return named.stream()
                .map(AdapterOnBase::canonical)
                .anyMatch(name -> whole.equals(name) || whole.endsWith("." + name));
    }

    /** The base's tensor of all experts; null if there is none of this name. */
    private @Nullable String stored(String path) throws CheckpointException {
        String wanted = AdapterOnBase.canonical(path);
        for (String name : model.names()) {
            if (AdapterOnBase.canonical(name).equals(wanted) && model.info(name).shape().length == 3) {
                return name;
            }
        }
        return null;
    }
}
