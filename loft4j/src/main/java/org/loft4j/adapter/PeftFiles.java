package org.loft4j.adapter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * Adapters as Hugging Face's PEFT stores them, which is what Transformers, vLLM and llama.cpp load: {@code
 * adapter_model.safetensors} with {@code base_model.model.<path>.lora_A.weight} {@code (r, in)} and {@code lora_B.weight}
 * {@code (out, r)}, for DoRA {@code lora_magnitude_vector} {@code (out)}, the modules saved in full under their own names, nothing else; and {@code adapter_config.json}.
 */
public final class PeftFiles {
    /** The file of the tensors. */
    public static final String WEIGHTS = "adapter_model.safetensors";

    /** The file of the settings. */
    public static final String CONFIG = ModelDirectory.ADAPTER_CONFIG;

    static final String PREFIX = "base_model.model.";

    private static final String MAGNITUDE = ".lora_magnitude_vector";

    static final String BASE_LAYER = ".base_layer.weight";

    private PeftFiles() {}

    /** Whether the directory looks like an adapter's. */
    public static boolean exists(Path directory) {
        return Files.isRegularFile(directory.resolve(CONFIG));
    }

    /**
     * Whether a tensor of a file is no part of its adapter but the frozen matrix of a layer that it adapts: PEFT stores that of
     * an embedding, or of the output embedding, along.
     *
     * @param names of all tensors of the file
     */
    public static boolean isBaseLayer(String name, Set<String> names) {
        if (!name.startsWith(PREFIX) || !name.endsWith(BASE_LAYER)) {
            return false;
        }
        String path = name.substring(0, name.length() - BASE_LAYER.length());
        return names.contains(path + ".lora_A.weight") || names.contains(path + ".lora_embedding_A");
    }

    /**
     * Writes both files, each atomically, the tensors first.
     *
     * @param model the model that the adapter is on
     * @throws IOException if a file cannot be written
     */
    public static void save(Path directory, LoraAdapter adapter, Model model, PeftMetadata metadata)
            throws IOException {
        SafetensorsWriter.write(directory.resolve(WEIGHTS), tensors(adapter, model), Map.of());
        saveConfig(directory, adapter, model, metadata);
    }

    /** Writes {@link #CONFIG} alone, atomically. */
    public static void saveConfig(Path directory, LoraAdapter adapter, Model model, PeftMetadata metadata)
            throws IOException {
        Json.write(directory.resolve(CONFIG), PeftConfigWriter.settings(adapter.config(), model, metadata));
    }

    /**
     * The tensors of an adapter under the names of the file; they belong to the adapter and the model, but those of experts whose
     * matrices lie in one parameter, which are put together on the host and belong to the open scope. A matrix that is input and
     * output embedding has the names of both, for PEFT looks for both.
     *
     * @param model the model that the adapter is on
     */
    public static Map<String, Tensor> tensors(LoraAdapter adapter, Model model) {
        Map<String, Factors> factors = new LinkedHashMap<>();
        adapter.layers()
                .forEach((path, layer) ->
                        factors.put(path, new Factors(layer.loraA(), layer.loraB(), layer.magnitude())));
        Map<String, Tensor> tensors = named(factors, model);
        String tied = ModuleSelection.savedTied(model, adapter.config());
        adapter.savedModules().forEach((name, tensor) -> {
            tensors.put(PREFIX + name, tensor);
            if (name.equals(tied)) {
                tensors.put(nameOfHead(model), tensor);
            }
        });
        return tensors;
    }

