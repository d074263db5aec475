package org.loft4j.nn;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;

/** How a model's frozen matrices, of linear layers and of tokens, are kept; whatever else it has stays in its dtype. */
public enum LoadIn {
    /** In the model's dtype, or in the few bits in which the checkpoint has them ({@link Mxfp4Weight}). */
    FULL("full"),
    /** As {@link Int8Weight}. */
    INT8("8bit"),
    /** As {@link Nf4Weight}. */
    NF4("4bit");

    private final String word;

    LoadIn(String word) {
        this.word = word;
    }

    /** The word on the command line. */
    public String word() {
        return word;
    }

    /** @throws ConfigException for a word that is none of {@link #word} */
    public static LoadIn parse(String word) {
        return Arrays.stream(values())
                .filter(value -> value.word.equals(word))
                .findFirst()
                .orElseThrow(() -> new ConfigException("load_in must be one of "
                        + Arrays.stream(values()).map(LoadIn::word).collect(Collectors.joining(", ")) + ", got "
                        + word));
    }
}
