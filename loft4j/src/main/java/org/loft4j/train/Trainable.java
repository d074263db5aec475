package org.loft4j.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.data.ChatTemplate;
import org.loft4j.io.InnerNames;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.TrainedConfig;
import org.loft4j.nn.Model;
import org.loft4j.optim.LossScale;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.OptimizerGroups;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeHeap;
import org.loft4j.tensor.NativeScope;

/**
 * The part of a model that a run trains, with the optimizers that move it. The adapter of a second one on the model is attached in
 * place of the first's, which takes its turn once it is attached again. It needs the model for everything but {@link #close}.
 */
public final class Trainable implements AutoCloseable {
    static final String OPTIMIZER = "optimizer.safetensors";

    private final Model model;
    private final @Nullable LoraAdapter adapter;
    private final OptimizerGroups optimizer;
    private final long elements;
    private final LaneGradients gradients;
    private final NativeHeap.Training heap;
    /** Of a model that is trained in full, as it was at the start; null beside an adapter. */
    private final @Nullable TrainedConfig trainedConfig;

    private boolean closed;

    private Trainable(
            Model model,
            @Nullable LoraAdapter adapter,
            OptimizerGroups optimizer,
            long elements,
            NativeHeap.Training heap,
            @Nullable TrainedConfig trainedConfig) {
        this.heap = heap;
        this.trainedConfig = trainedConfig;
        this.model = model;
        this.adapter = adapter;
        this.optimizer = optimizer;
        this.elements = elements;
        this.gradients = new LaneGradients(model, leaves());
    }

    /** All that gets a gradient. */
    private List<Tensor> leaves() {
        List<Tensor> leaves = new ArrayList<>();
        if (adapter == null) {
            leaves.addAll(model.weights().asMap().values());
        } else {
            for (LoraLinear layer : adapter.layers().values()) {
                leaves.addAll(Arrays.asList(layer.loraA(), layer.loraB(), layer.magnitude(), layer.probeSink()));
            }
            leaves.addAll(adapter.savedModules().values());
        }
        return leaves.stream()
                .filter(leaf -> leaf != null && leaf.requires_grad())
                .toList();
    }

    /**
     * Prepares a model for a run.
     *
     * @param lora the adapter, for a method that uses one; not read otherwise. Method {@code dora} makes it one with {@code
     *     use_dora}
     * @throws ConfigException if the method needs an adapter's configuration and there is none, or if it cannot train the
     *     magnitudes that the configuration asks for
     * @throws IllegalStateException if the model has been closed
     */
    public static Trainable create(Model model, @Nullable LoraConfig lora, TrainConfig config) {
        return create(model, lora, config, null);
    }

    /** @param chat what wrote the conversations of a classifier's rows; null where they have none */
    static Trainable create(Model model, @Nullable LoraConfig lora, TrainConfig config, @Nullable ChatTemplate chat) {
        TrainableCheck.requireAdapter(lora, config.method());
        InTraining.requireOpen(model);
        NativeHeap.Training heap = NativeHeap.layApart();
        // what adapter and optimizers keep leaves this scope; whatever else they touch on the way does not
        try (NativeScope scope = new NativeScope()) {
            return lora != null && config.method().usesAdapter()
                    ? adapter(model, lora, config, heap)
                    : full(model, config, heap, chat);
        } catch (RuntimeException | Error e) {
            heap.close();
            throw e;
        }
    }

    /**
     * Prepares a model for a run that goes on from an adapter. Its optimizers are new.
     *
     * @throws CheckpointException if a file of the adapter is faulty, or it does not fit the model
     * @throws ConfigException if the method cannot train it, or the model was opened for other classes
     * @throws IllegalStateException if the model has been closed
     */
    public static Trainable from(StartingAdapter start, Model model, TrainConfig config) throws IOException {
        InTraining.requireOpen(model);
        NativeHeap.Training heap = NativeHeap.layApart();
        try (NativeScope scope = new NativeScope()) {
            return around(start.load(model, config.method()), model, config, heap);
        } catch (IOException | RuntimeException | Error e) {
            heap.close();
            throw e;
        }
    }

