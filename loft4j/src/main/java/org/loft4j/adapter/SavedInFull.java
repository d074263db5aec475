package org.loft4j.adapter;

import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.io.InnerNames;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;

/**
 * The modules that are saved in full, as PEFT finds them: it takes every module whose path ends in one of the names, be that
 * within a word, so that {@code norm} means {@code input_layernorm} too. Here a name is one or more whole words of a path.
 */
public final class SavedInFull {
    private static final Set<String> EMBEDDINGS =
            Set.of("embed_tokens", "embed_in", "lm_head", "embed_out", "word_embeddings", "wte");

    private SavedInFull() {}

    /**
     * What an adapter brings in full, which a model in fewer bits has to have so ({@link ModelOptions#withInFull}): the modules that
     * its settings list, by their names there, and by their paths those that its file has beside.
     *
     * @throws CheckpointException if one of its files is missing or faulty
     */
    public static List<String> of(Path directory) throws CheckpointException {
        List<String> listed = PeftFiles.readConfig(directory).lora().modulesToSave();
        try (TensorSource file = PeftFiles.open(directory)) {
            Stream<String> found = file.names().stream()
                    .filter(name -> name.startsWith(PeftFiles.PREFIX)
                            && name.lastIndexOf('.') > PeftFiles.PREFIX.length()
                            && !name.contains(".lora_")
                            && !PeftFiles.isBaseLayer(name, file.names()))
                    .map(name -> name.substring(PeftFiles.PREFIX.length(), name.lastIndexOf('.')))
                    // in the language model alone, and in one that it lies in
                    .flatMap(path -> Stream.of(path, InnerNames.inside(path), InnerNames.alone(path)));
            return Stream.concat(listed.stream(), found).distinct().toList();
        }
    }

    /**
     * Reads a tensor of a module saved in full as the file has it; it belongs to the open scope.
     *
     * @param name of the tensor in the model
     */
    public static Tensor tensor(Path directory, String name) throws CheckpointException {
        try (TensorSource file = PeftFiles.open(directory)) {
            // an adapter may have been trained on the model that the language model lies in, or on that alone
            String found = Stream.of(InnerNames.inside(name), InnerNames.alone(name))
                    .filter(other -> file.names().contains(PeftFiles.PREFIX + other))
                    .findFirst()
                    .orElse(name);
            return file.read(PeftFiles.PREFIX + found);
        }
    }

    /**
     * The names as a file should have them: whole paths where PEFT would take other modules for a name, or one that lies within
     * another that is saved, which it does not load. Such a one is not named.
     */
    static List<String> written(Model model, LoraConfig config) {
        Set<String> modules = modules(model);
        List<String> listed = config.modulesToSave();
        List<String> saved = modules.stream()
                .filter(module -> listed.stream().anyMatch(name -> ("." + module).endsWith("." + name)))
                .toList();
        List<String> whole = saved.stream()
                .filter(module -> saved.stream().noneMatch(outer -> module.startsWith(outer + ".")))
                .toList();
        return listed.stream()
                .flatMap(name -> modules.stream().allMatch(module -> !module.endsWith(name) || whole.contains(module))
                        ? Stream.of(name)
                        : whole.stream().filter(module -> ("." + module).endsWith("." + name)))
                .distinct()
                .toList();
    }

    /**
     * The configuration of a file with what PEFT has saved in full beside what is listed: the head of a classifier, modules
     * whose path ends in a listed name in the middle of a word, and embeddings.
     *
     * @param names of the tensors of the file
     */
    static LoraConfig read(PeftConfig config, Model model, Set<String> names) {
        LoraConfig lora = config.lora();
        List<String> listed = lora.modulesToSave();
        boolean classifies = config.task() != null && config.task().isClassification();
        List<String> head = classifies ? model.headModules() : List.of();
        List<String> further = modules(model).stream()
                .filter(module -> listed.stream().anyMatch(name -> isMore(module, name, config.lora())))
                .toList();
        for (String module : Stream.of(head, further, embeddings(model, names))
                .flatMap(List::stream)
                .toList()) {
            if (bringsWhole(names, module, lora)) {
                lora = lora.alsoSaving(module);
            }
        }
        return lora;
    }

    /** Whether a file has more of a module than what is listed; a module of which a part is adapted has factors there. */
    private static boolean bringsWhole(Set<String> names, String module, LoraConfig lora) {
        List<String> within = names.stream()
                .filter(name -> name.startsWith(PeftFiles.PREFIX + module + "."))
                .map(name -> name.substring(PeftFiles.PREFIX.length()))
                .toList();
        return within.stream().noneMatch(name -> name.contains(".lora_"))
                && within.stream().anyMatch(name -> !lora.saves(name));
    }

    /**
     * The modules that PEFT saves along unlisted where they were enlarged, or where it is asked to, and reads over the model's: its
     * embeddings, by the names that PEFT knows.
     */
    private static List<String> embeddings(Model model, Set<String> names) {
        return modules(model).stream()
                .filter(module -> EMBEDDINGS.contains(module.substring(module.lastIndexOf('.') + 1))
                        && names.contains(PeftFiles.PREFIX + module + ".weight"))
                .toList();
    }

    /** Whether PEFT saves a module for a name, and nothing here does. */
    private static boolean isMore(String module, String name, LoraConfig config) {
        return module.endsWith(name) && !config.saves(module);
    }

    /** The paths of all modules that have parameters, or hold modules that have. */
    private static Set<String> modules(Model model) {
        Set<String> modules = new LinkedHashSet<>();
        Stream.concat(model.weights().asMap().keySet().stream(), model.weights().quantized().keySet().stream())
                .forEach(name -> {
                    for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
                        modules.add(name.substring(0, dot));
                    }
                });
        return modules;
    }
}
