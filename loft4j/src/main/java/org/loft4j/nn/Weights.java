package org.loft4j.nn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * Named parameters with one owner: this map keeps each tensor it is given, and frees them all on close. Those of a model without a
 * head have the names of Transformers' base class ({@code encoder.layer.0…}), by which PEFT knows them, and are found by the names
 * that they have within a model with a head ({@code bert.encoder.layer.0…}) as well.
 */
public final class Weights implements AutoCloseable {
    private final String within;
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private final Map<String, QuantizedWeight> quantized = new LinkedHashMap<>();
    private final Set<String> created = new LinkedHashSet<>();
    private final Set<String> fixed = new LinkedHashSet<>();
    private OptionalLong otherClasses = OptionalLong.empty();
    private boolean fromScratch;
    private final Map<String, String> spellings = new LinkedHashMap<>();
    private boolean closed;
    private volatile Object edition = new Object();
    private long changes;

    public Weights() {
        this("");
    }

    /** @param within prefix that the names leave out, such as {@code bert.}; empty for none */
    public Weights(String within) {
        this.within = within;
    }

    private String bare(String name) {
        return name.startsWith(within) ? name.substring(within.length()) : name;
    }

    /** Keeps the tensor under the name; a tensor that had the name is freed. */
    public Tensor put(String name, Tensor tensor) {
        Tensor replaced = tensors.put(bare(name), NativeScope.keep(tensor));
        if (replaced != null) {
            replaced.close();
        }
        return tensor;
    }

    /** Owns the matrix of that name, of a linear layer or of embeddings, in fewer bits. */
    public void put(String name, QuantizedWeight matrix) {
        QuantizedWeight replaced = quantized.put(bare(name), matrix);
        if (replaced != null) {
            replaced.close();
        }
    }

    /** A tensor by its name; a quantised matrix is none. */
    public Tensor get(String name) {
        Tensor tensor = find(name);
        if (tensor == null) {
            throw new IllegalArgumentException("no parameter is named " + name);
        }
        return tensor;
    }

    public @Nullable Tensor find(String name) {
        return tensors.get(bare(name));
    }

    /** A matrix by its name, however it is stored: that of embeddings, or of a layer that shares theirs. */
    public WeightMatrix matrix(String name) {
        QuantizedWeight few = quantized.get(bare(name));
        return few == null ? new DenseWeight(Shapes.require(name, get(name), -1, -1)) : few;
    }

    /**
     * The matrices of that name, so many in one tensor.
     *
     * @param transposed whether those in full are stored {@code (count, in, out)}
     */
    public MatrixStack stack(String name, int count, boolean transposed) {
        QuantizedWeight few = quantized.get(bare(name));
        return few == null
                ? new MatrixStack.Dense(Shapes.require(name, get(name), count, -1, -1), transposed)
                : new MatrixStack.Packed(count, few);
    }

    /** The linear layer at a path: its matrix {@code (out, in)} is {@code path.weight}, its bias {@code path.bias} where there is one. */
    public Linear linear(String path) {
        return new Linear(bare(path), matrix(path + ".weight"), find(path + ".bias"));
    }

    /** The linear layer at a path whose matrix is stored {@code (in, out)}; see {@link Linear#transposed}. */
    public Linear transposedLinear(String path) {
        Tensor bias = find(path + ".bias");
        QuantizedWeight few = quantized.get(bare(path + ".weight"));
        return few == null
                ? Linear.transposed(bare(path), get(path + ".weight"), bias)
                : new Linear(bare(path), few, bias);
    }

    /**
     * The tensors in the order in which they were put; each is owned by this object. Quantised matrices are not among them:
     * nothing can train, merge or write those.
     */
    public Map<String, Tensor> asMap() {
        return Collections.unmodifiableMap(tensors);
    }

    /** The quantised matrices by name; empty for a model in full precision. */
    public Map<String, QuantizedWeight> quantized() {
        return Collections.unmodifiableMap(quantized);
    }

