package org.loft4j.adapter;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.InnerNames;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;

/**
 * The tensors of an adapter on a model with a vision tower: under the names of today, and without factors of the tower that are
 * untrained, which PEFT makes where {@code target_modules} means layers of that as well.
 *
 * @param stored the names in the file by those of today
 */
record InnerTensors(TensorSource file, Map<String, String> stored) implements TensorSource {
    private static final String OLDER = PeftFiles.PREFIX + InnerNames.MODULE + ".";

    /** The tensors of a file, which is the same again where nothing of it has to change. */
    static TensorSource of(TensorSource file) throws CheckpointException {
        boolean older = file.names().stream()
                .anyMatch(name -> name.startsWith(OLDER + "model.") || name.startsWith(OLDER + "lm_head."));
        boolean beside = file.names().stream().anyMatch(InnerTensors::isBeside);
        if (!older && !beside) {
            return file;
        }
        boolean trained = beside && isTrained(file);
        Map<String, String> stored = new TreeMap<>();
        for (String name : file.names()) {
            if (!isBeside(name) || trained) {
                stored.put(older ? today(name) : name, name);
            }
        }
        return new InnerTensors(file, stored);
    }

    /**
     * The same under the names of the model: of an adapter that was trained on the whole, where the language model alone was opened, and
     * of one by the names of a language model alone, where it lies in another, as those on Qwen2-VL and Qwen2.5-VL did before
     * Transformers 4.52.
     */
    static TensorSource fitted(TensorSource file, Model model) {
        boolean inside = isInside(model);
        if (inside == file.names().stream().anyMatch(InnerTensors::isInside)) {
            return file;
        }
        Map<String, String> stored = new TreeMap<>();
        file.names().forEach(name -> stored.put(renamed(name, path -> path(path, inside)), name));
        return new InnerTensors(file, stored);
    }

    /** The settings of such an adapter, with the layers that it adapts by their paths in the model; those of others as they are. */
    static LoraConfig fitted(LoraConfig config, TensorSource file, Model model) {
        boolean inside = isInside(model);
        if (inside == file.names().stream().anyMatch(InnerTensors::isInside)) {
            return config;
        }
        TargetModules targets = config.targetModules();
        TargetModules exclude = config.excludeModules();
        List<String> paths = model.linears().keySet().stream()
                .filter(path -> targets.matches(path(path, !inside))
                        && (exclude == null || !exclude.matches(path(path, !inside))))
                .toList();
        boolean all = targets instanceof TargetModules.AllLinear || paths.isEmpty();
        List<String> parameters = config.targetParameters().stream()
                .map(name -> path(name, inside))
                .toList();
        return new LoraConfig(
                config.rank(),
                config.alpha(),
                config.dropout(),
                all ? targets : TargetModules.names(paths),
                all ? exclude : null,
                config.useRslora(),
                config.useDora(),
                config.modulesToSave().stream().map(path -> path(path, inside)).toList(),
                fitted(config.rankPattern(), inside),
                fitted(config.alphaPattern(), inside),
                parameters);
    }

    private static <V> Map<String, V> fitted(Map<String, V> byPath, boolean inside) {
        Map<String, V> fitted = new LinkedHashMap<>();
        byPath.forEach((path, value) -> fitted.put(path(path, inside), value));
        return fitted;
    }

    /** A path as it is inside of another model, or in one of the language model alone. */
    private static String path(String path, boolean inside) {
        return inside ? InnerNames.inside(path) : InnerNames.alone(path);
    }

    private static String renamed(String name, UnaryOperator<String> path) {
        return name.startsWith(PeftFiles.PREFIX)
                ? PeftFiles.PREFIX + path.apply(name.substring(PeftFiles.PREFIX.length()))
                : name;
    }

    private static boolean isInside(Model model) {
        return model.linears().keySet().stream().anyMatch(InnerNames::isInside);
    }

    private static boolean isInside(String name) {
        return name.startsWith(PeftFiles.PREFIX) && InnerNames.isInside(name.substring(PeftFiles.PREFIX.length()));
    }

    /** Whether a tensor is of the vision tower, or of what leads from it to the language model. */
    static boolean isBeside(String name) {
        return InnerNames.isBeside(today(name).substring(Math.min(PeftFiles.PREFIX.length(), name.length())));
    }

    private static String today(String name) {
        return renamed(name, InnerNames::today);
    }

    /** Whether the tower's tensors change anything: a module saved in full, or a product that is not zero. */
    private static boolean isTrained(TensorSource file) throws CheckpointException {
        for (String name : file.names()) {
            if (!isBeside(name)) {
                continue;
            }
            if (!name.contains(".lora_")) {
                return true;
            }
            if (name.contains(".lora_B.")) {
                try (NativeScope scope = new NativeScope()) {
                    if (file.read(name).count_nonzero().item_long() > 0) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(stored.keySet());
    }

    @Override
    public TensorInfo info(String name) throws CheckpointException {
        return file.info(inFile(name));
    }

    @Override
    public Tensor read(String name) throws CheckpointException {
        return file.read(inFile(name));
    }

    @Override
    public Tensor read(String name, long start, long count) throws CheckpointException {
        return file.read(inFile(name), start, count);
    }

    private String inFile(String name) {
        @Nullable String inFile = stored.get(name);
        return inFile == null ? name : inFile;
    }

    @Override
    public void close() {
        file.close();
    }
}
