package org.loft4j.infer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.WordTokens;
import org.loft4j.nn.Inference;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Says of the words of a text which class each belongs to. Any number of threads may use it: they take turns as those of a
 * {@link Classifier} do.
 *
 * <pre>
 * try (TokenClassifier classifier = TokenClassifier.open(Path.of("run"))) {
 *     List&lt;Word> words = classifier.classify("Ada Lovelace lived in London .");
 * }
 * </pre>
 */
public final class TokenClassifier implements AutoCloseable {
    private final Model model;
    private final Tokenizer tokenizer;
    private final int maxLength;
    private final @Nullable OpenModel opened;
    private final InTurn turns = new InTurn("classifier");

    /**
     * The model in evaluation mode and the tokenizer stay the caller's.
     *
     * @param maxLength longer texts are cut to so many tokens
     * @throws ConfigException if the model does not classify tokens
     */
    public TokenClassifier(Model model, Tokenizer tokenizer, int maxLength) {
        this(model, tokenizer, maxLength, null);
    }

    private TokenClassifier(Model model, Tokenizer tokenizer, int maxLength, @Nullable OpenModel opened) {
        if (model.task() != Task.TOKEN_CLASSIFICATION) {
            throw new ConfigException("the model does not classify words: its task is " + model.task());
        }
        Checks.atLeast("max_length", maxLength, 1);
        this.model = model;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        this.opened = opened;
    }

    /**
     * Opens what a training left, on the processor: the directory of an adapter that names its model, or of a model.
     *
     * @throws ConfigException if it was not trained to classify words
     * @throws CheckpointException if a file cannot be used, or the model of the adapter is not on this machine
     */
    public static TokenClassifier open(Path trained) throws IOException {
        return open(OpenModel.Place.of(trained), DeviceSpec.CPU, null);
    }

    /**
     * Opens a trained classifier, with the labels and the length that {@link Classifier#open(Path, Path, DeviceSpec, Dtype)} would
     * take.
     *
     * @param modelDirectory the base model, or a model that was trained in full
     * @param adapterDirectory the adapter on it; null for none
     * @param dtype of the parameters; null for the dtype of the file
     * @throws ConfigException if the adapter or model was not trained to classify words
     * @throws CheckpointException if a file cannot be used
     */
    public static TokenClassifier open(
            Path modelDirectory, @Nullable Path adapterDirectory, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return open(new OpenModel.Place(modelDirectory, adapterDirectory), device, dtype);
    }

    private static TokenClassifier open(OpenModel.Place place, DeviceSpec device, @Nullable Dtype dtype)
            throws IOException {
        return OpenModel.open(place, Task.TOKEN_CLASSIFICATION, device, dtype)
                .into(opened -> new TokenClassifier(opened.model(), opened.tokenizer(), opened.maxLength(), opened));
    }

    /** The names of the classes by index. */
    public List<String> labels() {
        return model.description().labels();
    }

    /**
     * What the model holds of one word.
     *
     * @param word as it was given
     * @param label the likeliest class of its first token
     * @param probability of that class
     */
    public record Word(String word, String label, double probability) {}

    /** The words of a text: what stands between blanks. */
    public static List<String> words(String text) {
        return Arrays.stream(text.strip().split("\\s+"))
                .filter(word -> !word.isEmpty())
                .toList();
    }

    /**
     * The {@linkplain #words words} of a text, each with its class; those beyond the longest text, and those of which the tokenizer
     * makes nothing, are left out.
     *
     * @throws IllegalStateException if it was closed
     * @throws org.loft4j.NotFiniteException if the model's logits are no numbers
     */
    public List<Word> classify(String text) {
        return classify(words(text));
    }

    /** The same for a text that is cut into words already. */
    public List<Word> classify(List<String> words) {
        return turns.ask(words, this::judge);
    }

    private List<Word> judge(List<String> words) {
        if (words.isEmpty()) {
            return List.of();
        }
        WordTokens tokens = WordTokens.of(words, tokenizer, maxLength);
        long[] ids = Arrays.stream(tokens.ids()).asLongStream().toArray();
        List<String> labels = model.description().labels();
        double[] probabilities = probabilities(ids);
        int[] firsts = tokens.firsts();
        List<Word> judged = new ArrayList<>();
        for (int word = 0; word < firsts.length; word++) {
            if (firsts[word] >= 0) {
                int best = 0;
                int from = firsts[word] * labels.size();
                for (int i = 1; i < labels.size(); i++) {
                    best = probabilities[from + i] > probabilities[from + best] ? i : best;
                }
                FiniteLogits.require(probabilities[from + best], model.description());
                judged.add(new Word(words.get(word), labels.get(best), probabilities[from + best]));
            }
        }
        return judged;
    }

    private double[] probabilities(long[] ids) {
        try (NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            Tensor input = Tensors.of(ids, 1, ids.length)
                    .to(model.description().device().torch(), Dtype.I64.scalarType());
            Tensor logits = Inference.ofTokens(model, ids.length, () -> model.logits(new TokenInput(input, null)));
            return Tensors.toDoubles(logits.softmax(-1, new ScalarTypeOptional(Dtype.F64.scalarType())));
        }
    }

    /** Waits for the answer in progress, refuses those that wait for their turn, and frees what {@link #open(Path)} opened. */
    @Override
    public void close() {
        turns.close(opened == null ? () -> {} : opened::close);
    }
}