    private static Trainable adapter(Model model, LoraConfig lora, TrainConfig config, NativeHeap.Training heap) {
        LoraConfig shaped = shaped(model, lora, config.method());
        return around(LoraAdapter.create(model, shaped, config.seed()), model, config, heap);
    }

    private static Trainable around(LoraAdapter adapter, Model model, TrainConfig config, NativeHeap.Training heap) {
        List<OptimizerGroups.Group> groups = new ArrayList<>();
        try {
            groups.addAll(FactorOptimizers.groups(adapter, config));
            List<NamedParameter> pretrained = new ArrayList<>();
            List<NamedParameter> head = new ArrayList<>();
            adapter.savedModules()
                    .forEach((name, tensor) ->
                            (isHead(name, model) ? head : pretrained).add(new NamedParameter(name, tensor)));
            // the rate of some methods' factors is none that a whole matrix under AdamW would bear
            double gentler = Math.min(config.learningRate(), config.headLearningRate());
            WholeOptimizers.add(groups, "pretrained", pretrained, config, gentler);
            WholeOptimizers.add(groups, "head", head, config, config.headLearningRate());
        } catch (RuntimeException | Error e) {
            groups.forEach(group -> group.optimizer().close());
            adapter.close();
            throw e;
        }
        LossScale lossScale = model.description().dtype() == Dtype.F16 ? new LossScale() : null;
        return new Trainable(
                model, adapter, new OptimizerGroups(groups, lossScale), adapter.trainableElements(), heap, null);
    }

    /** The adapter as the method has it on the model. */
    static LoraConfig shaped(Model model, LoraConfig lora, Method method) {
        return savingNewModules(model, lora)
                .withDora(method == Method.DORA)
                .withRslora(lora.useRslora() || method == Method.RSLORA);
    }

    /** A module that the checkpoint lacked has random values: it has to be trained, and nobody could read it again. */
    private static LoraConfig savingNewModules(Model model, LoraConfig lora) {
        Set<String> modules = new LinkedHashSet<>(lora.modulesToSave());
        for (String name : model.weights().created()) {
            modules.add(name.substring(0, name.lastIndexOf('.')));
        }
        return lora.withModulesToSave(List.copyOf(modules));
    }

    /** Whether a parameter is one of what a classifier has on top of the pretrained model, or the model's files lacked it. */
    private static boolean isHead(String name, Model model) {
        boolean isOnTop = model.task().isClassification()
                && model.headModules().stream().anyMatch(module -> name.startsWith(module + "."));
        return isOnTop || model.weights().created().contains(name);
    }

    private static Trainable full(
            Model model, TrainConfig config, NativeHeap.Training heap, @Nullable ChatTemplate chat) {
        TrainableCheck.requireFull(model);
        List<NamedParameter> body = new ArrayList<>();
        List<NamedParameter> head = new ArrayList<>();
        model.weights().trainable().forEach((name, tensor) -> {
            tensor.set_requires_grad(true);
            (isHead(name, model) ? head : body).add(new NamedParameter(name, tensor));
        });
        TrainedConfig trainedConfig;
        try {
            trainedConfig = TrainedConfig.alone(
                    model, ClassifierPadding.id(model, model.description().directory(), chat));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<OptimizerGroups.Group> groups = new ArrayList<>();
        WholeOptimizers.add(groups, "model", body, config, config.learningRate());
        WholeOptimizers.add(groups, "head", head, config, config.headLearningRate());
        return new Trainable(
                model, null, new OptimizerGroups(groups), model.weights().elements(), heap, trainedConfig);
    }

    /** The adapter that is trained; null where the model itself is. */
    public @Nullable LoraAdapter adapter() {
        return adapter;
    }

    public OptimizerGroups optimizer() {
        return optimizer;
    }

    /** Peak learning rate of the factors, or of the whole model. */
    public double learningRate() {
        return optimizer.groups().get(0).learningRate();
    }

    /** Number of elements that are trained. */
    public long elements() {
        return elements;
    }

    /** Finds the gradients of batches. */
    LaneGradients gradients() {
        requireOpen();
        return gradients;
    }

    /** The heap that the steps take place in. */
    NativeHeap.Training heap() {
        return heap;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(
                    "what was trained has been closed, as closing its run does: use it before, or open its files anew");
        }
    }

