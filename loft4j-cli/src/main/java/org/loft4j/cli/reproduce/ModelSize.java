package org.loft4j.cli.reproduce;

import java.util.List;

/**
 * A model that does not fit here: what of it is adapted.
 *
 * @param title its name
 * @param parameters of the whole model
 * @param layers of the transformer
 * @param adapted the matrices of one layer that get an adapter
 */
record ModelSize(String title, long parameters, int layers, List<Matrix> adapted) {
    /** {@code (out, in)}. */
    record Matrix(long out, long in) {}

    /** LLaMA-7B (Touvron et al. 2023, arXiv 2302.13971, table 2): hidden size 4096, 32 layers, inner size 11008. */
    static final ModelSize LLAMA_7B = new ModelSize("LLaMA-7B", 6_738_415_616L, 32, matrices(4096, 4096, 11008));

    /** Llama-2-70B (arXiv 2307.09288): hidden size 8192, 80 layers, inner size 28672, 8 heads of 128 for keys and values. */
    static final ModelSize LLAMA_70B = new ModelSize("Llama-2-70B", 68_976_648_192L, 80, matrices(8192, 1024, 28672));

    /** Of queries, keys and values, and the two of the feed-forward block. */
    private static List<Matrix> matrices(long hidden, long keys, long inner) {
        return List.of(
                new Matrix(hidden, hidden),
                new Matrix(keys, hidden),
                new Matrix(keys, hidden),
                new Matrix(inner, hidden),
                new Matrix(hidden, inner));
    }

    /** Floats of all adapters at this rank: {@code Σ (m + n)·r}. */
    double adapterFloats(long rank) {
        return layers
                * adapted.stream()
                        .mapToDouble(each -> (double) (each.out + each.in) * rank)
                        .sum();
    }

    /** Floats of a method's state over all adapted matrices; full fine-tuning trains every parameter. */
    double stateFloats(MemoryMethod method, long rank) {
        return method.isFull()
                ? 2.0 * parameters
                : layers
                        * adapted.stream()
                                .mapToDouble(each -> method.stateFloats(each.out, each.in, rank))
                                .sum();
    }

    /** The largest temporary of one step. */
    double temporaryFloats(MemoryMethod method, long rank) {
        return adapted.stream()
                .mapToDouble(each -> method.temporaryFloats(each.out, each.in, rank))
                .max()
                .orElse(0);
    }
}
