package org.loft4j.export;

/**
 * Where a tensor of a Hugging Face checkpoint goes in a GGUF file.
 *
 * @param name its name there
 * @param change what happens to its values
 */
record TensorPlace(String name, Change change) {
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
        TRANSPOSE
    }
}
