package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.ModelOptions;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Sorts texts into the classes that a model was trained for. One thread uses it at a time. */
public final class Classifier implements AutoCloseable {
    private static final int BATCH = 32;
    private static final int DEFAULT_LENGTH = 512;

    private final Model model;
    private final @Nullable LoraAdapter adapter;
    private final Tokenizer tokenizer;
    private final int maxLength;

    private Classifier(Model model, @Nullable LoraAdapter adapter, Tokenizer tokenizer, int maxLength) {
        this.model = model;
        this.adapter = adapter;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
    }

    /**
     * What the model says of one text.
     *
     * @param label name of the likeliest class
     * @param probability of that class
     * @param probabilities of all classes, in the order of {@link Classifier#labels}
     */
    public record Prediction(String label, double probability, List<Double> probabilities) {
        public Prediction {
            probabilities = List.copyOf(probabilities);
        }
    }

    /**
     * Opens a trained classifier; labels, pooling and length are those of its training ({@code loft_task.json}), else those of
     * the model's config.json.
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if the adapter or model was not trained to classify
     * @throws CheckpointException if a file cannot be used
     */
    public static Classifier open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        Path trained = adapterDirectory == null ? modelDirectory : adapterDirectory;
        TaskFile task = TaskFile.exists(trained) ? TaskFile.read(trained) : null;
        if (task != null && task.task() != Task.SEQUENCE_CLASSIFICATION) {
            throw new ConfigException(trained + " was trained as a language model, not to classify: let it generate");
        }
        ModelOptions options =
                ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withDevice(device).withDtype(dtype);
        if (task != null) {
            options = options.withLabels(task.labels());
            options = task.pooling() == null ? options : options.withPooling(task.pooling());
        }
        Tokenizer tokenizer = Tokenizer.open(modelDirectory);
        Model model = null;
        try {
            model = Models.open(modelDirectory, options);
            LoraAdapter adapter = adapterDirectory == null ? null : PeftFiles.load(adapterDirectory, model);
            int longest = (int) Math.min(DEFAULT_LENGTH, model.description().maxPositions());
            return new Classifier(model, adapter, tokenizer, task == null ? longest : task.maxLength());
        } catch (IOException | RuntimeException e) {
            tokenizer.close();
            if (model != null) {
                model.close();
            }
            throw e;
        }
    }

    /** The names of the classes by index. */
    public List<String> labels() {
        return model.description().labels();
    }

    /** Classifies one text. */
    public Prediction classify(String text) {
        return classify(List.of(text)).get(0);
    }

    /** Classifies texts, and keeps their order. Texts are cut to the length of the training. */
    public List<Prediction> classify(List<String> texts) {
        List<long[]> ids = texts.stream()
                .map(text -> tokenizer.encodeTruncated(text, maxLength))
                .toList();
        // texts of similar length share a batch, for less padding
        List<Integer> order = IntStream.range(0, ids.size())
                .boxed()
                .sorted(Comparator.comparingInt(i -> ids.get(i).length))
                .toList();
        Prediction[] predictions = new Prediction[ids.size()];
        for (int start = 0; start < order.size(); start += BATCH) {
            List<Integer> batch = order.subList(start, Math.min(order.size(), start + BATCH));
            double[] probabilities = probabilities(batch.stream().map(ids::get).toList());
            int classes = probabilities.length / batch.size();
            for (int row = 0; row < batch.size(); row++) {
                predictions[batch.get(row)] =
                        prediction(Arrays.copyOfRange(probabilities, row * classes, (row + 1) * classes));
            }
        }
        return List.of(predictions);
    }

    private Prediction prediction(double[] probabilities) {
        int best = 0;
        List<Double> all = new ArrayList<>();
        for (int k = 0; k < probabilities.length; k++) {
            all.add(probabilities[k]);
            best = probabilities[k] > probabilities[best] ? k : best;
        }
        return new Prediction(labels().get(best), probabilities[best], all);
    }

    /** The softmax of the logits in float64, {@code (rows, classes)}. */
    private double[] probabilities(List<long[]> ids) {
        int columns = ids.stream().mapToInt(row -> row.length).max().orElseThrow();
        long[] cells = new long[ids.size() * columns];
        long[] mask = new long[cells.length];
        Arrays.fill(cells, tokenizer.padId());
        for (int row = 0; row < ids.size(); row++) {
            int length = ids.get(row).length;
            System.arraycopy(ids.get(row), 0, cells, row * columns, length);
            Arrays.fill(mask, row * columns, row * columns + length, 1);
        }
        try (NativeScope scope = new NativeScope();
                NoGradGuard frozen = new NoGradGuard()) {
            DeviceSpec device = model.description().device();
            Tensor input = Tensors.of(cells, ids.size(), columns).to(device.torch(), Dtype.I64.scalarType());
            Tensor padding = Tensors.of(mask, ids.size(), columns).to(device.torch(), Dtype.I64.scalarType());
            Tensor logits = model.logits(new ModelInput(input, padding)).to(Dtype.F64.scalarType());
            return Tensors.toDoubles(torch.softmax(logits, 1));
        }
    }

    @Override
    public void close() {
        if (adapter != null) {
            adapter.close();
        }
        model.close();
        tokenizer.close();
    }
}