    /** Prepares what is random in a step, as a function of the seed and the step alone. */
    void beginStep(long seed, long step) {
        if (adapter != null) {
            adapter.drawProbes(seed, step);
            adapter.renewNorms();
        }
    }

    /** Switches the dropout of model and adapter on or off. */
    public void setTraining(boolean training) {
        model.setTraining(training);
        if (adapter != null) {
            adapter.setTraining(training);
        }
    }

    /** Writes what was trained: PEFT's two files for an adapter, else all weights and config.json, of a language model without its vision tower. */
    public void save(Path directory) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            saveTensors(directory);
        }
    }

    private void saveTensors(Path directory) throws IOException {
        SafetensorsWriter.write(directory.resolve(weightsFile()), trained(), Map.of());
        saveConfig(directory);
    }

    private String weightsFile() {
        return adapter != null ? PeftFiles.WEIGHTS : ModelDirectory.SINGLE;
    }

    private Map<String, Tensor> trained() {
        if (adapter != null) {
            requireOpen();
            return PeftFiles.tensors(adapter, model);
        }
        Map<String, Tensor> alone = new LinkedHashMap<>();
        model.weights().asMap().forEach((name, tensor) -> alone.put(InnerNames.alone(name), tensor));
        return alone;
    }

    private void saveConfig(Path directory) throws IOException {
        if (adapter != null) {
            Path origin = model.description().directory();
            PeftFiles.saveConfig(directory, adapter, model, PeftMetadata.of(origin));
        } else if (trainedConfig != null) {
            trainedConfig.write(directory);
        }
    }

    /** Copies what {@link #save} and {@link #saveOptimizer} write, so that training can go on while it is written. */
    Snapshot snapshot() {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Map<String, Tensor>> files = new LinkedHashMap<>();
            files.put(weightsFile(), trained());
            files.put(OPTIMIZER, optimizer.state());
            return Snapshot.of(files, this::saveConfig);
        }
    }

    /** Bytes of the optimizers' state and, as far as there are any, of gradients. */
    long optimizerBytes() {
        try (NativeScope scope = new NativeScope()) {
            long bytes = 0;
            for (Tensor tensor : optimizer.state().values()) {
                bytes += tensor.nbytes();
            }
            return bytes;
        }
    }

    /** Writes the state of the optimizers. */
    void saveOptimizer(Path directory) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(directory.resolve(OPTIMIZER), optimizer.state(), Map.of());
        }
    }

    /** Takes up, bit for bit, what {@link #save} wrote. A step after it needs {@link #restoreOptimizer} first, which belongs to these weights. */
    void restore(Path directory) throws IOException {
        try {
            if (adapter != null) {
                requireOpen();
                SavedAdapter.restore(directory, model, adapter);
            } else {
                restoreModel(directory);
            }
        } finally {
            model.weights().markChanged();
        }
    }

    private void restoreModel(Path directory) throws IOException {
        try (ModelDirectory saved = ModelDirectory.open(directory)) {
            for (Map.Entry<String, Tensor> weight : model.weights().asMap().entrySet()) {
                try (NativeScope scope = new NativeScope()) {
                    SavedAdapter.copy(weight.getValue(), saved.read(InnerNames.alone(weight.getKey())));
                }
            }
        }
    }

    /** Takes up the state of the optimizers. */
    void restoreOptimizer(Path directory) throws IOException {
        try (NativeScope scope = new NativeScope();
                SafetensorsFile saved = SafetensorsFile.open(directory.resolve(OPTIMIZER))) {
            Map<String, Tensor> state = new LinkedHashMap<>();
            for (String name : saved.names()) {
                state.put(name, saved.read(name));
            }
            optimizer.loadState(state);
        }
    }

    /**
     * Frees the optimizers and the adapter, and gives what is free back to the system; the weights of a fully trained model stay,
     * without gradients. The model may have been closed before.
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try (heap;
                NativeScope scope = new NativeScope()) {
            gradients.close();
            if (!model.weights().areClosed()) {
                optimizer.zeroGrad();
            }
            optimizer.close();
            if (adapter != null) {
                adapter.close();
            } else {
                model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(false));
            }
        }
    }
}