    /** The factors of layers, by their paths, under the names of the file. */
    private static Map<String, Tensor> named(Map<String, Factors> factors, Model model) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        StackedFactors.together(factors, model).forEach((path, pair) -> {
            tensors.put(nameA(path), pair.loraA());
            tensors.put(nameB(path), pair.loraB());
            if (pair.magnitude() != null) {
                tensors.put(nameMagnitude(path), pair.magnitude());
            }
        });
        return tensors;
    }

    /**
     * The gradients of {@link #tensors}, by the same names, zeros where the loss does not depend on them; they belong to
     * the open scope.
     */
    public static Map<String, Tensor> gradients(LoraAdapter adapter, Model model) {
        Map<String, Factors> gradients = new LinkedHashMap<>();
        adapter.layers().forEach((path, layer) -> {
            Tensor magnitude = layer.magnitude();
            gradients.put(
                    path,
                    new Factors(
                            gradient(layer.loraA()),
                            gradient(layer.loraB()),
                            magnitude == null ? null : gradient(magnitude)));
        });
        Map<String, Tensor> named = named(gradients, model);
        adapter.savedModules().forEach((name, tensor) -> named.put(PREFIX + name, gradient(tensor)));
        return named;
    }

    private static Tensor gradient(Tensor leaf) {
        Tensor gradient = leaf.grad();
        return gradient.defined() ? gradient : torch.zeros_like(leaf);
    }

    /**
     * Opens the file of the tensors, under the names that Transformers gives their modules today.
     *
     * @throws CheckpointException if it is missing or faulty
     */
    public static TensorSource open(Path directory) throws CheckpointException {
        if (!Files.exists(directory.resolve(WEIGHTS)) && Files.exists(directory.resolve("adapter_model.bin"))) {
            throw new CheckpointException(
                    directory,
                    "there is no " + WEIGHTS + "; adapter_model.bin cannot be read: load the adapter with PEFT, and"
                            + " save_pretrained with safe_serialization=True");
        }
        SafetensorsFile file = SafetensorsFile.open(directory.resolve(WEIGHTS));
        try {
            return InnerTensors.of(file);
        } catch (CheckpointException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** The directories within one that hold adapters: PEFT puts an adapter that has a name of its own into one called so. */
    private static List<Path> within(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(PeftFiles::exists).sorted().toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    /**
     * Reads the settings alone.
     *
     * @throws CheckpointException if the file is missing or faulty, or holds a setting that is not honoured
     */
    public static PeftConfig readConfig(Path directory) throws CheckpointException {
        if (!exists(directory) && ModelDirectory.exists(directory) && Files.exists(directory.resolve("config.json"))) {
            throw new CheckpointException(directory, "holds a whole model and no adapter: give it as --model");
        }
        requireNoneWithin(directory);
        return PeftConfigReader.read(directory.resolve(CONFIG));
    }

    /** Refuses a directory that is no adapter where adapters lie in directories of their own in it, of which it names one. */
    public static void requireNoneWithin(Path directory) throws CheckpointException {
        List<Path> within = exists(directory) ? List.of() : within(directory);
        if (!within.isEmpty()) {
            String more = within.size() == 1 ? " does" : " and " + (within.size() - 1) + " more do";
            throw new CheckpointException(
                    directory, "holds no " + CONFIG + ", but " + within.get(0) + more + ": name the one that is meant");
        }
    }

    /**
     * Reads an adapter and attaches it; the values of modules saved in full take their places in the model.
     *
     * @throws CheckpointException if a file is missing or faulty, holds a setting that is not honoured, or does not fit the
     *     model; the message lists the tensors
     */
    public static LoraAdapter load(Path directory, Model model) throws IOException {
        return load(directory, readConfig(directory), model);
    }

    /**
     * The same by settings that {@link #readConfig} gave, of which the dropout may be another by now.
     *
     * @throws CheckpointException likewise
     */
    public static LoraAdapter load(Path directory, PeftConfig config, Model model) throws IOException {
        Path configFile = directory.resolve(CONFIG);
        AdapterNames.requireTask(configFile, config, model);
        try (NativeScope scope = new NativeScope();
                TensorSource stored = open(directory)) {
            TensorSource file = InnerTensors.fitted(stored, model);
            PeftConfig settings = config.with(InnerTensors.fitted(config.lora(), stored, model));
            String hint = ofAnotherModel(config.metadata(), model);
            LoraConfig lora = SavedInFull.read(settings, model, file.names());
            ModuleSelection.requireWritable(model, lora);
            Map<String, Linear> selected = ModuleSelection.modules(model, lora, false);
            StackedFactors stacked = StackedFactors.of(model, TargetParameters.select(model, lora, false));
            List<String> saved = ModuleSelection.savedNames(model, lora);
            Set<String> expected = expected(selected.keySet(), saved, lora.useDora());
            expected.addAll(expected(stacked.modules(), List.of(), false));
            String tied = ModuleSelection.savedTied(model, lora);
            boolean both = tied != null && file.names().contains(nameOfHead(model));
            if (both) {
                expected.add(nameOfHead(model));
            }
            AdapterNames.require(file, expected, model, hint);
            // what is not listed PEFT reads over the one matrix that is both
            boolean asked = config.ensureWeightTying();
            if (tied != null && settings.lora().saves(tied) && !(asked && (both || isTiedByPeft(tied)))) {
                throw new CheckpointException(configFile, untied(tied, asked, nameOfHead(model)));
            }
            Map<Linear, Factors> factors = new LinkedHashMap<>();
            for (Linear layer : selected.values()) {
                FrozenMatrix.requireSame(file, hint, layer);
                long rank = lora.rankOf(layer.path());
                Tensor a = read(file, hint, nameA(layer.path()), rank, layer.inFeatures());
                Tensor b = read(file, hint, nameB(layer.path()), layer.outFeatures(), rank);
                Tensor magnitude =
                        lora.useDora() ? read(file, hint, nameMagnitude(layer.path()), layer.outFeatures()) : null;
                factors.put(layer, new Factors(a, b, magnitude));
            }
            factors.putAll(stacked.read(file, hint, lora));
            Map<String, Tensor> values = new LinkedHashMap<>();
            for (String name : saved) {
                long[] shape = Shapes.of(model.weights().get(name));
                Tensor value = read(file, hint, PREFIX + name, shape);
                if (both && name.equals(tied) && !Tensors.bitEqual(value, read(file, hint, nameOfHead(model), shape))) {
                    throw new CheckpointException(
                            file.path(),
                            "tensor " + nameOfHead(model) + " must be equal to " + PREFIX + name
                                    + ", which is the same matrix in this model");
                }
                values.put(name, value);
            }
            return LoraAdapter.of(model, lora, factors, values);
        } catch (ConfigException e) {
            throw new CheckpointException(configFile, String.valueOf(e.getMessage()), e);
        }
    }

    private static String nameOfHead(Model model) {
        return PREFIX + model.head().path() + ".weight";
    }

    /** PEFT ties an input embedding of this name alone, and not GPT-2's, whatever it is asked for. */
    private static boolean isTiedByPeft(String embedding) {
        return embedding.endsWith("embed_tokens.weight");
    }

    private static String untied(String tied, boolean asked, String head) {
        return "\"modules_to_save\" takes in " + tied + ", which is the output embedding as well, and "
                + (asked ? "there is no " + head + " in " + WEIGHTS : "\"ensure_weight_tying\" is not true")
                + ": PEFT then replaces the input embedding alone, which cannot be done here; merge the adapter with PEFT"
                + (asked ? "" : ", or set ensure_weight_tying to true if both were trained as one, as loft4j does");
    }

    private static Set<String> expected(Set<String> paths, List<String> saved, boolean dora) {
        Set<String> names = new TreeSet<>();
        for (String path : paths) {
            names.add(nameA(path));
            names.add(nameB(path));
            if (dora) {
                names.add(nameMagnitude(path));
            }
        }
        saved.forEach(name -> names.add(PREFIX + name));
        return names;
    }

    /** What may be the reason where an adapter does not fit: empty for the model that it names. */
    private static String ofAnotherModel(PeftMetadata adapted, Model model) {
        String trainedOn = adapted.baseModelNameOrPath();
        String opened = PeftMetadata.of(model.description().directory()).baseModelNameOrPath();
        if (trainedOn.equals(opened)) {
            return "";
        }
        return trainedOn.isEmpty()
                ? "; is it an adapter of another model?"
                : "; it is an adapter of " + Shown.text(trainedOn)
                        + (opened.isEmpty() ? "" : ", and the model that was opened is " + Shown.text(opened));
    }

    static Tensor read(TensorSource file, String hint, String name, long... shape) throws CheckpointException {
        var info = file.info(name);
        if (!info.dtype().isFloating()) {
            throw new CheckpointException(
                    file.path(), "tensor " + name + " must be of a floating dtype, found " + info.dtype());
        }
        if (!Arrays.equals(info.shape(), shape)) {
            throw new CheckpointException(
                    file.path(),
                    "tensor " + name + " must have shape " + Shapes.text(shape) + ", found " + Shapes.text(info.shape())
                            + hint);
        }
        return AdapterNames.finite(file, name);
    }

    static String nameA(String path) {
        return PREFIX + path + ".lora_A.weight";
    }

    static String nameB(String path) {
        return PREFIX + path + ".lora_B.weight";
    }

    private static String nameMagnitude(String path) {
        return PREFIX + path + MAGNITUDE;
    }

    /**
     * The name that a tensor has in the file. It is that of PEFT's parameter in memory, but for DoRA's magnitude, which is the
     * {@code weight} of a module there.
     *
     * @param parameter PEFT's name without the adapter's, such as {@code base_model.model.q_proj.lora_A.weight}
     */
    public static String nameInFile(String parameter) {
        String module = MAGNITUDE + ".weight";
        return parameter.endsWith(module) ? parameter.substring(0, parameter.length() - ".weight".length()) : parameter;
    }

    /** PEFT's word for a task; null for images, for which it has none. */
    static @Nullable String taskType(Task task) {
        return switch (task) {
            case CAUSAL_LM -> "CAUSAL_LM";
            case SEQ2SEQ_LM -> "SEQ_2_SEQ_LM";
            case SEQUENCE_CLASSIFICATION -> "SEQ_CLS";
            case TOKEN_CLASSIFICATION -> "TOKEN_CLS";
            case SENTENCE_EMBEDDING -> "FEATURE_EXTRACTION";
            case IMAGE_CLASSIFICATION -> null;
        };
    }
}
