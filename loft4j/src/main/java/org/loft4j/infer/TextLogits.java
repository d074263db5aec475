package org.loft4j.infer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Encoded;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Inference;
import org.loft4j.nn.Model;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Takes texts, or pairs of texts, through a model in batches, for what its logits say of each. */
final class TextLogits {
    private final Model model;
    private final Tokenizer tokenizer;
    private final int maxLength;
    private final int batchSize;
    // a tokenizer that puts special tokens around a text has tokens for every text
    private final boolean addsTokens;
    private final AtomicLong cut = new AtomicLong();

    /**
     * The model in evaluation mode and the tokenizer stay the caller's.
     *
     * @param maxLength longer texts are cut to so many tokens
     * @param batchSize texts that go through the model at once
     */
    TextLogits(Model model, Tokenizer tokenizer, int maxLength, int batchSize) {
        Checks.atLeast("max_length", maxLength, 1);
        Checks.atLeast("batch_size", batchSize, 1);
        this.model = model;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        this.batchSize = batchSize;
        this.addsTokens = tokenizer.encode("", true).length > 0;
    }

    /** Whether the tokenizer makes at least one token of a text, without which nothing can be said of it. */
    boolean hasTokens(String text) {
        return addsTokens || tokenizer.encode(text, true).length > 0;
    }

    /** The same of both texts of a pair, special tokens apart. */
    boolean hasTokens(TextPair pair) {
        return tokenizer.encode(pair.text(), false).length > 0 && tokenizer.encode(pair.textPair(), false).length > 0;
    }

    /**
     * What is said of each text, in their order.
     *
     * @param said what logits {@code (rows, labels)} say of some rows, in their order
     * @throws ConfigException at a text without tokens; the message has its index
     */
    <T> List<T> ofTexts(List<String> texts, Function<Tensor, List<T>> said) {
        return of(
                texts.stream()
                        .map(text -> new Encoded(
                                counted(
                                        tokenizer.encodeTruncated(text, maxLength),
                                        () -> tokenizer.encode(text, true).length),
                                new long[0]))
                        .toList(),
                said);
    }

    /** The same of pairs. A pair that is too long loses tokens at the end of the longer text. */
    <T> List<T> ofPairs(List<TextPair> pairs, Function<Tensor, List<T>> said) {
        return of(
                pairs.stream()
                        .map(pair -> {
                            Encoded row = tokenizer.encodeTruncated(pair, maxLength);
                            counted(
                                    row.ids(),
                                    () -> tokenizer
                                            .encodeTruncated(pair, Integer.MAX_VALUE)
                                            .ids()
                                            .length);
                            return row;
                        })
                        .toList(),
                said);
    }

    /**
     * The same of texts with their special tokens in them, as a chat template writes them, which are never cut.
     *
     * @param ids tokens of each
     * @throws ConfigException at one that is longer than the greatest length
     */
    <T> List<T> ofWritten(List<long[]> ids, Function<Tensor, List<T>> said) {
        List<Encoded> rows =
                ids.stream().map(some -> new Encoded(some, new long[0])).toList();
        for (int i = 0; i < rows.size(); i++) {
            if (rows.get(i).ids().length > maxLength) {
                throw new ConfigException("the one with index " + i + " of " + rows.size() + ", counted from 0, "
                        + ChatFormat.tooLong(rows.get(i).ids().length, maxLength));
            }
        }
        return of(rows, said);
    }

    /** How many texts, or pairs, have been cut so far. */
    long cut() {
        return cut.get();
    }

    /** @param whole the number of tokens without a greatest length, asked for where it may have mattered */
    private long[] counted(long[] ids, IntSupplier whole) {
        if (ids.length == maxLength && whole.getAsInt() > maxLength) {
            cut.incrementAndGet();
        }
        return ids;
    }

