package org.loft4j.infer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Tensors;

/** Makes vectors of texts, by which these are compared. */
public final class TextEmbedder {
    /** The least length that a vector is divided by, as PyTorch has it. */
    private static final double LEAST = 1e-12;

    private final Model model;
    private final boolean normalised;
    private final TextLogits vectors;

    /**
     * The model in evaluation mode and the tokenizer stay the caller's.
     *
     * @param maxLength longer texts are cut to so many tokens
     * @param batchSize texts that go through the model at once
     * @param normalised whether vectors are brought to length 1
     * @throws ConfigException if the model is not one of sentence embeddings
     */
    public TextEmbedder(Model model, Tokenizer tokenizer, int maxLength, int batchSize, boolean normalised) {
        if (model.task() != Task.SENTENCE_EMBEDDING) {
            throw new ConfigException("vectors of texts need a model that was opened for sentence embeddings, got task "
                    + model.task() + " of model_type " + model.description().family());
        }
        this.model = model;
        this.normalised = normalised;
        this.vectors = new TextLogits(model, tokenizer, maxLength, batchSize);
    }

    /** Whether the tokenizer makes at least one token of a text, without which nothing can be said of it. */
    public boolean hasTokens(String text) {
        return vectors.hasTokens(text);
    }

    /** How many texts have lost tokens to the greatest length so far. */
    public long textsCut() {
        return vectors.cut();
    }

    /** How many numbers a vector has. */
    public int dimension() {
        return Math.toIntExact(model.vectorSize());
    }

    /**
     * One vector of {@link #dimension} numbers a text, in the order of the texts. Texts of similar length go through the model
     * together. Blanks around a text are left out, as in sentence-transformers.
     *
     * @throws ConfigException at a text without tokens; the message has its index
     * @throws org.loft4j.NotFiniteException if the model's states are no numbers
     */
    public List<float[]> embed(List<String> texts) {
        return vectors.ofTexts(texts.stream().map(String::strip).toList(), this::rows);
    }

    private List<float[]> rows(Tensor some) {
        float[] flat = Tensors.toFloats(some);
        List<float[]> rows = new ArrayList<>();
        for (int start = 0; start < flat.length; start += dimension()) {
            float[] row = Arrays.copyOfRange(flat, start, start + dimension());
            FiniteLogits.require("states", length(row), model.description());
            rows.add(normalised ? normalised(row) : row);
        }
        return rows;
    }

    /**
     * The first numbers of a vector, brought to length 1: of a model that was trained so (matryoshka_dims) they are of use alone.
     *
     * @throws ConfigException if it has not so many
     */
    public static float[] shortened(float[] vector, int dimensions) {
        if (dimensions < 1 || dimensions > vector.length) {
            throw new ConfigException(
                    "dimensions must be from 1 to the " + vector.length + " numbers of the vector, got " + dimensions);
        }
        return normalised(Arrays.copyOf(vector, dimensions));
    }

    /** The vector of the same direction and length 1; one of length 0 stays as it is. */
    public static float[] normalised(float[] vector) {
        double length = Math.max(length(vector), LEAST);
        float[] unit = new float[vector.length];
        for (int i = 0; i < unit.length; i++) {
            unit[i] = (float) (vector[i] / length);
        }
        return unit;
    }

    /**
     * The cosine of the angle between two vectors, from −1 to 1; 0 where one has length 0.
     *
     * @throws ConfigException if they have not as many numbers
     */
    public static double cosine(float[] a, float[] b) {
        if (a.length != b.length) {
            throw new ConfigException(
                    "vectors must be of one model to be compared, got " + a.length + " and " + b.length + " numbers");
        }
        double product = 0;
        for (int i = 0; i < a.length; i++) {
            product += (double) a[i] * b[i];
        }
        return product / (Math.max(length(a), LEAST) * Math.max(length(b), LEAST));
    }

    private static double length(float[] vector) {
        double sum = 0;
        for (float value : vector) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
    }
}
