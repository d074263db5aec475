package org.loft4j.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;

/** How the rows of a language model share the rows of a batch. */
enum Packing {
    /** Each is one. */
    NONE,
    /** Texts one after the other, cut into blocks. */
    BLOCKS,
    /** Whole examples, which see nothing of each other. */
    EXAMPLES;

    /** Reads a word; {@code true} and {@code false} are those of a switch, which stands for blocks. */
    static Packing parse(String word) {
        if (word.equals("true") || word.equals("false")) {
            return word.equals("true") ? BLOCKS : NONE;
        }
        return Arrays.stream(values())
                .filter(packing -> packing.toString().equals(word))
                .findFirst()
                .orElseThrow(() -> new ConfigException("packing must be one of "
                        + Arrays.stream(values()).map(Packing::toString).collect(Collectors.joining(", ")) + ", got "
                        + word));
    }

    /** The word of the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
