package org.loft4j.export;

/**
 * Where a tensor of a Hugging Face checkpoint goes in a GGUF file.
 *
 * @param name its name there
 * @param change what happens to its values
 * @param expert its number among those that become one tensor {@code (experts, out, in)}; -1 for a tensor by itself
 */
record TensorPlace(String name, Change change, int expert) {
    TensorPlace(String name, Change change) {
        this(name, change, -1);
    }

    /** What the two layouts disagree about. */
    enum Change {
        NONE,
        /** Rows of a query projection, from rotated halves to rotated pairs. */
        QUERY_ROWS,
        /** Rows of a key projection, likewise. */
        KEY_ROWS,
        /** Gemma stores a norm's weight less one. */
        PLUS_ONE,
        /** GPT-2 stores matrices as {@code (in, out)}. */
        TRANSPOSE,
        /** Rows by heads of values, from those of one head of keys beside each other to {@link LinearHeads}' order. */
        VALUE_ROWS,
        /** The same of the rows behind those of queries and keys. */
        ROWS_BEHIND_KEYS,
        /** The same of columns. */
        VALUE_COLUMNS,
        /** {@code (channels, 1, kernel)} without the 1, the channels as {@link #ROWS_BEHIND_KEYS}. */
        CONVOLUTION,
        /** {@code (channels, 1, kernel)} without the 1. */
        KERNEL,
        /** A vector as a matrix of one column. */
        COLUMN,
        /** {@code A_log} as the factor that it stands for, {@code -exp(x)}, in one column. */
        RATE_COLUMN,
        /** A vector as a matrix of one row. */
        ROW,
        /** A matrix of one row as a vector. */
        FLAT,
        /** The first half of the rows, of each matrix where there are several on each other. */
        FIRST_ROWS,
        /** The other half. */
        LAST_ROWS,
        /** {@code A_log} as the factor that it stands for, {@code -exp(x)}, in the order of {@link #VALUE_ROWS}. */
        RATE,
        /** Rows with queries, keys and values of each head together, as those of all queries, of all keys, and of all values. */
        BY_KIND,
        /** Of latent attention, the rows that make the keys of each head, as matrices {@code (heads, rank, d)}. */
        LATENT_KEYS,
        /** Those that make the values, as matrices {@code (heads, d, rank)}. */
        LATENT_VALUES,
        /** The gates of a layer's {@link StackedExperts}. */
        GATES,
        /** Their ups. */
        UPS,
        /** All of a tensor of theirs. */
        EXPERTS
    }
}