    private <T> List<T> of(List<Encoded> rows, Function<Tensor, List<T>> said) {
        for (int i = 0; i < rows.size(); i++) {
            if (rows.get(i).ids().length == 0) {
                throw new ConfigException("a text without tokens cannot be judged: the one with index " + i + " of "
                        + rows.size() + ", counted from 0");
            }
        }
        // rows of similar length share a batch, for less padding; the longest come first, so that lanes end together
        int[] order = IntStream.range(0, rows.size())
                .boxed()
                .sorted(Comparator.comparingInt(i -> -rows.get(i).ids().length))
                .mapToInt(i -> i)
                .toArray();
        int lanes = lanes(rows, order);
        List<int[]> parts = parts(order, lanes);
        List<List<T>> judged = new ArrayList<>(Collections.nCopies(parts.size(), List.of()));
        // a batch at a time, so that a training beside it, and other models, have their turn
        for (int start = 0; start < parts.size(); start += lanes) {
            int first = start;
            Lanes.runIfFree(
                    Math.min(lanes, parts.size() - first),
                    i -> judged.set(
                            first + i,
                            batch(
                                    Arrays.stream(parts.get(first + i))
                                            .mapToObj(rows::get)
                                            .toList(),
                                    said)));
        }
        List<T> inOrder = new ArrayList<>(judged.stream().flatMap(List::stream).toList());
        Iterator<T> next = judged.stream().flatMap(List::stream).iterator();
        for (int i : order) {
            inOrder.set(i, next.next());
        }
        return Collections.unmodifiableList(inOrder);
    }

    /**
     * How many lanes take rows, each its share of a batch. Matrices in fewer bits share out their tiles instead: each lane would widen
     * all of them for itself. So does a batch stay whole where the rotation of all positions depends on its longest row.
     *
     * @param order the longest first
     */
    private int lanes(List<Encoded> rows, int[] order) {
        if (model.description().device().kind() != DeviceSpec.Kind.CPU
                || !model.weights().quantized().isEmpty()
                || order.length < 2) {
            return 1;
        }
        int longest = rows.get(order[0]).ids().length;
        int shortest = rows.get(order[order.length - 1]).ids().length;
        return !(model instanceof Decoder decoder) || decoder.outlives(shortest, longest)
                ? Lanes.forRows(Math.min(batchSize, order.length))
                : 1;
    }

    /** All rows, so many of them together that all lanes have a batch between them. */
    private List<int[]> parts(int[] order, int lanes) {
        int size = (Math.min(batchSize, order.length) + lanes - 1) / lanes;
        List<int[]> parts = new ArrayList<>();
        for (int start = 0; start < order.length; start += size) {
            parts.add(Arrays.copyOfRange(order, start, Math.min(order.length, start + size)));
        }
        return parts;
    }

    private <T> List<T> batch(List<Encoded> rows, Function<Tensor, List<T>> said) {
        int columns = rows.stream().mapToInt(row -> row.ids().length).max().orElse(0);
        long[] ids = new long[rows.size() * columns];
        long[] mask = new long[ids.length];
        long[] types = new long[ids.length];
        Arrays.fill(ids, tokenizer.padId());
        for (int i = 0; i < rows.size(); i++) {
            Encoded row = rows.get(i);
            System.arraycopy(row.ids(), 0, ids, i * columns, row.ids().length);
            Arrays.fill(mask, i * columns, i * columns + row.ids().length, 1);
            if (row.tokenTypeIds() != null) {
                System.arraycopy(row.tokenTypeIds(), 0, types, i * columns, row.ids().length);
            }
        }
        boolean typed = rows.stream().anyMatch(row -> row.tokenTypeIds() != null);
        try (NativeScope scope = new NativeScope();
                Inference inference = Inference.open()) {
            TokenInput input = new TokenInput(
                    onDevice(ids, rows.size(), columns),
                    onDevice(mask, rows.size(), columns),
                    typed ? onDevice(types, rows.size(), columns) : null);
            return said.apply(Inference.ofTokens(model, ids.length, () -> model.logits(input)));
        }
    }

    private Tensor onDevice(long[] values, long rows, long columns) {
        return Tensors.of(values, rows, columns).to(model.description().device().torch(), Dtype.I64.scalarType());
    }
}