    /** How the matrices of linear layers and of embeddings are kept; what a file has packed, as {@link Mxfp4Weight}, is as it is. */
    public LoadIn loadIn() {
        return quantized.values().stream()
                .map(QuantizedWeight::loadIn)
                .filter(asked -> asked != LoadIn.FULL)
                .findFirst()
                .orElse(LoadIn.FULL);
    }

    /** The dtype of a model with these parameters, for those who want to tell runs apart: {@code bfloat16 in 4bit}. */
    public String precision(Dtype dtype) {
        return loadIn() == LoadIn.FULL ? dtype.torchName() : dtype.torchName() + " in " + loadIn().word();
    }

    /** Notes that this one is a buffer, which nobody trains. */
    public void markFixed(String name) {
        fixed.add(bare(name));
    }

    /** Whether this one is a buffer. */
    public boolean isFixed(String name) {
        return fixed.contains(bare(name));
    }

    /** {@link #asMap} without buffers, which are read, written and merged as the others, and never trained. */
    public Map<String, Tensor> trainable() {
        Map<String, Tensor> trainable = new LinkedHashMap<>(tensors);
        trainable.keySet().removeAll(fixed);
        return Collections.unmodifiableMap(trainable);
    }

    /** Notes that a checkpoint lacked this parameter, so that its values are new. */
    public void markCreated(String name) {
        created.add(bare(name));
    }

    /** Notes that all parameters are new: no checkpoint was read. */
    public void markFromScratch() {
        fromScratch = true;
    }

    /** Whether no checkpoint was read, so that the model has no base. */
    public boolean areFromScratch() {
        return fromScratch;
    }

    /** The parameters that a checkpoint lacked: nobody can read them again, so whoever trains the model must save them. */
    public Set<String> created() {
        return Collections.unmodifiableSet(created);
    }

    /** Notes that a checkpoint has for so many other classes what is new here. */
    public void markOtherClasses(long classes) {
        otherClasses = OptionalLong.of(classes);
    }

    /** How many classes the checkpoint tells apart, where it is another number than here, so that its head is not used. */
    public OptionalLong otherClasses() {
        return otherClasses;
    }

    /** Notes that a checkpoint spells a parameter's name in its own way, such as without the module around it. */
    public void markSpelling(String inFile, String name) {
        spellings.put(inFile, bare(name));
    }

    /** The name here of what a checkpoint calls so, whether it was read or not. */
    public String nameOf(String inFile) {
        return spellings.getOrDefault(inFile, inFile);
    }

    /**
     * Stands for the present values, those of an attached adapter included: what was computed under the same object was computed by
     * the same numbers.
     */
    public Object edition() {
        return edition;
    }

    /** Notes that values have changed, of an adapter that is attached too; who writes into a tensor of a model says so. */
    public synchronized void markChanged() {
        edition = new Object();
        changes++;
    }

    /** An edition whose values are put by, and how many changes there had been by then. */
    public record PutBy(Object edition, long changes) {}

    /**
     * Notes that the values are those that were put by, and returns those until now. Whether a change meanwhile was one of these nobody
     * knows: then they have an edition of their own.
     *
     * @param other null for values that never were here
     */
    public synchronized PutBy exchangeEdition(@Nullable PutBy other) {
        PutBy before = new PutBy(edition, changes);
        edition = other != null && other.changes() == changes ? other.edition() : new Object();
        return before;
    }

    /** Number of elements of all parameters, however they are stored. */
    public long elements() {
        return tensors.values().stream().mapToLong(Tensor::numel).sum()
                + quantized.values().stream()
                        .mapToLong(matrix -> matrix.out() * matrix.in())
                        .sum();
    }

    /** Bytes that all parameters take. */
    public long bytes() {
        return tensors.values().stream()
                        .mapToLong(tensor -> tensor.numel() * tensor.element_size())
                        .sum()
                + quantized.values().stream().mapToLong(QuantizedWeight::bytes).sum();
    }

    /** Whether they have been freed: the model has been closed. */
    public boolean areClosed() {
        return closed;
    }

    @Override
    public void close() {
        closed = true;
        tensors.values().forEach(Tensor::close);
        tensors.clear();
        quantized.values().forEach(QuantizedWeight::close);
        quantized.clear();
    }
}
